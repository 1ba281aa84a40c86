//! Canon → a Messages request.
//!
//! What Anthropic cannot take is cut to fit and named in the receipt: by the dialect (seeds, penalties, several answers)
//! or by the model (`models.rs`). The way in is `read.rs`.

use std::borrow::Cow;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Modality, OutputFormat, Receipt, Request, Sampling, Verbosity};
use serde_json::{Map, Value};

use super::cache::Breakpoints;
use super::models::Traits;
use super::turns::Turns;
use super::{DIALECT, schema, thinking, tools};
use crate::Quirks;
use crate::outgoing::Outgoing;

/// Writes a request.
///
/// # Errors
/// The conversation cannot be put in Anthropic's form: see [`Turns::of`].
pub(crate) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let traits = Traits::of(&request.model);
    let prompt = Prompt::of(request, &traits, true, receipt)?;
    let sampling = Samplers::of(&request.sampling, &traits, prompt.thinking.thinks(), receipt);
    let stop = stop_sequences(&request.sampling, receipt);
    let tier = service_tier(request.service_tier.as_deref(), receipt);
    note_inexpressible(request, receipt);

    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    body.put("model", &request.model)?;
    body.put("max_tokens", &prompt.thinking.max_tokens)?;
    prompt.put(&mut body)?;
    body.put_some("temperature", sampling.temperature)?;
    body.put_some("top_p", sampling.top_p)?;
    body.put_some("top_k", sampling.top_k)?;
    if !stop.is_empty() {
        body.put("stop_sequences", &stop)?;
    }
    let user = request.user.as_deref().or(request.safety_id.as_deref());
    body.put_object("metadata", metadata(user))?;
    body.put_some("service_tier", tier)?;
    if request.stream {
        body.put("stream", &true)?;
    }
    body.finish()
}

/// Writes a request for a count of its tokens: what of a request is read by the model, and nothing of how it answers.
///
/// # Errors
/// As [`write_chat`].
pub(crate) fn write_count(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let prompt = Prompt::of(request, &Traits::of(&request.model), false, receipt)?;
    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    body.put("model", &request.model)?;
    prompt.put(&mut body)?;
    body.finish()
}

/// What counts as input.
struct Prompt<'a> {
    turns: Turns<'a>,
    tools: Vec<tools::Out<'a>>,
    choice: Map<String, Value>,
    thinking: thinking::Plan,
    config: Map<String, Value>,
}

impl<'a> Prompt<'a> {
    fn of(
        request: &'a Request,
        traits: &Traits,
        answered: bool,
        receipt: &mut Receipt,
    ) -> Result<Self, Fault> {
        // Breakpoints are counted in the order of the prompt.
        let mut cache = Breakpoints::of(request);
        let mut tools = tools::write(request, traits, &mut cache, receipt);
        let turns = Turns::of(&request.messages, traits, &mut cache, receipt)?;
        let begun = turns.begins_answer();
        let thinking = thinking::Plan::of(request, traits, answered.then_some(begun), receipt);
        // A tool that must be called leaves no room for thoughts, other tools or an answer that was begun.
        let free = request.tools.is_empty() && !thinking.thinks() && !begun;
        let by_tool = free
            && matches!(&request.format, OutputFormat::JsonSchema { schema, .. }
                if !traits.schemas || schema::reshapes(schema));
        let mut config = effort(&thinking);
        let choice = if by_tool {
            tools.push(tools::answer(&request.format, receipt));
            tools::answer_choice()
        } else {
            config.extend(output_format(&request.format, traits, receipt));
            tools::write_choice(request, &tools, receipt)
        };
        Ok(Self { turns, tools, choice, thinking, config })
    }

    fn put(self, body: &mut Outgoing<'_>) -> Result<(), Fault> {
        if !self.turns.system.0.is_empty() {
            body.put("system", &self.turns.system)?;
        }
        body.put("messages", &self.turns.turns)?;
        if !self.tools.is_empty() {
            body.put("tools", &self.tools)?;
        }
        body.put_object("tool_choice", self.choice)?;
        body.put_object("thinking", self.thinking.thinking())?;
        body.put_object("output_config", self.config)
    }
}

