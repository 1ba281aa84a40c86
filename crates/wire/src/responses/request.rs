//! Canon → a request.
//!
//! A request of another dialect is stateless: unless its client said otherwise it is sent with `store: false`, and asks a
//! model that thinks for its thoughts in encrypted form (`include`), which a later turn sends back. A request of this API's
//! own clients keeps their choice, which by default is that the provider stores the answer.

use bytes::Bytes;
use contract::canon::{Modality, Receipt, Request, ToolChoice};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::Value;

use super::read::{INPUT, INSTRUCTIONS};
use super::stored::PREVIOUS;
use super::turns::Turns;
use super::{DIALECT, body, settings, sidecar, tools};
use crate::Quirks;
use crate::outgoing::Outgoing;

/// The least output limit that OpenAI accepts here.
const LEAST_OUTPUT: u64 = 16;

/// Writes a request body.
pub(super) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let own = is_own(request);
    let (instructions, input) = Turns::of(&request.messages, quirks, receipt)?;
    let empty = input.as_array().is_some_and(Vec::is_empty);
    if empty && !own {
        let message = "There is no message that this model could be sent.";
        return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
    }
    let tools = tools::write(request, own, receipt);
    let thoughts = request.messages.iter().flat_map(|message| &message.parts);
    let thoughts = thoughts.filter_map(sidecar::item).any(|item| item.contains_key("encrypted_content"));
    let stateless = request.store.is_none() && !own;
    let encrypted = stateless && settings::thinks(request, thoughts);
    let mut include = settings::write_include(request, own, encrypted);
    let most = max_output(request, own, receipt);
    let beyond = settings_beyond(request, own, quirks, receipt);
    note_inexpressible(request, receipt);
    let tier = service_tier(request.service_tier.as_deref(), own, receipt);

    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt).of_model(request);
    if out.is_refused("logprobs") && settings::without_logprobs(&mut include) {
        out.dropped("logprobs", "this model refuses this field");
    }
    out.put("model", &request.model)?;
    out.put_some(INSTRUCTIONS, instructions)?;
    out.put_some(INPUT, (!empty).then_some(&input))?;
    out.put_some("tools", (!tools.is_empty()).then_some(&tools))?;
    // Without a tool that is left, a choice among them would be refused.
    if tools.is_empty() == request.tools.is_empty() {
        let choice = request.tool_choice.as_ref();
        out.put_some("tool_choice", choice.map(|choice| tools::write_choice(choice, &request.tools)))?;
        out.put_some("parallel_tool_calls", request.parallel_tools)?;
    } else if request.tool_choice.as_ref().is_some_and(ToolChoice::forces) {
        out.dropped("tool_choice", "there is no tool to choose");
    }
    out.put_object("text", settings::write_text(request))?;
    let reasoning = out.fitted(request.reasoning.as_ref());
    out.put_object("reasoning", settings::write_reasoning(reasoning.as_ref()))?;
    out.put_some("max_output_tokens", most)?;
    write_sampling(&mut out, request, &beyond)?;
    out.put_some("include", (!include.is_empty()).then_some(&include))?;
    out.put_some("store", request.store.or(stateless.then_some(false)))?;
    write_names(&mut out, request)?;
    out.put_some("service_tier", tier)?;
    if request.stream {
        out.put("stream", &true)?;
    }
    out.finish()
}

/// Did a client of this API say this? It has messages that stand in `input`, or fields of its own.
fn is_own(request: &Request) -> bool {
    let mut places = request.messages.iter().filter_map(|message| message.at.as_deref());
    request.extra.owner == Some(Dialect::OpenaiResponses)
        || places.any(|at| [INSTRUCTIONS, PREVIOUS].contains(&at) || at.split('[').next() == Some(INPUT))
}

/// What canon asks for and OpenAI's own API has no field for; servers that follow it may.
fn settings_beyond(
    request: &Request,
    own: bool,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Vec<(&'static str, Value)> {
    let sampling = &request.sampling;
    let asked = [
        ("top_k", sampling.top_k.map(Value::from)),
        ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
        ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
    ];
    let mut taken = Vec::new();
    for (name, value) in asked {
        let Some(value) = value else { continue };
        if own || quirks.accepts.contains(&name) {
            taken.push((name, value));
        } else if name == "seed" || value.as_f64() != Some(0.0) {
            receipt.dropped(name, "the provider has no such setting");
        }
    }
    taken
}

fn write_sampling(
    out: &mut Outgoing<'_>,
    request: &Request,
    beyond: &[(&'static str, Value)],
) -> Result<(), Fault> {
    out.put_some("temperature", request.sampling.temperature)?;
    out.put_some("top_p", request.sampling.top_p)?;
    out.put_some("top_logprobs", request.sampling.top_logprobs)?;
    for (name, value) in beyond {
        out.put(name, value)?;
    }
    Ok(())
}

fn write_names(out: &mut Outgoing<'_>, request: &Request) -> Result<(), Fault> {
    out.put_some("metadata", request.metadata.as_ref())?;
    out.put_user(request.user.as_deref())?;
    out.put_some("safety_identifier", request.safety_id.as_ref())?;
    out.put_some("prompt_cache_key", request.cache_key.as_ref())?;
    out.put_some("prompt_cache_retention", request.cache_retention.as_ref())
}

/// Anthropic's `standard_only` is OpenAI's `default`; a tier that only another provider has is noted.
fn service_tier<'a>(asked: Option<&'a str>, own: bool, receipt: &mut Receipt) -> Option<&'a str> {
    match asked? {
        "standard_only" => Some("default"),
        tier if own || body::TIERS.contains(&tier) => Some(tier),
        _ => {
            receipt.dropped("service_tier", "this dialect has no such tier");
            None
        }
    }
}

fn max_output(request: &Request, own: bool, receipt: &mut Receipt) -> Option<u64> {
    let most = request.max_output?;
    if own || most >= LEAST_OUTPUT {
        return Some(most);
    }
    receipt.dropped("max_completion_tokens", "raised to 16, the least that is accepted");
    Some(LEAST_OUTPUT)
}

fn note_inexpressible(request: &Request, receipt: &mut Receipt) {
    let asked = [
        ("n", request.sampling.n.is_some_and(|n| n > 1)),
        ("stop", !request.sampling.stop.is_empty()),
        ("modalities", request.modalities.iter().any(|modality| *modality != Modality::Text)),
        ("audio", request.voice.is_some()),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "this dialect has no such field");
    }
}
