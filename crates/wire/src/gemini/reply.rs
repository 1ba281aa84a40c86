//! A whole answer ↔ canon.

use std::borrow::Cow;

use bytes::Bytes;
use contract::canon::{Choice, Extra, Finish, Part, PartKind, Provenance, Receipt, Reply};
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Answer, Candidate};
use super::grounding::Searched;
use super::ids::Ids;
use super::out::{Args, Body, Out, code_of, code_result, is_made_up, media, sidecar};
use super::ruler::Ruler;
use super::sources::{self, Grounding};
use super::{DIALECT, counts, finish, invalid, likely, time};
use crate::outgoing::{merge, own_fields};
use crate::{EncodeOptions, WireError};

/// Reads an answer.
pub(super) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let mut answer: Answer = serde_json::from_slice(body).map_err(invalid)?;
    if let Some(message) = answer.error_message() {
        return Err(invalid(format!("an error in place of an answer: {message}")));
    }
    let blocked = answer.is_blocked();
    let id = answer.take_text("responseId").unwrap_or_default();
    let mut ids = Ids::of_answer(&id);
    let candidates = std::mem::take(&mut answer.candidates);
    let mut searched = Searched::default();
    searched.see(&candidates);
    let mut choices: Vec<Choice> =
        candidates.into_iter().map(|candidate| read_candidate(candidate, &mut ids)).collect();
    if choices.is_empty() {
        if !blocked {
            return Err(invalid("no candidates"));
        }
        choices.push(Choice { finish: Finish::ContentFilter, ..Choice::default() });
    }
    let model = answer.take_text("modelVersion").unwrap_or_default();
    let usage = answer.take_usage().map(|usage| searched.beside(usage));
    Ok(Reply { id, model, created: answer.created(), choices, usage, extra: extra(answer.fields) })
}

/// What is left of an answer or a candidate.
pub(super) fn extra(fields: Map<String, Value>) -> Extra {
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

fn read_candidate(mut candidate: Candidate, ids: &mut Ids) -> Choice {
    let mut parts: Vec<Part> =
        candidate.take_parts().into_iter().map(|raw| raw.part(ids, Provenance::Model)).collect();
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let reason = candidate.fields.shift_remove("finishReason");
    let finish = match reason.as_ref().and_then(finish::word) {
        Some(word) => finish::read(&word, called),
        None => finish::read("STOP", called),
    };
    let kept = reason.and_then(|reason| finish::kept(&reason, &finish));
    candidate.fields.extend(kept.map(|reason| ("finishReason".to_owned(), reason)));
    let logprobs = candidate.fields.get("logprobsResult").map(likely::read).unwrap_or_default();
    cite(&mut parts, &candidate.fields);
    Choice { parts, finish, stop_sequence: None, logprobs, extra: extra(candidate.fields) }
}

/// Puts the sources of an answer where its texts are.
fn cite(parts: &mut [Part], fields: &Map<String, Value>) {
    if !sources::FIELDS.iter().any(|name| fields.contains_key(*name)) {
        return;
    }
    let measured = |(at, part): (usize, &Part)| {
        let PartKind::Text(text) = &part.kind else { return None };
        let mut ruler = Ruler::default();
        ruler.add(text);
        Some((u32::try_from(at).ok()?, ruler))
    };
    let texts: Vec<_> = parts.iter().enumerate().filter_map(measured).collect();
    for (at, citation) in sources::read(fields, &texts) {
        if let Some(part) = parts.get_mut(at as usize) {
            part.citations.push(citation);
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<CandidateOut<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    usage_metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    response_id: &'a str,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentOut<'a>>,
    finish_reason: Cow<'a, Value>,
    index: usize,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Serialize)]
struct ContentOut<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Out<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

/// Writes an answer.
pub(super) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    let mut left = own_fields(DIALECT, &reply.extra, "reply.", receipt).cloned().unwrap_or_default();
    let own_counts = left.shift_remove("usageMetadata");
    let usage_metadata = counts::write(reply.usage.as_ref(), own_counts.as_ref().and_then(Value::as_object));
    let blocked = left.get("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some());
    let silent = |choice: &Choice| choice.parts.is_empty() && choice.extra.fields.is_empty();
    let candidates = match reply.choices.as_slice() {
        [only] if blocked && silent(only) => Vec::new(),
        choices => choices.iter().enumerate().map(|(at, choice)| write_choice(at, choice, receipt)).collect(),
    };
    let message = Message {
        candidates,
        usage_metadata,
        model_version: if options.model.is_empty() { &reply.model } else { &options.model },
        create_time: reply.created.filter(|_| !left.contains_key("createTime")).and_then(time::write),
        response_id: if reply.id.is_empty() { &options.id } else { &reply.id },
        left,
    };
    // Texts, numbers and maps with text keys always have a JSON form.
    serde_json::to_vec(&message).unwrap_or_default().into()
}

fn write_choice<'a>(at: usize, choice: &'a Choice, receipt: &mut Receipt) -> CandidateOut<'a> {
    let mut left =
        own_fields(DIALECT, &choice.extra, &format!("choices[{at}]."), receipt).cloned().unwrap_or_default();
    let mut parts = Vec::with_capacity(choice.parts.len());
    let mut grounding = Grounding::default();
    for (index, part) in choice.parts.iter().enumerate() {
        match &part.kind {
            PartKind::ServerCall(call) if sidecar(part).is_none() => grounding.asked(call),
            PartKind::ServerResult(result) => grounding.answered(result),
            _ => {}
        }
        note_sources(part, parts.len(), &mut grounding);
        match write_part(part) {
            Some(out) => parts.push(out),
            None if is_told_otherwise(part) => {}
            None => receipt
                .dropped(format!("choices[{at}].content[{index}]"), "only its own provider understands it"),
        }
    }
    let mut told = Map::new();
    if !sources::FIELDS.iter().any(|name| left.contains_key(*name)) {
        told.extend(grounding.written());
    }
    if !left.contains_key("logprobsResult") {
        told.extend(likely::write(&choice.logprobs).map(|result| ("logprobsResult".to_owned(), result)));
    }
    let mut own_content = match left.shift_remove("content") {
        Some(Value::Object(content)) => content,
        _ => Map::new(),
    };
    let finish_reason =
        left.shift_remove("finishReason").unwrap_or_else(|| finish::write(&choice.finish).into());
    merge(&mut told, &left);
    let content = (!parts.is_empty() || !own_content.is_empty()).then(|| {
        let unsaid = own_content.get("role").is_none_or(Value::is_null);
        if unsaid {
            own_content.shift_remove("role");
        }
        ContentOut { parts, role: unsaid.then_some("model"), left: own_content }
    });
    CandidateOut { content, finish_reason: Cow::Owned(finish_reason), index: at, left: told }
}

