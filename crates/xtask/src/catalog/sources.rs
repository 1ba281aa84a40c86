//! Reading the two catalogues into one shape.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::decimal::shifted;
use super::{modes, names};

/// The book under way: provider and model → what is known.
pub(super) type Book = BTreeMap<(String, String), Model>;

/// What is known of one model.
#[derive(Debug, Default)]
pub(super) struct Model {
    mode: String,
    context: Option<u64>,
    output: Option<u64>,
    abilities: BTreeMap<&'static str, bool>,
    deprecated: Option<String>,
    price: Map<String, Value>,
    above: Vec<(u64, Map<String, Value>)>,
    tiers: BTreeMap<&'static str, Tier>,
    searches: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Tier {
    price: Map<String, Value>,
    above: Vec<(u64, Map<String, Value>)>,
}

// tidy: table
/// Price field of the book → field of the first catalogue, before its suffixes.
const FIGURES: &[(&str, &str)] = &[
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cached", "cache_read_input_token_cost"),
    ("cache_write", "cache_creation_input_token_cost"),
    ("cache_write_long", "cache_creation_input_token_cost_above_1hr"),
    ("reasoning", "output_cost_per_reasoning_token"),
    ("audio_input", "input_cost_per_audio_token"),
    ("audio_output", "output_cost_per_audio_token"),
    ("image_input", "input_cost_per_image_token"),
    ("image_output", "output_cost_per_image_token"),
    ("search", "input_cost_per_query"),
];

// tidy: table
/// Price field of the book → field of the second catalogue.
const SECOND_FIGURES: &[(&str, &str)] = &[
    ("input", "input"),
    ("output", "output"),
    ("cached", "cache_read"),
    ("cache_write", "cache_write"),
    ("reasoning", "reasoning"),
    ("audio_input", "input_audio"),
    ("audio_output", "output_audio"),
];

// tidy: table
/// Service tier of the book → suffix in the first catalogue.
const TIERS: &[(&str, &str)] = &[("batch", "_batches"), ("flex", "_flex"), ("priority", "_priority")];

// tidy: table
/// Ability of the book → field of the first catalogue.
const ABILITIES: &[(&str, &str)] = &[
    ("tools", "supports_function_calling"),
    ("images", "supports_vision"),
    ("audio", "supports_audio_input"),
    ("video", "supports_video_input"),
    ("pdf", "supports_pdf_input"),
    ("json_schema", "supports_response_schema"),
    ("reasoning", "supports_reasoning"),
    ("prompt_cache", "supports_prompt_caching"),
];

/// Every model of the first catalogue that is billed by tokens or does what Pathgate serves.
pub(super) fn priced(catalogue: &Value) -> Book {
    let mut book = Book::new();
    for (key, facts) in catalogue.as_object().into_iter().flatten() {
        let (Some(provider), Some(mode)) = (facts["litellm_provider"].as_str(), facts["mode"].as_str())
        else {
            continue;
        };
        // One entry explains the others.
        if key == "sample_spec" {
            continue;
        }
        let mut model = model(facts, mode);
        model.price_searches(key, facts);
        if model.is_priced() || modes::SERVED.contains(&model.mode.as_str()) {
            let name = bare(key, provider);
            // The same model can stand under several keys; the most detailed one counts.
            let slot = book.entry((names::first(provider), name)).or_default();
            if model.detail() >= slot.detail() {
                *slot = model;
            }
        }
    }
    for ((provider, name), model) in &mut book {
        model.forget_made_up_zeros(provider, name);
        model.fold_reasoning();
    }
    book.retain(|(_, name), _| {
        !name.is_empty() && name.bytes().all(|byte| byte != b'"' && byte != b'\\' && byte >= b' ')
    });
    book
}

/// Adds what only the second catalogue knows; gives the prices on which they disagree.
pub(super) fn complete(book: &mut Book, catalogue: &Value) -> Vec<String> {
    let mut conflicts = Vec::new();
    for (id, provider) in catalogue.as_object().into_iter().flatten() {
        for (name, facts) in provider["models"].as_object().into_iter().flatten() {
            let owner = names::second(id);
            let key = (owner.to_owned(), name.clone());
            let known = book.contains_key(&key);
            let model = book.entry(key).or_default();
            if !known {
                modes::second(name, facts).clone_into(&mut model.mode);
            }
            model.learn(facts);
            model.fold_reasoning();
            model.forget_made_up_zeros(owner, name);
            model.price_anthropics_searches(owner);
            conflicts.extend(model.compare(&facts["cost"]).map(|what| format!("{id}/{name}: {what}")));
        }
    }
    conflicts
}

/// A built-in model costs nothing, which is known, not unknown.
pub(super) fn demo(mode: &str) -> Model {
    let zero = || Value::from("0");
    Model {
        mode: mode.to_owned(),
        price: Map::from_iter([("input".to_owned(), zero()), ("output".to_owned(), zero())]),
        ..Model::default()
    }
}

/// The last day on which any model of the second catalogue was changed: the version of the book.
pub(super) fn newest(catalogue: &Value) -> String {
    let models = catalogue.as_object().into_iter().flatten();
    let days = models
        .flat_map(|(_, provider)| provider["models"].as_object().into_iter().flatten())
        .filter_map(|(_, facts)| facts["last_updated"].as_str())
        .filter(|day| day.len() == 10);
    days.max().unwrap_or("unknown").to_owned()
}

fn model(facts: &Value, mode: &str) -> Model {
    let mut model = Model {
        mode: modes::first(mode).to_owned(),
        context: tokens(&facts["max_input_tokens"]),
        output: tokens(&facts["max_output_tokens"]),
        deprecated: facts["deprecation_date"].as_str().filter(|day| day.len() == 10).map(str::to_owned),
        price: figures(facts, ""),
        above: steps(facts, ""),
        ..Model::default()
    };
    model.price_pictures();
    for (ability, field) in ABILITIES {
        if let Some(known) = facts[*field].as_bool() {
            model.abilities.insert(ability, known);
        }
    }
    for (tier, suffix) in TIERS {
        let price = figures(facts, suffix);
        if !price.is_empty() {
            model.tiers.insert(tier, Tier { price, above: steps(facts, suffix) });
        }
    }
    model.ranges(&facts["tiered_pricing"]);
    model
}

/// The figures whose field ends in `suffix`.
fn figures(facts: &Value, suffix: &str) -> Map<String, Value> {
    let figure = |(name, field): &(&str, &str)| {
        let text = shifted(&facts[format!("{field}{suffix}")], 6, 6)?;
        Some(((*name).to_owned(), Value::from(text)))
    };
    FIGURES.iter().filter_map(figure).collect()
}

/// The figures above a number of input tokens: `…_above_272k_tokens`, then the tier's suffix.
fn steps(facts: &Value, suffix: &str) -> Vec<(u64, Map<String, Value>)> {
    let mut thresholds: Vec<u64> = facts
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(field, _)| {
            let (_, rest) = field.split_once("_above_")?;
            rest.split_once("k_tokens")?.0.parse().ok()
        })
        .collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    let step = |thousands: u64| {
        let price = figures(facts, &format!("_above_{thousands}k_tokens{suffix}"));
        (!price.is_empty()).then_some((thousands * 1_000, price))
    };
    thresholds.into_iter().filter_map(step).collect()
}

