//! A request ↔ canon.

use bytes::Bytes;
use contract::canon::{
    Asked, Effort, Message, Modality, OutputFormat, Part, PartKind, Provenance, Receipt, Request, Role,
    Sampling,
};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::DIALECT;
use crate::Quirks;
use crate::fields::{self, Fields, missing, wrong};
use crate::outgoing::{ECHO, Outgoing};
use crate::single::Single;

/// Reads a request body.
pub(super) fn read(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let mut request = Request { model: fields.need_text("model")?, ..Request::default() };
    let part = prompt(fields.value("prompt").ok_or_else(|| missing("prompt"))?)?;
    request.messages.push(Message { at: Some("prompt".into()), ..Message::new(Role::User, vec![part]) });
    request.sampling = sampling(&mut fields)?;
    request.max_output = fields.count("max_tokens")?;
    request.user = fields.text("user")?;
    request.stream = fields.flag("stream")?.unwrap_or_default();
    if let Some(mut options) = fields.object("stream_options")? {
        request.stream_usage = options.flag("include_usage")?.unwrap_or_default();
        let left = options.left();
        if !left.is_empty() {
            fields.put_back("stream_options", Value::Object(left));
        }
    }
    read_echo(&mut fields, &request.sampling)?;
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

/// `echo`: the answer is to begin with the prompt, which it does wherever it comes from. With likelihoods it asks for those of
/// the prompt, which only the model knows.
fn read_echo(fields: &mut Fields, sampling: &Sampling) -> Result<(), Fault> {
    let Some(flag) = fields.flag("echo")? else { return Ok(()) };
    match flag && sampling.logprobs == Some(true) {
        true => fields.put_back("echo", Value::Bool(flag)),
        false => fields.put_back(ECHO, json!({"echo": flag})),
    }
    Ok(())
}

/// What a request said of `echo`, if its target need not be told.
fn said_echo(request: &Request) -> Option<bool> {
    let own = (request.extra.owner == Some(DIALECT)).then_some(&request.extra.fields)?;
    own.get(ECHO)?.get("echo")?.as_bool()
}

/// What the answer to a client's request begins with, for [`EncodeOptions::echo`](crate::EncodeOptions), where its target writes
/// no such answers itself.
pub(crate) fn echoed(asked: &Asked, target: Dialect) -> Option<String> {
    let Asked::Chat(request) = asked else { return None };
    if target == DIALECT || said_echo(request) != Some(true) {
        return None;
    }
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let text = |part: &Part| match &part.kind {
        PartKind::Text(text) => Some(text.clone()),
        _ => None,
    };
    parts.map(text).collect()
}

/// One text is what the user says. Several, or tokens of the model's own vocabulary, no other dialect can be told.
fn prompt(value: Value) -> Result<Part, Fault> {
    match value {
        Value::String(text) => Ok(Part::text(text, Provenance::User)),
        Value::Array(list) => match &list[..] {
            [] => Err(wrong("prompt", "a string or a non-empty array")),
            [Value::String(text)] => {
                Ok(Part::text(text.clone(), Provenance::User).with_native(DIALECT, json!({"list": true})))
            }
            _ => {
                if let Some(at) = list.iter().position(|item| !is_prompt(item)) {
                    return Err(wrong(&format!("prompt[{at}]"), "a string, a token or an array of tokens"));
                }
                let native = json!({"prompt": list});
                Ok(Part::new(PartKind::Native, Provenance::User).with_native(DIALECT, native))
            }
        },
        _ => Err(wrong("prompt", "a string or an array")),
    }
}

fn is_prompt(item: &Value) -> bool {
    match item {
        Value::String(_) => true,
        Value::Array(tokens) => tokens.iter().all(Value::is_u64),
        item => item.is_u64(),
    }
}

fn sampling(fields: &mut Fields) -> Result<Sampling, Fault> {
    let stop = match fields.value("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(value) => {
            serde_json::from_value(value).map_err(|_| wrong("stop", "a string or an array of strings"))?
        }
    };
    // A number of alternatives; some servers take the yes or no of chat completions.
    let (logprobs, top_logprobs) = match fields.value("logprobs") {
        Some(Value::Bool(flag)) => {
            fields.put_back("logprobs", Value::Bool(flag));
            (Some(flag), None)
        }
        Some(value) => {
            let count = value.as_u64().ok_or_else(|| wrong("logprobs", "a whole number of at least 0"))?;
            (Some(true), Some(count))
        }
        None => (None, None),
    };
    Ok(Sampling {
        temperature: fields.float("temperature")?,
        top_p: fields.float("top_p")?,
        top_k: fields.count("top_k")?,
        frequency_penalty: fields.float("frequency_penalty")?,
        presence_penalty: fields.float("presence_penalty")?,
        seed: fields.integer("seed")?,
        stop,
        n: fields.count("n")?,
        logprobs,
        top_logprobs,
    })
}

