//! The price book: what is known of thousands of models, embedded as one line of JSON each.
//!
//! The lines are sorted by provider and model and begin with both, so that a lookup is a binary search over the text; only
//! the line that is found is parsed. `cargo xtask catalog` writes the file. A model that is not in the book has no price;
//! none is ever guessed from a relative.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use contract::ports::{Capabilities, ModelCard, Price, PriceTier, Searches, ServiceTier};
use contract::words::{Operation, PicoUsd};
use serde::Deserialize;

const EMBEDDED: &str = include_str!("../data/models.jsonl");
const HOSTS: &str = include_str!("../data/hosts.tsv");
const KINDS: &str = include_str!("../data/kinds.tsv");

/// Prices and capabilities of models by provider.
pub struct PriceBook {
    text: Cow<'static, str>,
    /// Where each model's line begins, in the order of the lines.
    lines: Vec<u32>,
    version: Arc<str>,
}

/// Why a price book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It cannot be read.
    #[error("cannot read the price book: {0}")]
    Read(#[from] std::io::Error),
    /// A line is not as it must be.
    #[error("line {line} of the price book: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Header {
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'t> {
    #[serde(rename = "provider")]
    _provider: Cow<'t, str>,
    model: Cow<'t, str>,
    mode: Cow<'t, str>,
    context: Option<u64>,
    output: Option<u64>,
    #[serde(default)]
    can: Vec<Cow<'t, str>>,
    #[serde(default)]
    cannot: Vec<Cow<'t, str>>,
    deprecated: Option<String>,
    price: Option<PriceText>,
    #[serde(default)]
    above: Vec<Step>,
    #[serde(default)]
    tiers: Vec<Tier>,
    /// `once` or `always`; without it, each is billed.
    searches: Option<Cow<'t, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    tokens: u64,
    price: PriceText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    name: String,
    price: PriceText,
    #[serde(default)]
    above: Vec<Step>,
}

/// Prices as they are written: decimals in USD per million tokens, or per million searches.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PriceText {
    input: Option<String>,
    output: Option<String>,
    cached: Option<String>,
    cache_write: Option<String>,
    cache_write_long: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    audio_output: Option<String>,
    image_input: Option<String>,
    image_output: Option<String>,
    search: Option<String>,
}

impl PriceText {
    /// The prices in pico-USD per token. Figures that are not given are taken from `under`: the usual price of the model for
    /// its tiers and steps.
    ///
    /// # Errors
    /// The figure that is not a decimal.
    fn compile(&self, under: &PriceTier) -> Result<PriceTier, String> {
        let figure = |text: &Option<String>, otherwise: Option<PicoUsd>| match text {
            Some(text) => PicoUsd::per_million(text).map(Some).ok_or_else(|| {
                format!("`{text}` is not a price: write USD per million tokens, such as 2.5 or 0.0375")
            }),
            None => Ok(otherwise),
        };
        Ok(PriceTier {
            input: figure(&self.input, Some(under.input))?.unwrap_or_default(),
            output: figure(&self.output, Some(under.output))?.unwrap_or_default(),
            cached: figure(&self.cached, under.cached)?,
            cache_write: figure(&self.cache_write, under.cache_write)?,
            cache_write_long: figure(&self.cache_write_long, under.cache_write_long)?,
            reasoning: figure(&self.reasoning, under.reasoning)?,
            audio_input: figure(&self.audio_input, under.audio_input)?,
            audio_output: figure(&self.audio_output, under.audio_output)?,
            image_input: figure(&self.image_input, under.image_input)?,
            image_output: figure(&self.image_output, under.image_output)?,
            search: figure(&self.search, under.search)?,
        })
    }
}

impl PriceBook {
    /// The book that comes with this release.
    ///
    /// # Errors
    /// Never for a release that passed its tests.
    pub fn embedded() -> Result<Self, PriceError> {
        Self::index(Cow::Borrowed(EMBEDDED))
    }

