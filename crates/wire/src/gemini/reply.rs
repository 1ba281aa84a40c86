//! A whole answer → canon.

use contract::canon::{Choice, Finish, MediaKind, MediaSource, Part, PartKind, Provenance, Reply};
use serde_json::{Map, Value};

use super::part::{Answer, Candidate, Ids, Piece};
use super::{DIALECT, finish, invalid};
use crate::WireError;

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let answer: Answer = serde_json::from_slice(body).map_err(invalid)?;
    if let Some(error) = answer.error {
        return Err(invalid(format!("an error in place of an answer: {}", error.message)));
    }
    let blocked = answer.is_blocked();
    let id = answer.response_id.unwrap_or_default();
    let mut ids = Ids::of(&id);
    let mut choices: Vec<Choice> =
        answer.candidates.into_iter().map(|candidate| read_candidate(candidate, &mut ids)).collect();
    if choices.is_empty() {
        if !blocked {
            return Err(invalid("no candidates"));
        }
        choices.push(Choice { finish: Finish::ContentFilter, ..Choice::default() });
    }
    Ok(Reply {
        id,
        model: answer.model_version.unwrap_or_default(),
        choices,
        usage: answer.usage_metadata.map(|counts| counts.canon()),
        ..Reply::default()
    })
}

fn read_candidate(mut candidate: Candidate, ids: &mut Ids) -> Choice {
    let parts: Vec<Part> = candidate.take_pieces().map(|piece| read_piece(piece, ids)).collect();
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let finish = finish(candidate.finish_reason.as_deref().unwrap_or("STOP"), called);
    Choice { parts, finish, ..Choice::default() }
}

fn read_piece(piece: Piece, ids: &mut Ids) -> Part {
    let (kind, left) = match piece {
        Piece::Text { text, thought: true, left } => (PartKind::Reasoning(text), left),
        Piece::Text { text, left, .. } => (PartKind::Text(text), left),
        Piece::Call { mut call, left } => {
            let id = ids.pick(&mut call);
            let arguments = call.arguments();
            (PartKind::ToolCall { id, name: call.name.unwrap_or_default(), arguments, custom: false }, left)
        }
        Piece::Other(fields) => read_other(fields),
    };
    let part = Part::new(kind, Provenance::Model);
    match left {
        Some(left) => part.with_native(DIALECT, left),
        None => part,
    }
}

fn read_other(mut fields: Map<String, Value>) -> (PartKind, Option<Value>) {
    let media = match (fields.get("inlineData"), fields.get("fileData")) {
        (Some(data), _) => text(data, "mimeType")
            .zip(text(data, "data"))
            .map(|(mime, data)| (media_kind(&mime), MediaSource::Base64 { mime, data })),
        (None, Some(file)) => text(file, "fileUri").map(|url| {
            let kind = text(file, "mimeType").map_or(MediaKind::Document, |mime| media_kind(&mime));
            (kind, MediaSource::Url(url))
        }),
        (None, None) => None,
    };
    let Some((kind, source)) = media else { return (PartKind::Native, Some(Value::Object(fields))) };
    fields.shift_remove("inlineData");
    fields.shift_remove("fileData");
    (PartKind::Media { kind, source }, (!fields.is_empty()).then_some(Value::Object(fields)))
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field).and_then(Value::as_str).map(str::to_owned)
}

fn media_kind(mime: &str) -> MediaKind {
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}
