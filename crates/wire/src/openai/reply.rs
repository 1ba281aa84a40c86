//! A whole chat completion ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Extra, Finish, Part, PartKind, Provenance, Receipt, Reply};
use serde_json::{Map, Value, json};

use super::{DIALECT, content, finish, finish_reason, invalid, tools};
use crate::fields::Fields;
use crate::outgoing::{merge, own_fields};
use crate::usage::{Openai, OpenaiOut};
use crate::{EncodeOptions, WireError};

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
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
            .and_then(|value| Some(serde_json::from_value::<Openai>(value).ok()?.canon())),
        ..Reply::default()
    };
    let _constant = fields.value("object");
    for (at, choice) in choices.into_iter().enumerate() {
        let choice = Fields::of(choice, format!("choices[{at}]")).map_err(invalid)?;
        reply.choices.push(read_choice(choice, at)?);
    }
    reply.extra = fields.extra(DIALECT);
    Ok(reply)
}

fn read_choice(mut fields: Fields, at: usize) -> Result<Choice, WireError> {
    let reason = fields.text("finish_reason").map_err(invalid)?;
    let mut message = fields.need_object("message").map_err(invalid)?;
    let mut parts = read_parts(&mut message, at)?;
    let declined = parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let finish = match reason.as_deref().filter(|reason| !reason.is_empty()).map(finish) {
        Some(Finish::Stop) if declined => Finish::Refusal,
        Some(finish) => finish,
        None if called => Finish::ToolCalls,
        None => Finish::Stop,
    };
    for constant in ["role", "delta"] {
        let _constant = message.value(constant);
    }
    for constant in ["index", "delta"] {
        let _constant = fields.value(constant);
    }
    let mut left = without_empty(fields.left());
    let message = without_empty(message.left());
    if !message.is_empty() {
        left.insert("message".to_owned(), Value::Object(message));
    }
    if !left.is_empty() {
        let part = Part::new(PartKind::Native, Provenance::Model);
        parts.push(part.with_native(DIALECT, json!({"choice": left})));
    }
    Ok(Choice { parts, finish, ..Choice::default() })
}

/// `annotations: []` says nothing.
fn without_empty(mut map: Map<String, Value>) -> Map<String, Value> {
    map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    map
}

fn read_parts(message: &mut Fields, at: usize) -> Result<Vec<Part>, WireError> {
    let mut parts = Vec::new();
    for name in ["reasoning_content", "reasoning"] {
        if message.peek(name).is_some_and(|text| !text.is_empty()) && parts.is_empty() {
            let text = message.text(name).map_err(invalid)?.unwrap_or_default();
            let part = Part::new(PartKind::Reasoning(text), Provenance::Model);
            parts.push(part.with_native(DIALECT, json!({"field": name})));
        } else if message.peek(name).is_some_and(str::is_empty) {
            let _nothing = message.value(name);
        }
    }
    match message.value("content") {
        Some(Value::Array(blocks)) => {
            for block in blocks {
                parts.push(read_block(block)?);
            }
        }
        Some(Value::String(empty)) if empty.is_empty() => {}
        content => parts.extend(content::read(content, "content", Provenance::Model).map_err(invalid)?),
    }
    if let Some(refusal) = message.text("refusal").map_err(invalid)?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(PartKind::Refusal(refusal), Provenance::Model));
    }
    for (index, call) in
        message.list("tool_calls").map_err(invalid)?.unwrap_or_default().into_iter().enumerate()
    {
        if is_phantom(&call) {
            continue;
        }
        let made_up = format!("call_{at}_{index}");
        parts.push(tools::read_call(call, "tool_calls", made_up).map_err(invalid)?);
    }
    if let Some(mut call) = message.object("function_call").map_err(invalid)? {
        let name = call.text("name").map_err(invalid)?.unwrap_or_default();
        let arguments = tools::read_arguments(call.value("arguments"));
        let id = format!("call_{at}_0");
        if !name.is_empty() {
            parts.push(Part::new(
                PartKind::ToolCall { id, name, arguments, custom: false },
                Provenance::Model,
            ));
        }
    }
    Ok(parts)
}