    /// A book from a file. Every line is checked, so that a bad file is refused as a whole.
    ///
    /// # Errors
    /// The file cannot be read or a line is wrong.
    pub fn load(path: &Path) -> Result<Self, PriceError> {
        let book = Self::index(Cow::Owned(std::fs::read_to_string(path)?))?;
        for (at, start) in book.lines.iter().enumerate() {
            let check = || {
                let line = book.parse(*start)?;
                book.compile(&line).map(drop)
            };
            check().map_err(|reason| PriceError::Line { line: at + 2, reason })?;
        }
        Ok(book)
    }

    fn index(text: Cow<'static, str>) -> Result<Self, PriceError> {
        let wrong = |line: usize, reason: &str| PriceError::Line { line, reason: reason.to_owned() };
        let end = text.find('\n').ok_or_else(|| wrong(1, "the first line must be {\"version\":\"…\"}"))?;
        let header: Header =
            serde_json::from_str(&text[..end]).map_err(|error| wrong(1, &error.to_string()))?;
        let mut lines = Vec::with_capacity(text.len() / 200);
        let mut before = ("", "");
        let mut start = end + 1;
        for (at, line) in text[start..].lines().enumerate() {
            let key = key_of(line).ok_or_else(|| wrong(at + 2, "must begin with provider and model"))?;
            if key <= before {
                return Err(wrong(at + 2, "the lines must be sorted by provider and model, each once"));
            }
            before = key;
            lines.push(u32::try_from(start).map_err(|_| wrong(at + 2, "the book is larger than 4 GiB"))?);
            start += line.len() + 1;
        }
        Ok(Self { lines, version: header.version.into(), text })
    }

    /// The version of the book: the day its facts were collected.
    #[must_use]
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// How many models it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Does it know nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The provider names the book uses.
    #[must_use]
    pub fn providers(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.lines.iter().filter_map(|start| key_of(self.line(*start))).map(|key| key.0).collect();
        names.dedup();
        names
    }

    /// The book's name for an account: by the host it is reached at, else by its kind, which the book may call otherwise.
    #[must_use]
    pub fn provider_of<'a>(kind: &'a str, host: Option<&str>) -> &'a str {
        let named = |table: &'static str, wanted: &str| {
            table.lines().find_map(|line| {
                let (name, book) = line.split_once('\t')?;
                (name == wanted).then_some(book)
            })
        };
        host.and_then(|host| named(HOSTS, host)).or_else(|| named(KINDS, kind)).unwrap_or(kind)
    }

    /// What is known of a provider's model. A dated name (`-2025-08-07`, `-20250514`) that the book does not have stands for
    /// the name without its date.
    #[must_use]
    pub fn lookup(&self, provider: &str, model: &str) -> Option<ModelCard> {
        let model = model.strip_prefix("models/").unwrap_or(model);
        let start = self.find(provider, model).or_else(|| self.find(provider, undated(model)?))?;
        self.compile(&self.parse(start).ok()?).ok()
    }

    /// All models of a provider.
    #[must_use]
    pub fn models_of(&self, provider: &str) -> Vec<ModelCard> {
        let from =
            self.lines.partition_point(|start| key_of(self.line(*start)).is_some_and(|key| key.0 < provider));
        let lines = self.lines[from..].iter();
        lines
            .take_while(|start| key_of(self.line(**start)).is_some_and(|key| key.0 == provider))
            .filter_map(|start| self.compile(&self.parse(*start).ok()?).ok())
            .collect()
    }

    fn find(&self, provider: &str, model: &str) -> Option<u32> {
        let wanted = (provider, model);
        let at = self
            .lines
            .binary_search_by(|start| key_of(self.line(*start)).unwrap_or_default().cmp(&wanted))
            .ok()?;
        Some(self.lines[at])
    }

    fn line(&self, start: u32) -> &str {
        let rest = &self.text[start as usize..];
        rest.split('\n').next().unwrap_or_default()
    }

    fn parse(&self, start: u32) -> Result<Line<'_>, String> {
        serde_json::from_str(self.line(start)).map_err(|error| error.to_string())
    }

    fn compile(&self, line: &Line<'_>) -> Result<ModelCard, String> {
        let steps = |steps: &[Step], base: &PriceTier| {
            let step = |step: &Step| Ok((step.tokens, step.price.compile(base)?));
            steps.iter().map(step).collect::<Result<Vec<_>, String>>()
        };
        let price = match &line.price {
            None => None,
            Some(price) => {
                let base = price.compile(&PriceTier::default())?;
                let mut tiers = Vec::with_capacity(line.tiers.len());
                for tier in &line.tiers {
                    let own = tier.price.compile(&base)?;
                    tiers.push(ServiceTier {
                        name: tier.name.as_str().into(),
                        above: steps(&tier.above, &own)?,
                        base: own,
                    });
                }
                let above = steps(&line.above, &base)?;
                let searches = match line.searches.as_deref() {
                    None => Searches::Each,
                    Some("once") => Searches::Once,
                    Some("always") => Searches::Always,
                    Some(other) => return Err(format!("`{other}` searches: `once` or `always`")),
                };
                let version = Arc::clone(&self.version);
                Some(Arc::new(Price { version, base, above, tiers, searches, own: false }))
            }
        };
        Ok(ModelCard { price, ..card(line) })
    }
}

