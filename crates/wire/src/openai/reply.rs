//! A whole chat completion → canon. Next: `written.rs`, the way back.

use contract::canon::{Choice, Extra, Finish, Part, PartKind, Provenance, Reply};
use contract::words::Usage;
use serde_json::{Map, Value};

use super::{DIALECT, annotations, content, finish, finish_reason, invalid, likely, media, thoughts, tools};
use crate::WireError;
use crate::fields::Fields;
use crate::usage::Openai;

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = Fields::of(value, "").map_err(invalid)?;
    if let Some(error) = fields.value("error") {
        return Err(invalid(format!("an error in place of an answer: {error}")));
    }
    let choices = fields.list("choices").map_err(invalid)?.ok_or_else(|| invalid("no choices"))?;
    let mut reply = Reply {
        id: fields.take_text("id").unwrap_or_default(),
        model: fields.take_text("model").unwrap_or_default(),
        created: fields.integer("created").ok().flatten(),
        ..Reply::default()
    };
    let _constant = fields.value("object");
    let usage = fields.value("usage");
    for (at, choice) in choices.into_iter().enumerate() {
        let choice = Fields::of(choice, format!("choices[{at}]")).map_err(invalid)?;
        reply.choices.push(read_choice(choice, at)?);
    }
    let mut left = without_empty(fields.left());
    for choice in &mut reply.choices {
        let text = choice.parts.iter_mut().find(|part| matches!(part.kind, PartKind::Text(_)));
        text.into_iter().for_each(|text| text.citations.extend(annotations::sources(&left)));
    }
    if let Some((usage, more)) = usage.map(read_usage) {
        reply.usage = usage;
        left.extend(more.map(|more| ("usage".to_owned(), Value::Object(more))));
    }
    reply.extra = owned(left);
    Ok(reply)
}

/// Leftovers of this dialect.
pub(super) fn owned(fields: Map<String, Value>) -> Extra {
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

/// Reads the counts, and keeps what canon has no word for.
pub(super) fn read_usage(value: Value) -> (Option<Usage>, Option<Map<String, Value>>) {
    match serde_json::from_value::<Openai>(value.clone()) {
        Ok(counts) => (counts.reported(), crate::usage::beyond_openai(value)),
        Err(_) => (None, None),
    }
}

fn read_choice(mut fields: Fields, at: usize) -> Result<Choice, WireError> {
    let reason = fields.take_text("finish_reason").filter(|reason| !reason.is_empty());
    let mut message = fields.need_object("message").map_err(invalid)?;
    let parts = read_parts(&mut message, at)?;
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let (finish, raw) = outcome(reason, has_refusal(&parts), called);
    let mut choice = Choice { parts, finish, ..Choice::default() };
    for constant in ["role", "delta"] {
        let _constant = message.value(constant);
    }
    for constant in ["index", "delta"] {
        let _constant = fields.value(constant);
    }
    if let Some(value) = fields.value("logprobs") {
        let (tokens, left) = likely::read(value);
        choice.logprobs = tokens;
        left.into_iter().for_each(|left| fields.put_back("logprobs", left));
    }
    let mut left = without_empty(fields.left());
    let message = without_empty(message.left());
    if !message.is_empty() {
        left.insert("message".to_owned(), Value::Object(message));
    }
    left.extend(raw.map(|raw| ("finish_reason".to_owned(), Value::String(raw))));
    choice.extra = owned(left);
    Ok(choice)
}

/// Does the model decline?
pub(super) fn has_refusal(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)))
}

/// Why a choice ended, and the reason in the server's words where canon would write it otherwise.
///
/// Beside a call that was forced by its name OpenAI says `stop`, and others say it beside any; loops of clients
/// in other dialects go on only where the reason says that there are calls.
pub(super) fn outcome(reason: Option<String>, declined: bool, called: bool) -> (Finish, Option<String>) {
    let Some(reason) = reason else {
        return (if called { Finish::ToolCalls } else { Finish::Stop }, None);
    };
    let outcome = match finish(&reason) {
        Finish::Stop if called => Finish::ToolCalls,
        Finish::Stop if declined => Finish::Refusal,
        outcome => outcome,
    };
    // A legacy call becomes one of today's.
    let kept = finish_reason(&outcome, declined) != reason && reason != "function_call";
    (outcome, kept.then_some(reason))
}

