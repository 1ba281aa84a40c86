//! A whole answer ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Extra, Part, PartKind, Provenance, Receipt, Reply};
use serde_json::{Map, Value, json};

use super::{DIALECT, OBJECT, finish, finish_reason, invalid, logprobs};
use crate::fields::Fields;
use crate::outgoing::{merge, own_fields};
use crate::usage::{Openai, OpenaiOut};
use crate::{EncodeOptions, WireError};

/// Where the first token of a choice stands in its text, when that is not the beginning.
const OFFSET: &str = "text_offset";

/// The `object` of an answer in the form of a chat.
const CHAT: &str = "chat.completion";

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Reply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = Fields::of(value, "").map_err(invalid)?;
    if let Some(error) = fields.value("error") {
        return Err(invalid(format!("an error in place of an answer: {error}")));
    }
    let choices = fields.list("choices").map_err(invalid)?.ok_or_else(|| invalid("no choices"))?;
    let mut reply = Reply {
        id: fields.text("id").ok().flatten().unwrap_or_default(),
        model: fields.text("model").ok().flatten().unwrap_or_default(),
        created: fields.integer("created").ok().flatten(),
        usage: fields
            .value("usage")
            .and_then(|value| serde_json::from_value::<Openai>(value).ok()?.reported()),
        ..Reply::default()
    };
    if fields.peek("object").is_some_and(|object| object == OBJECT || object == CHAT) {
        let _constant = fields.value("object");
    }
    for (at, choice) in choices.into_iter().enumerate() {
        let choice = Fields::of(choice, format!("choices[{at}]")).map_err(invalid)?;
        reply.choices.push(read_choice(choice)?);
    }
    reply.extra = fields.extra(DIALECT);
    Ok(reply)
}

/// The text where Mistral's fill-in-the-middle writes it, in the form of a chat (docs.mistral.ai, API reference, "Fim
/// Completion").
pub(super) fn in_chat(mut message: Value) -> Option<String> {
    match message.get_mut("content").map(Value::take)? {
        Value::String(text) => Some(text),
        Value::Array(blocks) => {
            Some(blocks.iter().filter_map(|block| block.get("text").and_then(Value::as_str)).collect())
        }
        _ => None,
    }
}

fn read_choice(mut fields: Fields) -> Result<Choice, WireError> {
    let _place = fields.value("index");
    let text = fields.text("text").map_err(invalid)?;
    let text = text.or_else(|| in_chat(fields.value("message")?)).unwrap_or_default();
    let reason = fields.text("finish_reason").map_err(invalid)?.unwrap_or_default();
    let mut choice = Choice { finish: finish(&reason), ..Choice::default() };
    if !text.is_empty() {
        choice.parts.push(Part::text(text, Provenance::Model));
    }
    if let Some(value) = fields.value("logprobs") {
        match logprobs::read(value) {
            Ok((tokens, offset)) => {
                choice.logprobs = tokens;
                if offset != 0 {
                    fields.put_back(OFFSET, Value::from(offset));
                }
            }
            Err(value) => fields.put_back("logprobs", value),
        }
    }
    if finish_reason(&choice.finish) != reason && !reason.is_empty() {
        fields.put_back("finish_reason", reason.into());
    }
    choice.extra = fields.extra(DIALECT);
    Ok(choice)
}

/// Writes an answer.
pub(super) fn write(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    let pick = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .enumerate()
        .map(|(at, choice)| write_choice(choice, (at, options.echo.as_deref()), receipt))
        .collect();
    let mut out = own(&reply.extra, "reply.", receipt);
    let object = out.shift_remove("object").unwrap_or_else(|| json!(OBJECT));
    let mut whole = Map::new();
    whole.insert("id".to_owned(), json!(pick(&reply.id, &options.id)));
    whole.insert("object".to_owned(), object);
    whole.insert("created".to_owned(), json!(reply.created.unwrap_or(options.created)));
    whole.insert("model".to_owned(), json!(pick(&options.model, &reply.model)));
    whole.insert("choices".to_owned(), Value::Array(choices));
    if let Some(usage) = &reply.usage {
        whole.insert("usage".to_owned(), json!(OpenaiOut::from(usage)));
    }
    merge(&mut whole, &out);
    Value::Object(whole).to_string().into()
}

fn own(extra: &Extra, prefix: &str, receipt: &mut Receipt) -> Map<String, Value> {
    own_fields(DIALECT, extra, prefix, receipt).cloned().unwrap_or_default()
}

fn write_choice(choice: &Choice, (at, echo): (usize, Option<&str>), receipt: &mut Receipt) -> Value {
    let mut text = echo.unwrap_or_default().to_owned();
    for (index, part) in choice.parts.iter().enumerate() {
        match &part.kind {
            PartKind::Text(more) | PartKind::Refusal(more) => text.push_str(more),
            _ => {
                receipt.dropped(format!("choices[{at}].content[{index}]"), "completions are text alone");
            }
        }
    }
    let mut extra = own(&choice.extra, &format!("choices[{at}]."), receipt);
    let mut offset = extra.shift_remove(OFFSET).and_then(|offset| offset.as_i64()).unwrap_or_default();
    let logprobs = match choice.logprobs.as_slice() {
        [] => extra.shift_remove("logprobs").unwrap_or_default(),
        tokens => logprobs::write(tokens, &mut offset),
    };
    let mut out = Map::new();
    out.insert("text".to_owned(), json!(text));
    out.insert("index".to_owned(), json!(at));
    out.insert("logprobs".to_owned(), logprobs);
    let reason = extra.shift_remove("finish_reason").unwrap_or_else(|| json!(finish_reason(&choice.finish)));
    out.insert("finish_reason".to_owned(), reason);
    merge(&mut out, &extra);
    Value::Object(out)
}
