//! Canon → a chat request.
//!
//! Limits of the figures are those of the API reference: `p` ends at 0.99, `k` at 500, penalties are between 0 and 1, and
//! there are five stop sequences at most. What lies beyond is brought within and noted.

use bytes::Bytes;
use contract::canon::{Effort, OutputFormat, Reasoning, Receipt, Request, Sampling};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::turns::Turns;
use super::{DIALECT, schema, tools};
use crate::Quirks;
use crate::outgoing::Outgoing;

/// The most stop sequences.
const STOPS: usize = 5;

/// Writes a request.
pub(super) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let Turns { messages, documents, .. } = Turns::of(&request.messages, receipt)?;
    if messages.is_empty() {
        let message = "The conversation needs at least one message that says something.";
        return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
    }
    note_inexpressible(request, receipt);
    let plan = tools::write(request, receipt);
    let sampling = Figures::of(&request.sampling, receipt);
    let response_format = format(&request.format, receipt);
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("messages", &messages)?;
    out.put_some("documents", (!documents.is_empty()).then_some(&documents))?;
    out.put_some("tools", (!plan.tools.is_empty()).then_some(&plan.tools))?;
    out.put_some("tool_choice", plan.choice)?;
    out.put_some("strict_tools", plan.strict)?;
    out.put_object("response_format", response_format)?;
    out.put_object("thinking", thinking(request.reasoning.as_ref()))?;
    out.put_some("max_tokens", request.max_output)?;
    out.put_some("temperature", request.sampling.temperature)?;
    out.put_some("p", sampling.p)?;
    out.put_some("k", sampling.k)?;
    out.put_some("frequency_penalty", sampling.frequency)?;
    out.put_some("presence_penalty", sampling.presence)?;
    out.put_some("seed", request.sampling.seed)?;
    out.put_some("stop_sequences", (!sampling.stop.is_empty()).then_some(sampling.stop))?;
    out.put_some("logprobs", request.sampling.logprobs)?;
    out.put_some("stream", request.stream.then_some(true))?;
    out.finish()
}

/// The figures of sampling, within what Cohere takes.
struct Figures<'a> {
    p: Option<f64>,
    k: Option<u64>,
    frequency: Option<f64>,
    presence: Option<f64>,
    stop: &'a [String],
}

impl<'a> Figures<'a> {
    fn of(asked: &'a Sampling, receipt: &mut Receipt) -> Self {
        let mut within = |value: Option<f64>, least: f64, most: f64, field: &'static str| {
            let value = value?;
            let kept = value.clamp(least, most);
            if (kept - value).abs() > f64::EPSILON {
                receipt.dropped(field, format!("brought within {least} and {most}"));
            }
            Some(kept)
        };
        // 1 keeps every token, and 0.99 is the nearest there is; left out it would be 0.75.
        let p = within(asked.top_p.map(|p| if p >= 1.0 { 0.99 } else { p }), 0.01, 0.99, "top_p");
        let frequency = within(asked.frequency_penalty, 0.0, 1.0, "frequency_penalty");
        let presence = within(asked.presence_penalty, 0.0, 1.0, "presence_penalty");
        if asked.top_k.is_some_and(|k| k > 500) {
            receipt.dropped("top_k", "brought within 0 and 500");
        }
        if asked.stop.len() > STOPS {
            receipt.dropped("stop", "only the first five are taken");
        }
        let stop = asked.stop.get(..STOPS).unwrap_or(&asked.stop);
        Self { p, k: asked.top_k.map(|k| k.min(500)), frequency, presence, stop }
    }
}

/// `response_format`; prose is the default and not written.
fn format(format: &OutputFormat, receipt: &mut Receipt) -> Map<String, Value> {
    let mut out = Map::new();
    let schema = match format {
        OutputFormat::Text => return out,
        OutputFormat::JsonObject => None,
        OutputFormat::JsonSchema { schema, .. } => {
            Some(schema::fit(schema, "response_format.schema", receipt))
        }
    };
    out.insert("type".to_owned(), json!("json_object"));
    if let Some(schema) = schema {
        out.insert("json_schema".to_owned(), schema);
    }
    out
}

/// `thinking`: on or off, and a budget. Levels become budgets; from `xhigh` on there is none, which is Cohere's default.
fn thinking(reasoning: Option<&Reasoning>) -> Map<String, Value> {
    let mut out = Map::new();
    let Some(reasoning) = reasoning else { return out };
    let off =
        reasoning.effort == Some(Effort::None) || (reasoning.budget == Some(0) && reasoning.effort.is_none());
    out.insert("type".to_owned(), json!(if off { "disabled" } else { "enabled" }));
    let budget = reasoning.budget.or(match reasoning.effort {
        Some(Effort::Minimal) => Some(512),
        Some(Effort::Low) => Some(2_048),
        Some(Effort::Medium) => Some(8_192),
        Some(Effort::High) => Some(16_384),
        _ => None,
    });
    if let Some(budget) = budget.filter(|budget| !off && *budget > 0) {
        out.insert("token_budget".to_owned(), json!(budget));
    }
    out
}

/// What no model of this dialect can be told.
fn note_inexpressible(request: &Request, receipt: &mut Receipt) {
    let sampling = &request.sampling;
    let asked = [
        ("n", sampling.n.is_some_and(|n| n > 1)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("parallel_tool_calls", request.parallel_tools == Some(false)),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        (
            "service_tier",
            request.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default")),
        ),
        ("modalities", request.modalities.iter().any(|kind| *kind != contract::canon::Modality::Text)),
        ("audio", request.voice.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("store", request.store == Some(true)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Cohere has no such parameter");
    }
}