/// `annotations: []` says nothing.
fn without_empty(mut map: Map<String, Value>) -> Map<String, Value> {
    map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    map
}

fn read_parts(message: &mut Fields, at: usize) -> Result<Vec<Part>, WireError> {
    let mut parts = thoughts::read(message);
    match message.value("content") {
        Some(Value::Array(blocks)) => read_blocks(blocks, &mut parts)?,
        Some(Value::String(empty)) if empty.is_empty() => {}
        content => parts.extend(content::read(content, "content", Provenance::Model).map_err(invalid)?),
    }
    if let Some(value) = message.value("annotations") {
        cite(value, message, &mut parts);
    }
    if let Some(refusal) = message.text("refusal").map_err(invalid)?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(PartKind::Refusal(refusal), Provenance::Model));
    }
    if let Some(value) = message.value(media::AUDIO) {
        match media::read_audio(value) {
            Ok(part) => parts.push(part),
            Err(value) => message.put_back(media::AUDIO, value),
        }
    }
    if let Some(value) = message.value(media::IMAGES) {
        match media::read_images(value) {
            Ok(images) => parts.extend(images),
            Err(value) => message.put_back(media::IMAGES, value),
        }
    }
    read_calls(message, at, &mut parts)?;
    Ok(parts)
}

fn read_calls(message: &mut Fields, at: usize, parts: &mut Vec<Part>) -> Result<(), WireError> {
    let calls = message.list("tool_calls").map_err(invalid)?.unwrap_or_default();
    for (index, call) in calls.into_iter().enumerate() {
        if is_phantom(&call) {
            continue;
        }
        let made_up = format!("call_{at}_{index}");
        parts.push(tools::read_call(call, "tool_calls", made_up).map_err(invalid)?);
    }
    if let Some(mut call) = message.object("function_call").map_err(invalid)? {
        let name = call.text("name").map_err(invalid)?.unwrap_or_default();
        let arguments = tools::read_arguments(call.value("arguments"));
        if !name.is_empty() {
            let call = PartKind::ToolCall { id: format!("call_{at}_0"), name, arguments, custom: false };
            parts.push(Part::new(call, Provenance::Model));
        }
    }
    Ok(())
}

/// Some servers write every field of an answer, empty: a call of a function without a name is none.
fn is_phantom(call: &Value) -> bool {
    call.pointer("/function/name").and_then(Value::as_str) == Some("")
}

/// Content as a list, as Mistral writes it. Texts that follow each other are one, as they are in a stream.
fn read_blocks(blocks: Vec<Value>, parts: &mut Vec<Part>) -> Result<(), WireError> {
    for block in blocks {
        if let Some(citation) = block.as_object().and_then(annotations::of_block)
            && let Some(text) = parts.iter_mut().rev().find(|part| matches!(part.kind, PartKind::Text(_)))
        {
            text.citations.push(citation);
        }
        let list = Some(Value::Array(vec![block]));
        for mut part in content::read(list, "content", Provenance::Model).map_err(invalid)? {
            if matches!(part.kind, PartKind::Media { .. }) {
                media::stood_in_content(&mut part);
            }
            match (parts.last_mut(), &part) {
                (
                    Some(Part { kind: PartKind::Text(before), native: None, .. }),
                    Part { kind: PartKind::Text(more), native: None, .. },
                ) => before.push_str(more),
                (_, Part { kind: PartKind::Text(text), native: None, .. }) if text.is_empty() => {}
                _ => parts.push(part),
            }
        }
    }
    Ok(())
}

/// Gives the text its citations. Annotations of another kind, and those of no text, stay in the message.
fn cite(value: Value, message: &mut Fields, parts: &mut [Part]) {
    let text = parts.iter_mut().rev().find(|part| matches!(part.kind, PartKind::Text(_)));
    let Some(text) = text else { return message.put_back("annotations", value) };
    let (citations, others) = annotations::read_all(value);
    text.citations.extend(citations);
    if let Some(others) = others {
        message.put_back("annotations", others);
    }
}
