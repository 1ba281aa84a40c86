//! A whole answer ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Extra, MediaKind, Part, PartKind, Receipt, Reply};
use serde_json::{Map, Value, json};

use super::citation::{self, PLAN};
use super::read::Answer;
use super::{DIALECT, content, finish, finish_reason, invalid, logprobs, read, tools, usage};
use crate::fields::Fields;
use crate::outgoing::{merge, own_fields};
use crate::{EncodeOptions, WireError};

/// Reads an answer.
pub(super) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = Fields::of(value, "").map_err(invalid)?;
    let mut message = fields.need_object("message").map_err(invalid)?;
    let _constant = message.value("role");
    let said = Answer {
        plan: message.text(PLAN).map_err(invalid)?,
        content: message.value("content"),
        calls: message.list("tool_calls").map_err(invalid)?.unwrap_or_default(),
        citations: message.list("citations").map_err(invalid)?.unwrap_or_default(),
    };
    let called = !said.calls.is_empty();
    let (parts, left) = read::answer(said, "message").map_err(invalid)?;
    if !left.is_empty() {
        message.put_back("citations", Value::Array(left));
    }
    let reason = fields.text("finish_reason").map_err(invalid)?;
    let reason = reason.as_deref().unwrap_or(if called { "TOOL_CALL" } else { "COMPLETE" });
    let mut choice = Choice { parts, finish: finish(reason), ..Choice::default() };
    read_logprobs(&mut fields, &mut choice);
    let beside = message.left();
    if !beside.is_empty() {
        choice.extra.owner = Some(DIALECT);
        choice.extra.fields.insert("message".to_owned(), Value::Object(beside));
    }
    let counts = fields.value("usage");
    let mut reply = Reply {
        id: fields.text("id").ok().flatten().unwrap_or_default(),
        model: fields.text("model").ok().flatten().unwrap_or_default(),
        choices: vec![choice],
        usage: counts.as_ref().and_then(usage::read),
        ..Reply::default()
    };
    if let Some(counts) = counts {
        fields.put_back("usage", counts);
    }
    reply.extra = fields.extra(DIALECT);
    Ok(reply)
}

/// Canon has no place for the numbers of tokens: the stretches are kept whole as well, by their place.
fn read_logprobs(fields: &mut Fields, choice: &mut Choice) {
    let Some(Value::Array(list)) = fields.value("logprobs") else { return };
    let mut whole = Map::new();
    for item in list {
        choice.logprobs.extend(logprobs::read(&item));
        whole.insert(whole.len().to_string(), item);
    }
    choice.extra.owner = Some(DIALECT);
    choice.extra.fields.insert("logprobs".to_owned(), Value::Object(whole));
}

/// Writes an answer.
pub(super) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "an answer has one choice here");
    }
    let nothing = Choice::default();
    let choice = reply.choices.first().unwrap_or(&nothing);
    let beside = own_fields(DIALECT, &choice.extra, "choices[0].", receipt);
    let mut message = write_message(&choice.parts, receipt);
    if let Some(Value::Object(beside)) = beside.and_then(|beside| beside.get("message")) {
        citation::merge(&mut message, beside);
    }
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(if reply.id.is_empty() { &options.id } else { &reply.id }));
    out.insert("finish_reason".to_owned(), json!(finish_reason(&choice.finish)));
    out.insert("message".to_owned(), Value::Object(message));
    let own = own_fields(DIALECT, &reply.extra, "reply.", receipt);
    if let Some(own) = own {
        merge(&mut out, own);
    }
    if let Some(usage) = reply.usage.as_ref().filter(|_| !out.contains_key("usage")) {
        out.insert("usage".to_owned(), Value::Object(usage::write(usage)));
    }
    if let Some(list) = write_logprobs(choice, beside) {
        out.insert("logprobs".to_owned(), list);
    }
    Value::Object(out).to_string().into()
}

fn write_logprobs(choice: &Choice, beside: Option<&Map<String, Value>>) -> Option<Value> {
    let own = beside.and_then(|beside| beside.get("logprobs")).and_then(Value::as_object);
    let list: Vec<Value> = match own {
        Some(own) => own.values().cloned().collect(),
        None => choice.logprobs.iter().map(logprobs::write).collect(),
    };
    (!list.is_empty()).then_some(Value::Array(list))
}

fn write_message(parts: &[Part], receipt: &mut Receipt) -> Map<String, Value> {
    let (mut blocks, mut calls, mut citations) = (Vec::new(), Vec::new(), Vec::new());
    let mut plan = String::new();
    for (at, part) in parts.iter().enumerate() {
        match &part.kind {
            PartKind::ToolCall { .. } => {
                calls.extend(tools::write_call(part));
                continue;
            }
            PartKind::Reasoning(text) if citation::is_plan(part) => plan.push_str(text),
            // Answers hold texts and thoughts; the SDKs know no other blocks there.
            PartKind::Media { kind: MediaKind::Image, .. } => {
                receipt.dropped(format!("choices[0].content[{at}]"), "answers hold no pictures here");
                continue;
            }
            _ => match content::write_block(part) {
                Ok(block) => blocks.push(block),
                Err(_) => {
                    let path = format!("choices[0].content[{at}]");
                    receipt.dropped(path, "this dialect has no such content");
                    continue;
                }
            },
        }
        if let PartKind::Text(text) | PartKind::Reasoning(text) = &part.kind {
            let block = blocks.len().saturating_sub(1);
            citations.extend(part.citations.iter().filter_map(|it| citation::write(it, text, block)));
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    if !blocks.is_empty() || calls.is_empty() {
        message.insert("content".to_owned(), Value::Array(blocks));
    }
    if !plan.is_empty() {
        message.insert(PLAN.to_owned(), json!(plan));
    }
    for (name, list) in [("tool_calls", calls), ("citations", citations)] {
        if !list.is_empty() {
            message.insert(name.to_owned(), Value::Array(list));
        }
    }
    message
}

/// Leftovers of this dialect under one name.
pub(super) fn left(name: &str, value: Value) -> Extra {
    Extra { owner: Some(DIALECT), fields: [(name.to_owned(), value)].into_iter().collect() }
}