/// Notes the sources of a text that is to be part number `at`.
fn note_sources(part: &Part, at: usize, grounding: &mut Grounding) {
    let PartKind::Text(text) = &part.kind else { return };
    if part.citations.is_empty() {
        return;
    }
    let mut ruler = Ruler::default();
    ruler.add(text);
    for citation in &part.citations {
        let bytes = Some(sources::rests(citation, &ruler));
        grounding.add(u32::try_from(at).unwrap_or_default(), citation, bytes);
    }
}

/// A part of an answer; none when Gemini has no form for it.
fn write_part(part: &Part) -> Option<Out<'_>> {
    let native = sidecar(part);
    let body = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => Body::Text(text),
        PartKind::Reasoning(text) => Body::Thought(text),
        PartKind::Media { kind, source } => media(*kind, source).ok()?,
        PartKind::ToolCall { id, name, arguments, custom } => {
            let id = (!is_made_up(native, "functionCall")).then_some(id.as_str());
            Body::Call { id, name, args: Args::of(arguments, *custom) }
        }
        PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) if native.is_some() => {
            Body::Native
        }
        PartKind::ServerCall(call) => Body::Code(code_of(call)?),
        PartKind::ServerResult(result) => code_result(result)?,
        PartKind::Native | PartKind::ToolResult(_) => return None,
    };
    Some(Out { body, native, ..Out::default() })
}

/// Does the answer's grounding tell what this part would?
fn is_told_otherwise(part: &Part) -> bool {
    use contract::canon::ServerTool::{FileSearch, WebFetch, WebSearch};
    let tool = match &part.kind {
        PartKind::ServerCall(call) => call.tool,
        PartKind::ServerResult(result) => result.tool,
        _ => return false,
    };
    matches!(tool, WebSearch | WebFetch | FileSearch)
}