/// How tokens are drawn, as far as the model lets that be said.
#[derive(Debug, Default, PartialEq)]
struct Samplers {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Samplers {
    fn of(asked: &Sampling, traits: &Traits, thinks: bool, receipt: &mut Receipt) -> Self {
        let mut given = Self { temperature: asked.temperature, top_p: asked.top_p, top_k: asked.top_k };
        if given.temperature.is_some_and(|temperature| temperature > 1.0) {
            receipt.dropped("temperature", "lowered to 1, the most Anthropic takes");
            given.temperature = Some(1.0);
        }
        let beside = given.temperature.is_some() && !traits.both_samplers;
        // A thinking model takes these and no others (docs: "Extended thinking").
        let fits = |value: Option<f64>, least: f64| !thinks || value.is_some_and(|value| value >= least);
        let temperature = traits.sampling && fits(given.temperature, 1.0);
        let top_p = traits.sampling && fits(given.top_p, 0.95) && !beside;
        let says_nothing = |value: &f64| *value >= 1.0;
        given.temperature = keep(given.temperature, temperature, says_nothing, "temperature", receipt);
        given.top_p = keep(given.top_p, top_p, says_nothing, "top_p", receipt);
        given.top_k = keep(given.top_k, traits.sampling && !thinks, |_| false, "top_k", receipt);
        given
    }
}

/// The value if it is accepted. One that is not is noted, unless it is the default anyway.
fn keep<T>(
    value: Option<T>,
    accepted: bool,
    is_default: impl Fn(&T) -> bool,
    field: &'static str,
    receipt: &mut Receipt,
) -> Option<T> {
    let value = value?;
    if accepted {
        return Some(value);
    }
    if !is_default(&value) {
        receipt.dropped(field, "the model does not take it here");
    }
    None
}

/// Anthropic refuses stop texts that are only white space.
fn stop_sequences<'a>(sampling: &'a Sampling, receipt: &mut Receipt) -> Vec<&'a str> {
    let mut kept = Vec::with_capacity(sampling.stop.len());
    for text in &sampling.stop {
        if text.trim().is_empty() {
            receipt.dropped("stop", "white space cannot be a stop sequence");
        } else {
            kept.push(text.as_str());
        }
    }
    kept
}

fn effort(thinking: &thinking::Plan) -> Map<String, Value> {
    thinking.effort().map(|effort| ("effort".to_owned(), effort.into())).into_iter().collect()
}

fn output_format(format: &OutputFormat, traits: &Traits, receipt: &mut Receipt) -> Map<String, Value> {
    let mut config = Map::new();
    match format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => receipt.dropped("response_format", "JSON needs a schema here"),
        OutputFormat::JsonSchema { .. } if !traits.schemas => {
            let reason = "the model takes no schema, and answers by a tool only without tools, thoughts or a beginning";
            receipt.dropped("response_format", reason);
        }
        OutputFormat::JsonSchema { schema, .. } => {
            let schema: Cow<'_, Value> = schema::fit(schema, "response_format.schema", receipt);
            let mut object = Map::new();
            object.insert("type".to_owned(), "json_schema".into());
            object.insert("schema".to_owned(), schema.into_owned());
            config.insert("format".to_owned(), Value::Object(object));
        }
    }
    config
}

fn metadata(user: Option<&str>) -> Map<String, Value> {
    user.map(|user| ("user_id".to_owned(), user.into())).into_iter().collect()
}

/// OpenAI's words for tiers put in Anthropic's, which has two.
fn service_tier<'a>(asked: Option<&'a str>, receipt: &mut Receipt) -> Option<&'a str> {
    match asked? {
        own @ ("auto" | "standard_only") => Some(own),
        "default" => Some("standard_only"),
        "priority" => Some("auto"),
        _ => {
            receipt.dropped("service_tier", "Anthropic has no such tier");
            None
        }
    }
}

/// What no model of this dialect can be told.
fn note_inexpressible(request: &Request, receipt: &mut Receipt) {
    let sampling = &request.sampling;
    let more_than_text = request.modalities.iter().any(|modality| *modality != Modality::Text);
    let other_name =
        request.user.is_some() && request.safety_id.is_some() && request.user != request.safety_id;
    let asked = [
        ("n", sampling.n.is_some_and(|n| n > 1)),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("metadata", request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        ("modalities", more_than_text),
        ("audio", request.voice.is_some()),
        ("verbosity", request.verbosity.is_some_and(|verbosity| verbosity != Verbosity::Medium)),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("safety_identifier", other_name),
        ("store", request.store == Some(true)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Anthropic has no such parameter");
    }
}
