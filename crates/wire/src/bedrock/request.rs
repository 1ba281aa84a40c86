//! Canon → a Converse request.
//!
//! What Bedrock or the maker of the model (`family.rs`) cannot take is cut to fit and named in the receipt. The model
//! stands in the path, so the body does not name it. The way in is `read.rs`.

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Modality, OutputFormat, Receipt, Request, Sampling, ToolChoice};
use serde_json::{Map, Value, json};

use super::family::{Choices, Family, Tools, TopK, structures};
use super::read::PROMPT;
use super::reasoning::Plan;
use super::tools::{self, Answer, called_any};
use super::turns::Turns;
use super::{DIALECT, single};
use crate::Quirks;
use crate::anthropic::{fit_schema, reshapes_schema};
use crate::outgoing::{Outgoing, merge};

/// What canon calls a schema that has no name.
pub(super) const UNNAMED: &str = "response";

/// Writes a request.
///
/// # Errors
/// The conversation cannot be put in Bedrock's form: see [`Turns::of`].
pub(crate) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let family = Family::of(&request.model);
    let schemas = structures(family, &request.model);
    let kept = request.extra.owner == Some(DIALECT) && request.extra.fields.contains_key(PROMPT);
    let turns = match request.messages.as_slice() {
        [] if kept => None,
        messages => Some(Turns::of(messages, family, receipt)?),
    };
    let plan = Plan::of(request, family, receipt);
    let mut additional = plan.fields.clone();
    let inference = inference(request, family, &plan, (&mut additional, &mut *receipt));
    let (output, answer) = output(request, (family, schemas), &plan, receipt);
    let tools = tools::write(request, (family, schemas), answer, receipt);
    let metadata = metadata(request.metadata.as_ref(), receipt);
    let tier = service_tier(request.service_tier.as_deref(), receipt);
    note_inexpressible(request, family, receipt);

    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    if let Some(turns) = turns {
        body.put("messages", &turns.turns)?;
        if !turns.system.is_empty() {
            body.put("system", &turns.system)?;
        }
    }
    body.put_object("inferenceConfig", inference)?;
    body.put_object("toolConfig", tools)?;
    body.put_object("additionalModelRequestFields", additional)?;
    body.put_object("outputConfig", output)?;
    body.put_object("requestMetadata", metadata)?;
    body.put_object("serviceTier", tier)?;
    body.finish()
}

/// `inferenceConfig`, and what the model's own fields hold of it.
fn inference(
    request: &Request,
    family: Family,
    plan: &Plan,
    (additional, receipt): (&mut Map<String, Value>, &mut Receipt),
) -> Map<String, Value> {
    let mut config = Map::new();
    let Samplers { temperature, top_p, top_k } = Samplers::of(&request.sampling, family, plan, receipt);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.to_owned(), value);
        }
    };
    if plan.alone && plan.max_tokens.is_some() {
        receipt.dropped("max_completion_tokens", "the model takes no limit when it thinks hard");
    } else {
        put("maxTokens", plan.max_tokens.map(Value::from));
    }
    put("temperature", temperature.map(Value::from));
    put("topP", top_p.map(Value::from));
    let mut stop = Vec::with_capacity(request.sampling.stop.len());
    for text in &request.sampling.stop {
        if text.is_empty() {
            receipt.dropped("stop", "a stop sequence cannot be empty");
        } else {
            stop.push(text.as_str());
        }
    }
    put("stopSequences", (!stop.is_empty()).then(|| json!(stop)));
    if let Some(top_k) = top_k {
        match family.top_k() {
            TopK::Field(name) => drop(additional.insert(name.to_owned(), top_k.into())),
            TopK::Within => merge(additional, &single("inferenceConfig", single("topK", top_k))),
            TopK::Nowhere => receipt.dropped("top_k", "the model has no such parameter"),
        }
    }
    if family == Family::Cohere {
        let sampling = &request.sampling;
        let own = [
            ("seed", sampling.seed.map(Value::from)),
            ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
            ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        additional.extend(own);
    }
    config
}