/// What is known of a model but its price.
fn card(line: &Line<'_>) -> ModelCard {
    let known = |name: &str| match (
        line.can.iter().any(|can| can == name),
        line.cannot.iter().any(|no| no == name),
    ) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    ModelCard {
        name: line.model.clone().into_owned(),
        operations: operations(line),
        context_window: line.context,
        // The catalogues have the width of vectors here.
        max_output: line.output.filter(|_| !is_silent(&line.mode)),
        capabilities: Capabilities {
            tools: known("tools"),
            images: known("images"),
            audio: known("audio"),
            video: known("video"),
            pdf: known("pdf"),
            json_schema: known("json_schema"),
            reasoning: known("reasoning"),
            prompt_cache: known("prompt_cache"),
        },
        deprecated: line.deprecated.clone(),
        price: None,
    }
}

/// What a model does. Some that make pictures or sound converse as well: those whose output is limited in tokens.
fn operations(line: &Line<'_>) -> Vec<Operation> {
    let also_chat = |operation: Operation, converses: bool| {
        if converses { vec![operation, Operation::Chat] } else { vec![operation] }
    };
    match &*line.mode {
        "chat" => vec![Operation::Chat],
        "embedding" => vec![Operation::Embeddings],
        "rerank" => vec![Operation::Rerank],
        mode if draws(mode) => also_chat(Operation::Images, line.output.is_some()),
        "audio_speech" => also_chat(Operation::Speech, line.output.is_some()),
        "audio_transcription" => {
            also_chat(Operation::Transcription, line.can.iter().any(|can| can == "audio"))
        }
        "moderation" => vec![Operation::Moderation],
        _ => Vec::new(),
    }
}

/// Does it answer with numbers only?
fn is_silent(mode: &str) -> bool {
    matches!(mode, "embedding" | "rerank" | "moderation")
}

fn draws(mode: &str) -> bool {
    matches!(mode, "image" | "image_generation")
}

/// Provider and model of a line, without parsing it: names in the book need no escapes.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("{\"provider\":\"")?;
    let (provider, rest) = rest.split_once('"')?;
    let (model, _) = rest.strip_prefix(",\"model\":\"")?.split_once('"')?;
    Some((provider, model))
}

/// The name without a date at its end.
fn undated(model: &str) -> Option<&str> {
    let pattern = |name: &str, form: &str| {
        name.len() == form.len()
            && name.bytes().zip(form.bytes()).all(|(byte, want)| match want {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    ["-0000-00-00", "-00000000", "@00000000"].iter().find_map(|form| {
        let cut = model.len().checked_sub(form.len())?;
        (model.is_char_boundary(cut) && cut > 0 && pattern(&model[cut..], form)).then(|| &model[..cut])
    })
}

#[cfg(test)]
mod tests;
