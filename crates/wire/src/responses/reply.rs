//! A whole response ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Part, PartKind, Receipt, Reply, TokenLogprob};
use serde_json::{Map, Value};

use super::body::{self, Outline};
use super::content::Unwritable;
use super::written::{Ids, Items};
use super::{Content, finish, invalid, items, logprobs};
use crate::fields::Fields;
use crate::outgoing::own_fields;
use crate::usage::Ran;
use crate::{EncodeOptions, WireError};

/// Reads an answer.
pub(super) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = Fields::of(value, "").map_err(invalid)?;
    if fields.peek("status") == Some("failed") && !fields.has("error") {
        return Err(invalid("the answer failed, and no error says why"));
    }
    if let Some(error) = fields.value("error") {
        return Err(invalid(format!("an error in place of an answer: {error}")));
    }
    let output = fields.list("output").map_err(invalid)?.ok_or_else(|| invalid("no output"))?;
    let ran = Ran::of(&output);
    let (parts, logprobs) = read_output(output)?;
    let head = body::read(fields.left(), ran);
    let finish = finish(&head.status, head.reason.as_deref(), Content::of(&parts));
    Ok(Reply {
        id: head.id,
        model: head.model,
        created: head.created,
        choices: vec![Choice { parts, finish, logprobs, ..Choice::default() }],
        usage: head.usage,
        extra: head.extra,
    })
}

fn read_output(output: Vec<Value>) -> Result<(Vec<Part>, Vec<TokenLogprob>), WireError> {
    let (mut parts, mut tokens) = (Vec::with_capacity(output.len()), Vec::new());
    for (at, item) in output.into_iter().enumerate() {
        let item = Fields::of(item, format!("output[{at}]")).map_err(invalid)?;
        for mut part in items::read(item).map_err(invalid)? {
            tokens.extend(take_logprobs(&mut part));
            parts.push(part);
        }
    }
    Ok((parts, tokens))
}

/// Takes the tokens out of a text's sidecar.
pub(super) fn take_logprobs(part: &mut Part) -> Vec<TokenLogprob> {
    let native = part.native.as_mut().and_then(|native| native.value.as_object_mut());
    let Some(native) = native else { return Vec::new() };
    let Some(Value::Object(left)) = native.get_mut("part") else { return Vec::new() };
    let Some(tokens) = left.get("logprobs").and_then(logprobs::read) else { return Vec::new() };
    left.shift_remove("logprobs");
    if left.is_empty() {
        native.shift_remove("part");
    }
    tokens
}

/// Writes an answer: its first choice, there is no place for others.
pub(super) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "an answer has one choice here");
    }
    let none = Choice::default();
    let choice = reply.choices.first().unwrap_or(&none);
    let _noted = own_fields(super::DIALECT, &reply.extra, "reply.", receipt);
    let outline = Outline::of(&reply.id, &reply.model, reply.created, &reply.extra, options);
    let ids = Ids::of(&outline.id);
    let mut items = Items::reply(&ids, &choice.logprobs, &options.grouped);
    for (at, part) in choice.parts.iter().enumerate() {
        let after = choice.parts.get(at + 1..).unwrap_or_default();
        if choice.parts.len() > 1 && is_bare(part) {
            continue;
        }
        if let Err(Unwritable::Foreign(what) | Unwritable::Unsupported(what)) = items.write(part, after) {
            receipt.dropped(format!("choices[0].content[{at}]"), what);
        }
    }
    let mut output = items.finish();
    let declined = Content::of(&choice.parts).declined;
    let (status, _) = super::status(&choice.finish, declined);
    if status == "incomplete" && !choice.parts.iter().any(is_own) {
        mark_incomplete(&mut output);
    }
    let response: Map<String, Value> = outline.whole(&choice.finish, declined, output, reply.usage.as_ref());
    Value::Object(response).to_string().into()
}

/// Is it a text of another provider's that carries a signature alone?
fn is_bare(part: &Part) -> bool {
    matches!(&part.kind, PartKind::Text(text) if text.is_empty()) && part.native.is_some() && !is_own(part)
}

fn is_own(part: &Part) -> bool {
    part.native_for(super::DIALECT).is_some()
}

/// The item that an answer was cut off in is incomplete too.
pub(super) fn mark_incomplete(output: &mut [Value]) {
    if let Some(Value::Object(item)) = output.last_mut()
        && matches!(super::server::kind(item), "message" | "function_call")
    {
        item.insert("status".to_owned(), "incomplete".into());
    }
}
