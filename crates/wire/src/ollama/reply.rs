//! A whole answer ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Finish, MediaKind, MediaSource, Part, PartKind, Provenance, Receipt, Reply};
use serde_json::Value;

use super::calls::Call;
use super::chunk::{Chunk, Saying, Written, made_up, time};
use super::read::{extra, image_of};
use super::{Form, done_reason, finish, logprobs};
use crate::outgoing::own_fields;
use crate::{EncodeOptions, WireError};

/// Reads an answer.
pub(super) fn read_reply(form: Form, body: &[u8]) -> Result<Reply, WireError> {
    let mut chunk = Chunk::read(form, body, made_up)?;
    if let Some(error) = chunk.error {
        return Err(form.invalid(format!("an error in place of an answer: {error}")));
    }
    let created = chunk.created();
    let from = Provenance::Model;
    let mut parts = Vec::new();
    if !chunk.thinking.is_empty() {
        parts.push(Part::new(PartKind::Reasoning(chunk.thinking), from));
    }
    if !chunk.text.is_empty() {
        parts.push(Part::text(chunk.text, from));
    }
    parts.extend(chunk.images.into_iter().map(|data| Part::new(image_of(data), from)));
    let called = !chunk.calls.is_empty();
    parts.append(&mut chunk.calls);
    if let Some(time) = chunk.created_at {
        chunk.left.insert("created_at".to_owned(), Value::String(time));
    }
    Ok(Reply {
        id: String::new(),
        model: chunk.model,
        created,
        choices: vec![Choice {
            parts,
            finish: finish(chunk.done_reason.as_deref(), called),
            logprobs: chunk.logprobs,
            ..Choice::default()
        }],
        usage: chunk.usage,
        extra: extra(form.dialect(), chunk.left),
    })
}

/// Writes an answer.
pub(super) fn write_reply(
    form: Form,
    reply: &Reply,
    options: &EncodeOptions,
    receipt: &mut Receipt,
) -> Bytes {
    let model = if options.model.is_empty() { &reply.model } else { &options.model };
    let mut extra = own_fields(form.dialect(), &reply.extra, "reply.", receipt).cloned().unwrap_or_default();
    let created_at = match extra.shift_remove("created_at") {
        Some(Value::String(time)) => time,
        _ => time(reply.created.unwrap_or(options.created)),
    };
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "an answer has one choice here");
    }
    let nothing = Choice::default();
    let choice = reply.choices.first().unwrap_or(&nothing);
    let (text, thinking) = texts(choice);
    let mut said = Saying { text: &text, thinking: &thinking, ..Saying::default() };
    for (at, part) in choice.parts.iter().enumerate() {
        if !part.citations.is_empty() {
            receipt.dropped(format!("choices[0].content[{at}].citations"), "this dialect cites nothing");
        }
        match &part.kind {
            PartKind::Text(_) | PartKind::Refusal(_) | PartKind::Reasoning(_) => {}
            PartKind::ToolCall { .. } if form == Form::Chat => {
                said.calls.extend(Call::of(part, form.dialect()));
            }
            PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { data, .. } }
                if form == Form::Generate && said.image.is_none() =>
            {
                said.image = Some(data);
            }
            _ => {
                receipt.dropped(format!("choices[0].content[{at}]"), "this dialect has no such content");
            }
        }
    }
    if matches!(choice.finish, Finish::ContentFilter | Finish::Refusal) {
        receipt.dropped("choices[0].finish_reason", "this dialect knows no answer that was held back");
    }
    let mut out = Written {
        model,
        created_at: &created_at,
        done: true,
        done_reason: Some(done_reason(&choice.finish)),
        logprobs: logprobs::write(&choice.logprobs),
        extra,
        ..Written::default()
    };
    out.say(form, said);
    out.count(reply.usage);
    serde_json::to_vec(&out).unwrap_or_default().into()
}

/// What is said, and what is thought; each has one field.
fn texts(choice: &Choice) -> (String, String) {
    let (mut text, mut thinking) = (String::new(), String::new());
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(more) | PartKind::Refusal(more) => text.push_str(more),
            PartKind::Reasoning(more) => thinking.push_str(more),
            _ => {}
        }
    }
    (text, thinking)
}