/// Writes a request body. A stream always asks for usage: without it nobody would know what the answer cost.
///
/// # Errors
/// `unsupported_capability`, `invalid_request`: there is no prompt that the model could be sent.
pub(super) fn write(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let prompt = write_prompt(request, receipt)?;
    let top_k = request.sampling.top_k.filter(|_| quirks.accepts.contains(&"top_k"));
    note_inexpressible(request, top_k.is_some(), receipt);
    let sampling = &request.sampling;
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("prompt", &prompt)?;
    out.put_some("max_tokens", request.max_output)?;
    out.put_some("temperature", sampling.temperature)?;
    out.put_some("top_p", sampling.top_p)?;
    out.put_some("top_k", top_k)?;
    out.put_some("frequency_penalty", sampling.frequency_penalty)?;
    out.put_some("presence_penalty", sampling.presence_penalty)?;
    out.put_some("seed", sampling.seed)?;
    out.put_stop(&sampling.stop)?;
    out.put_some("n", sampling.n)?;
    let yes_or_no = request.extra.owner == Some(DIALECT) && request.extra.fields.contains_key("logprobs");
    if sampling.logprobs == Some(true) && !yes_or_no {
        out.put("logprobs", &sampling.top_logprobs.unwrap_or_default())?;
    }
    out.put_some("user", request.user.as_ref())?;
    out.put_some("echo", said_echo(request))?;
    if request.stream {
        out.put("stream", &true)?;
    }
    // Where it is refused, streams carry their usage unasked; the client has lost nothing.
    if request.stream && !quirks.refuses.contains(&"stream_options") {
        let usage: Map<String, Value> =
            [("include_usage".to_owned(), Value::Bool(true))].into_iter().collect();
        out.put_object("stream_options", usage)?;
    }
    out.finish()
}

/// Instructions and the question, with a blank line between them; a base model knows no roles.
fn write_prompt(request: &Request, receipt: &mut Receipt) -> Result<Value, Fault> {
    let single = Single::of(request)?;
    let mut texts: Vec<&str> = Vec::new();
    let mut list = false;
    for (part, place) in single.system.iter().chain(&single.user) {
        let own = part.native_for(DIALECT);
        match &part.kind {
            PartKind::Text(text) => {
                list |= own.is_some_and(|own| own.get("list").is_some());
                texts.push(text);
            }
            PartKind::Native => match own.and_then(|own| own.get("prompt")) {
                Some(prompt) => return Ok(prompt.clone()),
                None => receipt.dropped(place.clone(), "only its own provider understands it"),
            },
            PartKind::Media { .. } => receipt.dropped(place.clone(), "a prompt is text alone"),
            _ => receipt.dropped(place.clone(), "this dialect has no such content"),
        }
    }
    if texts.is_empty() {
        let message = "There is no prompt that this model could be sent.";
        return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
    }
    Ok(if list && texts.len() == 1 { json!(texts) } else { json!(texts.join("\n\n")) })
}

fn note_inexpressible(request: &Request, takes_top_k: bool, receipt: &mut Receipt) {
    let reasons = request.reasoning.as_ref().is_some_and(|asked| {
        asked.effort.is_some_and(|effort| effort != Effort::None)
            || asked.budget.is_some_and(|tokens| tokens > 0)
    });
    let asked = [
        ("top_k", request.sampling.top_k.is_some() && !takes_top_k),
        ("tools", !request.tools.is_empty()),
        ("response_format", request.format != OutputFormat::Text),
        ("reasoning_effort", reasons),
        ("metadata", request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        ("service_tier", request.service_tier.as_deref().is_some_and(|tier| tier != "auto")),
        ("modalities", request.modalities.iter().any(|it| *it != Modality::Text)),
        ("audio", request.voice.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("store", request.store == Some(true)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "completions have no such parameter");
    }
}