fn second_figures(cost: &Value) -> Map<String, Value> {
    let figure =
        |(name, field): &(&str, &str)| Some(((*name).to_owned(), Value::from(shifted(&cost[*field], 0, 6)?)));
    SECOND_FIGURES.iter().filter_map(figure).collect()
}

/// Steps of the second catalogue: figures above a number of input tokens.
fn second_steps(cost: &Value) -> Vec<(u64, Map<String, Value>)> {
    let mut steps: Vec<_> = cost["tiers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tier| Some((tokens(&tier["tier"]["size"])?, second_figures(tier))))
        .collect();
    steps.sort_unstable_by_key(|(from, _)| *from);
    steps
}

/// A model's name without the catalogue's prefix for its provider.
fn bare(key: &str, provider: &str) -> String {
    let stem = provider.split('-').next().unwrap_or(provider);
    let prefixes = [provider, stem, "bedrock", "vertex_ai", "cohere", "text-completion-openai"];
    match key.split_once('/') {
        Some((prefix, rest)) if prefixes.contains(&prefix) => rest.to_owned(),
        _ => key.to_owned(),
    }
}

/// A token count; the catalogues write some as text or as 1e6.
fn tokens(value: &Value) -> Option<u64> {
    shifted(value, 0, 0)?.parse().ok().filter(|count| *count > 0)
}

impl Model {
    /// Is its price whole? One without input, or without output where there is any, would bill that part as nothing.
    pub(super) fn is_priced(&self) -> bool {
        let has = |figure: &str| self.price.contains_key(figure);
        if modes::is_other_unit(&self.mode, self.price.get("input"), self.price.get("output")) {
            return false;
        }
        has("input") && (has("output") || matches!(self.mode.as_str(), "embedding" | "rerank" | "moderation"))
    }

    /// Catalogues write 0 for subscriptions, promotions and models that nobody sells. Only what is called free is free:
    /// by its name, or in the provider's documents (platform.openai.com/docs/guides/moderation).
    fn forget_made_up_zeros(&mut self, provider: &str, name: &str) {
        let zero = self.price.values().all(|figure| figure == "0");
        let said = provider == "openai" && self.mode == "moderation";
        let free = said || ["free", ":free", "-free"].iter().any(|end| name.ends_with(end));
        if zero && !free {
            self.price.clear();
        }
    }

    /// Models that make pictures alone have no price for other output. Theirs is that of pictures: it is what a count
    /// that is not told apart is made of.
    fn price_pictures(&mut self) {
        if !self.price.contains_key("output")
            && let Some(price) = self.price.get("image_output").cloned()
        {
            self.price.insert("output".to_owned(), price);
        }
    }

    /// What a chat model's own search of the web costs, and which searches are billed.
    fn price_searches(&mut self, key: &str, facts: &Value) {
        if !matches!(self.mode.as_str(), "chat" | "image_generation") {
            return;
        }
        let sizes = &facts["search_context_cost_per_query"];
        let figure = |size: &str| shifted(&sizes[format!("search_context_size_{size}")], 6, 6);
        // Which size was searched in no answer tells. Perplexity's says what it costs.
        let same = figure("low")
            .filter(|low| ["medium", "high"].iter().all(|size| figure(size).as_ref() == Some(low)));
        let provider = facts["litellm_provider"].as_str().unwrap_or_default();
        let google = ["gemini", "vertex_ai", "vertex_ai-language-models"].contains(&provider);
        self.searches = match provider {
            // Billed by the request, but for deep research, which counts its searches.
            "perplexity" if same.is_none() && !sizes.is_null() => Some("always"),
            // Before Gemini 3 Google bills the prompt that was grounded, not its queries.
            _ if google && same.is_some() && facts["web_search_billing_unit"] != "per_query" => Some("once"),
            // Models that search for every answer (developers.openai.com/api/docs/guides/tools-web-search).
            "openai" if key.contains("-search-preview") || key.contains("-search-api") => Some("always"),
            _ => None,
        };
        // With other models of OpenAI's this is the tool's preview; the tool itself costs less, and no answer tells which it was.
        let preview = provider == "openai" && self.searches.is_none() && same.as_deref() == Some("25000");
        if let Some(same) = same.filter(|_| !preview) {
            self.price.insert("search".to_owned(), same.into());
        }
    }

    /// A search of Anthropic's costs the same with all of its models
    /// (platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#usage-and-pricing).
    fn price_anthropics_searches(&mut self, provider: &str) {
        if provider == "anthropic" && self.is_priced() {
            self.price.entry("search").or_insert_with(|| "10000".into());
        }
    }

    fn detail(&self) -> usize {
        self.price.len() + self.above.len() + self.tiers.len() + self.abilities.len()
    }

    /// Prices given as ranges of input tokens: the first range is the usual price.
    fn ranges(&mut self, ranges: &Value) {
        for range in ranges.as_array().into_iter().flatten() {
            let price = figures(range, "");
            match tokens(&range["range"][0]) {
                _ if price.is_empty() => {}
                None => self.price = price,
                Some(from) => self.above.push((from, price)),
            }
        }
    }

    /// Reasoning that costs what other output does is within the output. Said apart, it would keep its usual figure in the
    /// tiers and steps that lower or raise the output alone.
    fn fold_reasoning(&mut self) {
        let tiers = self.tiers.values_mut().flat_map(|tier| {
            std::iter::once(&mut tier.price).chain(tier.above.iter_mut().map(|(_, price)| price))
        });
        let steps = self.above.iter_mut().map(|(_, price)| price);
        let mut all: Vec<_> = std::iter::once(&mut self.price).chain(steps).chain(tiers).collect();
        let within = |price: &&mut Map<String, Value>| {
            price.get("reasoning").is_none_or(|figure| price.get("output") == Some(figure))
        };
        if all.iter().all(within) {
            for price in &mut all {
                price.remove("reasoning");
            }
        }
    }

    /// Takes over what is not known yet.
    fn learn(&mut self, facts: &Value) {
        self.context = self.context.or_else(|| tokens(&facts["limit"]["context"]));
        self.output = self.output.or_else(|| tokens(&facts["limit"]["output"]));
        let takes = |kind: &str| {
            let inputs = facts["modalities"]["input"].as_array()?;
            Some(inputs.iter().any(|input| input == kind))
        };
        let known = [
            ("tools", facts["tool_call"].as_bool()),
            ("reasoning", facts["reasoning"].as_bool()),
            ("json_schema", facts["structured_output"].as_bool()),
            ("images", takes("image")),
            ("audio", takes("audio")),
            // That it takes none is what everybody expects: the book need not say it.
            ("video", takes("video").filter(|takes| *takes)),
            ("pdf", takes("pdf")),
        ];
        // That sound goes in says of a model that transcribes nothing more; with room for a conversation it holds one.
        let only_hears =
            self.mode == "audio_transcription" && self.context.is_none_or(|window| window < 1_000);
        for (ability, known) in known {
            if let Some(known) = known
                && !(only_hears && ability == "audio")
            {
                self.abilities.entry(ability).or_insert(known);
            }
        }
        let cost = &facts["cost"];
        if !self.is_priced() {
            self.price = second_figures(cost);
        }
        if self.above.is_empty() && self.is_priced() {
            self.above = second_steps(cost);
        }
    }

    fn compare(&self, cost: &Value) -> Option<String> {
        let differ = |name: &str| {
            let (ours, theirs) = (self.price.get(name)?.as_str()?, shifted(&cost[name], 0, 6)?);
            (ours != theirs).then(|| format!("{name} {ours} against {theirs}"))
        };
        let found: Vec<String> = ["input", "output"].into_iter().filter_map(differ).collect();
        (!found.is_empty()).then(|| found.join(", "))
    }

    /// The line of the book, after provider and model.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let mut line = Map::new();
        let names = |wanted: bool| -> Vec<&str> {
            self.abilities.iter().filter(|(_, known)| **known == wanted).map(|(name, _)| *name).collect()
        };
        let step = |(tokens, price): &(u64, Map<String, Value>)| json!({ "tokens": tokens, "price": price });
        line.insert("mode".into(), self.mode.as_str().into());
        let mut put = |name: &str, value: Value| {
            let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !empty {
                line.insert(name.to_owned(), value);
            }
        };
        put("context", self.context.into());
        put("output", self.output.into());
        put("can", names(true).into());
        put("cannot", names(false).into());
        put("deprecated", self.deprecated.as_deref().into());
        if self.is_priced() {
            put("price", Value::Object(self.price.clone()));
            put("above", self.above.iter().map(step).collect());
            let tier = |(name, tier): (&&str, &Tier)| {
                let mut line = Map::new();
                line.insert("name".into(), (*name).into());
                line.insert("price".into(), Value::Object(tier.price.clone()));
                if !tier.above.is_empty() {
                    line.insert("above".into(), tier.above.iter().map(step).collect());
                }
                Value::Object(line)
            };
            put("tiers", self.tiers.iter().map(tier).collect());
            put("searches", self.searches.into());
        }
        line
    }
}