/// How tokens are drawn, as far as the model lets that be said.
struct Samplers {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Samplers {
    fn of(asked: &Sampling, family: Family, plan: &Plan, receipt: &mut Receipt) -> Self {
        let mut given = Self { temperature: asked.temperature, top_p: asked.top_p, top_k: asked.top_k };
        if given.temperature.is_some_and(|temperature| temperature > 1.0) {
            receipt.dropped("temperature", "lowered to 1, the most Bedrock takes");
            given.temperature = Some(1.0);
        }
        let (sampling, both) = match family {
            Family::Claude(claude) => (claude.sampling, claude.both_samplers),
            _ => (!plan.alone, true),
        };
        // A Claude model that thinks takes these and no others (docs: "Extended thinking").
        let bound = matches!(family, Family::Claude(_)) && plan.thinks;
        let fits = |value: Option<f64>, least: f64| !bound || value.is_some_and(|value| value >= least);
        let beside = given.temperature.is_some() && !both;
        if !(sampling && fits(given.top_p, 0.95) && !beside) {
            drop_unless_default(&mut given.top_p, "top_p", receipt);
        }
        if !(sampling && fits(given.temperature, 1.0)) {
            drop_unless_default(&mut given.temperature, "temperature", receipt);
        }
        if (!sampling || bound) && given.top_k.take().is_some() {
            receipt.dropped("top_k", "the model does not take it here");
        }
        given
    }
}

fn drop_unless_default(value: &mut Option<f64>, field: &'static str, receipt: &mut Receipt) {
    if value.take().is_some_and(|value| value < 1.0) {
        receipt.dropped(field, "the model does not take it here");
    }
}

/// `outputConfig`, and whether a tool stands for the schema.
fn output(
    request: &Request,
    (family, schemas): (Family, bool),
    plan: &Plan,
    receipt: &mut Receipt,
) -> (Map<String, Value>, Answer) {
    let mut config = plan.effort.map(|effort| single("effort", effort)).unwrap_or_default();
    let OutputFormat::JsonSchema { name, description, schema, .. } = &request.format else {
        if request.format == OutputFormat::JsonObject {
            receipt.dropped("response_format", "JSON needs a schema here");
        }
        return (config, Answer::Free);
    };
    if !schemas {
        let answer = by_tool(request, family, plan, receipt);
        return (config, answer);
    }
    let mut tried = Receipt::default();
    let alone = request.tools.is_empty() && matches!(family, Family::Claude(_));
    let reshaped = alone && reshapes_schema(schema);
    if reshaped && by_tool(request, family, plan, &mut tried) == Answer::Tool && tried.is_empty() {
        return (config, Answer::Tool);
    }
    let schema = fit_schema(schema, "response_format.schema", receipt);
    let mut definition = single("schema", schema.to_string());
    if name != UNNAMED {
        definition.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(description) = description {
        definition.insert("description".to_owned(), description.as_str().into());
    }
    let format = json!({"type": "json_schema", "structure": {"jsonSchema": definition}});
    config.insert("textFormat".to_owned(), format);
    (config, Answer::Free)
}

/// Whether a tool stands for the schema, where the model takes none for its answer. Where it cannot be forced to call a tool
/// of this name, it stands alone: beside others it would be one among many.
fn by_tool(request: &Request, family: Family, plan: &Plan, receipt: &mut Receipt) -> Answer {
    let free = matches!(request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None));
    let takes = match family.tools(&request.model) {
        Tools::No => false,
        Tools::Whole => !request.stream,
        Tools::Any => true,
    };
    let alone = request.tools.is_empty() && !called_any(&request.messages);
    let fits = family.choices() == Choices::Tool || alone;
    if !(takes && fits && free && !plan.thinks) {
        receipt.dropped("response_format", "the model takes no schema for its answer");
        return Answer::Free;
    }
    if family.choices() == Choices::Auto {
        receipt.dropped("response_format", "a tool asks for it, which the model cannot be made to call");
    }
    Answer::Tool
}

/// Bedrock keeps texts only.
fn metadata(metadata: Option<&Map<String, Value>>, receipt: &mut Receipt) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, value) in metadata.into_iter().flatten() {
        if value.is_string() {
            kept.insert(name.clone(), value.clone());
        } else {
            receipt.dropped(format!("metadata.{name}"), "only texts are kept");
        }
    }
    kept
}

/// Bedrock's tiers, and other providers' words for them.
fn service_tier(asked: Option<&str>, receipt: &mut Receipt) -> Map<String, Value> {
    let tier = match asked {
        None | Some("auto") => return Map::new(),
        Some(own @ ("default" | "priority" | "flex" | "reserved")) => own,
        Some("standard" | "standard_only") => "default",
        Some(_) => {
            receipt.dropped("service_tier", "Bedrock has no such tier");
            return Map::new();
        }
    };
    single("type", tier)
}

/// What no model of this dialect can be told.
fn note_inexpressible(request: &Request, family: Family, receipt: &mut Receipt) {
    let sampling = &request.sampling;
    let cohere = family == Family::Cohere;
    let penalty = |penalty: Option<f64>| !cohere && penalty.is_some_and(|penalty| penalty != 0.0);
    let asked = [
        ("n", sampling.n.is_some_and(|n| n > 1)),
        ("seed", !cohere && sampling.seed.is_some()),
        ("frequency_penalty", penalty(sampling.frequency_penalty)),
        ("presence_penalty", penalty(sampling.presence_penalty)),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("user", request.user.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("store", request.store == Some(true)),
        ("modalities", request.modalities.iter().any(|modality| *modality != Modality::Text)),
        ("audio", request.voice.is_some()),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Bedrock has no such parameter");
    }
}