/// Some servers write every field of an answer, empty: a call of a function without a name is none.
fn is_phantom(call: &Value) -> bool {
    call.pointer("/function/name").and_then(Value::as_str) == Some("")
}

/// A block of content as a list; Mistral's thoughts come this way.
fn read_block(block: Value) -> Result<Part, WireError> {
    if let Some(thoughts) = super::stream::thinking_text(&block) {
        return Ok(Part::new(PartKind::Reasoning(thoughts), Provenance::Model));
    }
    let list = Some(Value::Array(vec![block]));
    let mut parts = content::read(list, "content", Provenance::Model).map_err(invalid)?;
    parts.pop().ok_or_else(|| invalid("empty content"))
}

/// Writes an answer.
pub(crate) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    let pick = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    let choices: Vec<Value> =
        reply.choices.iter().enumerate().map(|(at, choice)| write_choice(choice, at, receipt)).collect();
    let mut out = content::object([
        ("id", Some(json!(pick(&reply.id, &options.id)))),
        ("object", Some(json!("chat.completion"))),
        ("created", Some(json!(reply.created.unwrap_or(options.created)))),
        ("model", Some(json!(pick(&options.model, &reply.model)))),
        ("choices", Some(Value::Array(choices))),
        ("usage", reply.usage.as_ref().map(|usage| json!(OpenaiOut::from(usage)))),
    ]);
    merge_own(&mut out, &reply.extra, receipt);
    Value::Object(out).to_string().into()
}

fn merge_own(out: &mut Map<String, Value>, extra: &Extra, receipt: &mut Receipt) {
    if let Some(own) = own_fields(DIALECT, extra, "reply.", receipt) {
        merge(out, own);
    }
}

fn write_choice(choice: &Choice, at: usize, receipt: &mut Receipt) -> Value {
    let mut message = content::object([("role", Some(json!("assistant"))), ("content", Some(Value::Null))]);
    let (mut said, mut calls, mut refusal, mut beside) = (Vec::new(), Vec::new(), Value::Null, None);
    for (index, part) in choice.parts.iter().enumerate() {
        match &part.kind {
            PartKind::Text(_) => said.push(part),
            PartKind::Reasoning(text) => add_thoughts(&mut message, part, text),
            PartKind::Refusal(text) => refusal = json!(text),
            PartKind::ToolCall { .. } => calls.extend(tools::write_call(part)),
            PartKind::Native if part.native_for(DIALECT).is_some() => match part.native_for(DIALECT) {
                Some(native) if tools::is_call(native) => calls.push(native.clone()),
                Some(native) => beside = native.get("choice").and_then(Value::as_object),
                None => {}
            },
            PartKind::Media { .. }
            | PartKind::ToolResult(_)
            | PartKind::ServerCall(_)
            | PartKind::ServerResult(_)
            | PartKind::Native => {
                receipt
                    .dropped(format!("choices[{at}].content[{index}]"), "this dialect has no such content");
            }
        }
    }
    if !said.is_empty() || (calls.is_empty() && refusal.is_null()) {
        message.insert("content".to_owned(), json!(joined(&said)));
    }
    message.insert("refusal".to_owned(), refusal);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    let declined = choice.parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let mut out = content::object([
        ("index", Some(json!(at))),
        ("message", Some(Value::Object(message))),
        ("finish_reason", Some(json!(finish_reason(&choice.finish, declined)))),
    ]);
    match beside {
        Some(beside) => merge(&mut out, beside),
        None => {
            out.insert("logprobs".to_owned(), Value::Null);
        }
    }
    Value::Object(out)
}

/// The content of an answer is one string.
fn joined(parts: &[&Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Thoughts have no place in OpenAI's own answers; `reasoning_content` is where clients look for them.
fn add_thoughts(message: &mut Map<String, Value>, part: &Part, text: &str) {
    let own = part.native_for(DIALECT).and_then(|native| native.get("field")).and_then(Value::as_str);
    let field = own.unwrap_or("reasoning_content");
    match message.get_mut(field) {
        Some(Value::String(before)) => before.push_str(text),
        _ => {
            message.insert(field.to_owned(), json!(text));
        }
    }
}
