//! A whole message ↔ canon.

use std::borrow::Cow;

use bytes::Bytes;
use contract::canon::{Choice, Extra, Part, PartKind, Provenance, Receipt, Reply};
use contract::words::Usage;
use serde::Serialize;
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

use super::block::Block;
use super::written::{Out, Unwritable};
use super::{DIALECT, cite, finish, invalid, message_id, model, stop_reason, usage};
use crate::outgoing::{merge, own_fields};
use crate::split::Split;
use crate::{EncodeOptions, WireError, emulate};

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let (content, mut rest) = Split::<Vec<Block>>::at("content").deserialize(&mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    if let Some(error) = rest.get("error") {
        return Err(invalid(format!("an error in place of an answer: {error}")));
    }
    let blocks = content.ok_or_else(|| invalid("no content"))?;
    let parts = blocks.into_iter().map(|block| block.into_part(Provenance::Model));
    let mut parts = parts.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let mut text = |key: &str| match rest.shift_remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let finish = text("stop_reason").as_deref().map(finish).unwrap_or_default();
    let finish = emulate::read_answer(&mut parts, finish);
    let choice = Choice { parts, finish, stop_sequence: text("stop_sequence"), ..Choice::default() };
    let (id, model) = (text("id").unwrap_or_default(), text("model").unwrap_or_default());
    let _constants = (text("type"), text("role"));
    let usage = take_usage(&mut rest);
    Ok(Reply { id, model, created: None, choices: vec![choice], usage, extra: extra(rest) })
}

/// Takes the counts out of an answer; what else its `usage` says stays.
pub(super) fn take_usage(message: &mut Map<String, Value>) -> Option<Usage> {
    let Some(Value::Object(object)) = message.get_mut("usage") else { return None };
    let counts = usage::take(object);
    object.retain(|_, value| !value.is_null());
    if object.is_empty() {
        message.shift_remove("usage");
    }
    counts
}

/// What is left of an answer. Nulls say nothing.
pub(super) fn extra(mut fields: Map<String, Value>) -> Extra {
    fields.retain(|_, value| !value.is_null());
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

#[derive(Serialize)]
struct Message<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Out<'a>>,
    stop_reason: &'a str,
    stop_sequence: Option<&'a str>,
    usage: Value,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Writes an answer: its first choice, there is no place for others.
pub(crate) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "an answer has one choice here");
    }
    let none = Choice::default();
    let choice = reply.choices.first().unwrap_or(&none);
    let mut extra = own_fields(DIALECT, &reply.extra, "reply.", receipt).cloned().unwrap_or_default();
    if let Some(more) = own_fields(DIALECT, &choice.extra, "choices[0].", receipt) {
        merge(&mut extra, more);
    }
    if !choice.logprobs.is_empty() {
        receipt.dropped("choices[0].logprobs", "an answer tells no likelihoods here");
    }
    let mut usage = usage::write(&reply.usage.unwrap_or_default());
    if let Some(Value::Object(left)) = extra.shift_remove("usage") {
        merge(&mut usage, &left);
    }
    let message = Message {
        id: message_id(&reply.id, options),
        kind: "message",
        role: "assistant",
        model: model(&reply.model, options),
        content: write_parts(&choice.parts, receipt),
        stop_reason: stop_reason(&choice.finish),
        stop_sequence: choice.stop_sequence.as_deref(),
        usage: Value::Object(usage),
        extra,
    };
    // Texts, numbers and maps with text keys always have a JSON form.
    serde_json::to_vec(&message).unwrap_or_default().into()
}

fn write_parts<'a>(parts: &'a [Part], receipt: &mut Receipt) -> Vec<Out<'a>> {
    let mut blocks = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        match write_part(part) {
            Ok(block) => blocks.push(block),
            Err(Unwritable::Blank) => {}
            Err(Unwritable::Foreign(what) | Unwritable::Unsupported(what)) => {
                receipt.dropped(format!("choices[0].content[{at}]"), what);
            }
        }
    }
    blocks
}

fn write_part(part: &Part) -> Result<Out<'_>, Unwritable> {
    match (&part.kind, Out::of(part)) {
        (PartKind::Text(_), Ok(block)) => Ok(Out {
            citations: part.citations.iter().map(|one| Cow::Owned(cite::shown(one))).collect(),
            ..block
        }),
        // Clients insist on a signature; an empty one tells `written.rs` on the way back that nobody signed.
        (PartKind::Reasoning(text), Err(_)) => {
            Ok(Out { kind: "thinking", thinking: Some(text), signature: Some(""), ..Out::default() })
        }
        (PartKind::Media { .. }, _) => Err(Unwritable::Unsupported("media in an answer")),
        (_, written) => written,
    }
}
