//! A prediction's `input` ↔ a conversation.

use std::borrow::Cow;

use bytes::Bytes;
use contract::canon::{Message, OutputFormat, Part, PartKind, Provenance, Receipt, Request, Role, Sampling};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::DIALECT;
use crate::Quirks;
use crate::fields::{self, wrong};
use crate::outgoing::Outgoing;

/// Reads a request: one prompt, and instructions where there are some.
pub(super) fn read(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let mut input = fields.need_object("input")?;
    let mut messages = Vec::with_capacity(2);
    if let Some(text) = input.text("system_prompt")? {
        let mut message = Message::new(Role::System, vec![Part::text(text, Provenance::System)]);
        message.at = Some("input.system_prompt".into());
        messages.push(message);
    }
    let mut prompt = Message::new(Role::User, vec![Part::text(input.need_text("prompt")?, Provenance::User)]);
    prompt.at = Some("input.prompt".into());
    messages.push(prompt);
    let max_output = match input.count("max_tokens")? {
        Some(most) => Some(most),
        None => input.count("max_completion_tokens")?,
    };
    let stop = input.text("stop_sequences")?.unwrap_or_default();
    let sampling = Sampling {
        temperature: input.float("temperature")?,
        top_p: input.float("top_p")?,
        top_k: input.count("top_k")?,
        frequency_penalty: input.float("frequency_penalty")?,
        presence_penalty: input.float("presence_penalty")?,
        seed: input.integer("seed")?,
        stop: stop.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        ..Sampling::default()
    };
    let stream = fields.flag("stream")?.unwrap_or_default();
    let rest = input.left();
    if !rest.is_empty() {
        fields.put_back("input", Value::Object(rest));
    }
    Ok(Request { messages, max_output, sampling, stream, extra: fields.extra(DIALECT), ..Request::default() })
}

/// Writes a request.
///
/// # Errors
/// `unsupported_capability` for what a text cannot say: tools in use, and media.
pub(super) fn write(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let (system, turns) = conversation(request)?;
    if turns.is_empty() {
        return Err(wrong("messages", "a conversation with something to answer"));
    }
    note(request, receipt);
    let mut input = Map::new();
    let mut put =
        |name: &str, value: Option<Value>| input.extend(value.map(|value| (name.to_owned(), value)));
    put("prompt", Some(json!(script(&turns))));
    put("system_prompt", (!system.is_empty()).then(|| json!(system)));
    // OpenAI's models have their maker's newer name for it.
    let most = if request.model.starts_with("openai/") { "max_completion_tokens" } else { "max_tokens" };
    put(most, request.max_output.map(|count| json!(count)));
    let sampling = &request.sampling;
    put("temperature", sampling.temperature.map(|value| json!(value)));
    put("top_p", sampling.top_p.map(|value| json!(value)));
    put("top_k", sampling.top_k.map(|value| json!(value)));
    put("frequency_penalty", sampling.frequency_penalty.map(|value| json!(value)));
    put("presence_penalty", sampling.presence_penalty.map(|value| json!(value)));
    put("seed", sampling.seed.map(|value| json!(value)));
    let (stop, lost): (Vec<&String>, Vec<&String>) =
        sampling.stop.iter().partition(|text| !text.contains(','));
    if !lost.is_empty() {
        receipt.dropped("stop", "stop texts are separated by commas here, so none may have one");
    }
    let stop: Vec<&str> = stop.into_iter().map(String::as_str).collect();
    put("stop_sequences", (!stop.is_empty()).then(|| json!(stop.join(","))));
    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    body.put_object("input", input)?;
    if request.stream {
        body.put("stream", &true)?;
    }
    body.finish()
}

/// Notes what no prediction can carry.
fn note(request: &Request, receipt: &mut Receipt) {
    let sampling = &request.sampling;
    for (field, given) in [
        ("tools", !request.tools.is_empty()),
        ("tool_choice", request.tool_choice.is_some()),
        ("parallel_tool_calls", request.parallel_tools.is_some()),
        ("response_format", request.format != OutputFormat::Text),
        ("n", sampling.n.is_some_and(|n| n != 1)),
        ("logprobs", sampling.logprobs.is_some()),
        ("top_logprobs", sampling.top_logprobs.is_some()),
        ("reasoning_effort", request.reasoning.is_some()),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.is_some()),
        ("service_tier", request.service_tier.is_some()),
        ("modalities", request.modalities.iter().any(|it| *it != contract::canon::Modality::Text)),
        ("audio", request.voice.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("store", request.store.is_some()),
    ] {
        if given {
            receipt.dropped(field, "a prediction has no such input");
        }
    }
}

type Turn<'a> = (&'static str, Cow<'a, str>);

/// The instructions, and what was said, by whom.
fn conversation(request: &Request) -> Result<(String, Vec<Turn<'_>>), Fault> {
    let (mut system, mut turns): (Vec<Cow<'_, str>>, Vec<Turn<'_>>) = (Vec::new(), Vec::new());
    for (at, message) in request.messages.iter().enumerate() {
        let text = text_of(message, at)?;
        match message.role {
            _ if text.is_empty() => {}
            Role::System | Role::Developer => system.push(text),
            Role::User | Role::Tool => turns.push(("User", text)),
            Role::Assistant => turns.push(("Assistant", text)),
        }
    }
    Ok((system.join("\n\n"), turns))
}

fn text_of(message: &Message, at: usize) -> Result<Cow<'_, str>, Fault> {
    let mut said = Cow::Borrowed("");
    for (nth, part) in message.parts.iter().enumerate() {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) if said.is_empty() => {
                said = Cow::Borrowed(text.as_str());
            }
            PartKind::Text(text) | PartKind::Refusal(text) => {
                let said = said.to_mut();
                said.push('\n');
                said.push_str(text);
            }
            // Thoughts of earlier turns are not for the next prompt.
            PartKind::Reasoning(_) => {}
            _ => {
                let says = "The provider's language models take and make text alone: no media, and no tools.";
                return Err(Fault::saying(Code::UnsupportedCapability, says)
                    .at(format!("messages[{at}].content[{nth}]")));
            }
        }
    }
    Ok(said)
}

/// One turn stands for itself; several become a script that the model goes on with.
fn script(turns: &[Turn<'_>]) -> String {
    if let [("User", text)] = turns {
        return text.clone().into_owned();
    }
    let mut script = String::new();
    for (who, text) in turns {
        script.push_str(who);
        script.push_str(": ");
        script.push_str(text);
        script.push_str("\n\n");
    }
    script.push_str("Assistant:");
    script
}
