//! What stands beside a text, a medium or a result in one dialect and is not told to another: the title of a document, the
//! part of a film that is meant, how closely to look at a picture.
//!
//! One rule for all of them: each member of a foreign sidecar that says something is noted by its name. Blocks that are
//! nothing but a sidecar, thoughts and calls are the writers' business, and so is a signature (`unsaid.rs`).

use contract::canon::{Message, OutputFormat, Part, PartKind, Receipt, Request};
use contract::words::Dialect;
use serde_json::Value;

use crate::outgoing;

/// Members that hold others.
const WRAPPERS: &[&str] = &[
    "audio",
    "document",
    "file",
    "fileData",
    "functionResponse",
    "guardContent",
    "image",
    "image_url",
    "inlineData",
    "input_audio",
    "part",
    "searchResult",
    "text",
    "toolResult",
    "video",
    "video_url",
];

/// Members that say nothing to a model: forms, ids, states, marks of ours, and what is noted elsewhere.
const SILENT: &[&str] = &[
    "annotations",
    "cachePoint",
    "cache_control",
    "citationsContent",
    "content",
    "field",
    "format",
    "id",
    "images",
    "item",
    "joins",
    "json",
    "list",
    "logprobs",
    "mimeType",
    "more",
    "plain",
    "prompt_cache_breakpoint",
    "raw",
    "signature",
    "status",
    "thought",
    "thoughtSignature",
    "type",
];

/// Names of documents; some targets are told them ([`title`]).
const TITLES: &[&str] = &["displayName", "filename", "name", "title"];

/// Notes what stands beside the parts of a request and is not told.
pub(super) fn note(target: Dialect, request: &Request, receipt: &mut Receipt) {
    let whole = receipt.entries().iter().any(|entry| entry.field == "response_format");
    if let OutputFormat::JsonSchema { description: Some(_), .. } = &request.format
        && !whole
        && !describes(target)
    {
        receipt.dropped("response_format.description", "a schema for the answer has no description here");
    }
    for (at, message) in request.messages.iter().enumerate() {
        note_message(target, (at, message), receipt);
    }
}

/// Does the dialect describe the schema of an answer? Where it has no schema at all, that is noted.
const fn describes(target: Dialect) -> bool {
    matches!(target, Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::BedrockConverse)
}

fn note_message(target: Dialect, (at, message): (usize, &Message), receipt: &mut Receipt) {
    for (index, part) in message.parts.iter().enumerate() {
        let within = match &part.kind {
            PartKind::ToolResult(result) => result.parts.as_slice(),
            _ => &[],
        };
        for part in std::iter::once(part).chain(within) {
            let Some(members) = foreign(target, part) else { continue };
            let path = format!("messages[{at}].content[{index}]");
            if receipt.entries().iter().any(|entry| entry.field == path) {
                continue;
            }
            for member in members {
                receipt.dropped(format!("{path}.{member}"), "the target has no place for it");
            }
        }
    }
}

/// The members of a sidecar that say something the target is not told; none if it is the target's own.
fn foreign(target: Dialect, part: &Part) -> Option<Vec<&str>> {
    let native = part.native.as_ref().filter(|native| !is_same(native.owner, target))?;
    let told = match part.kind {
        PartKind::Text(_) | PartKind::ToolResult(_) | PartKind::Refusal(_) => false,
        PartKind::Media { .. } => takes_title(target) && title(part).is_some(),
        _ => return None,
    };
    let mut found = Vec::new();
    collect(&native.value, 0, &mut found);
    found.retain(|name| !(told && TITLES.contains(name)));
    (!found.is_empty()).then_some(found)
}

fn is_same(owner: Dialect, target: Dialect) -> bool {
    owner == target || matches!((owner, target), (Dialect::OllamaChat, Dialect::OllamaGenerate))
}

/// Wrappers stand at most three deep (`part`, `guardContent.image`).
fn collect<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a str>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        // The source of a search result is a word, that of a medium its place.
        let place = name == "source" && !value.is_string();
        if value.is_object() && WRAPPERS.contains(&name.as_str()) {
            if depth < 3 {
                collect(value, depth + 1, found);
            }
        } else if !place && !SILENT.contains(&name.as_str()) && says(value) {
            found.push(name);
        }
    }
}

/// Does it change anything? `auto` and `false` are what is done anyway.
fn says(value: &Value) -> bool {
    match value {
        Value::Bool(said) => *said,
        Value::String(word) => !word.is_empty() && word != "auto",
        Value::Object(object) => object.values().any(says),
        value => !outgoing::is_empty(value),
    }
}

/// Does the target have a place for the name of a document that is sent as a medium?
const fn takes_title(target: Dialect) -> bool {
    matches!(target, Dialect::AnthropicMessages | Dialect::BedrockConverse)
}

/// The name of a document in whatever dialect it came in.
pub(crate) fn title(part: &Part) -> Option<&str> {
    let PartKind::Media { kind: contract::canon::MediaKind::Document, .. } = part.kind else { return None };
    let native = &part.native.as_ref()?.value;
    let places = [
        "/title",
        "/file/filename",
        "/part/filename",
        "/document/name",
        "/inlineData/displayName",
        "/fileData/displayName",
    ];
    places.iter().find_map(|place| native.pointer(place)?.as_str()).filter(|name| !name.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, MediaKind, MediaSource, Provenance, Role, ToolResult};
    use serde_json::json;

    use super::*;
    use crate::Quirks;

    const CHATS: [Dialect; 6] = [
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::AnthropicMessages,
        Dialect::GeminiGenerate,
        Dialect::BedrockConverse,
        Dialect::CohereChat,
    ];

    fn written(client: Dialect, body: &Value, target: Dialect) -> Result<(Value, String), contract::Fault> {
        let asked = crate::read_request(client, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let out = crate::write_request(target, &asked, &Quirks::NONE, &mut receipt)?;
        Ok((serde_json::from_slice(&out).unwrap(), receipt.to_string()))
    }

    #[test]
    fn what_documents_and_results_of_searches_say_of_themselves_is_named() {
        let text = json!({"type": "text", "media_type": "text/plain", "data": "a"});
        let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": [
            {"type": "document", "source": text, "title": "T", "context": "C", "citations": {"enabled": true}},
            {"type": "document", "source": text, "citations": {"enabled": false}},
            {"type": "search_result", "source": "https://e.test", "title": "S",
                "content": [{"type": "text", "text": "b"}]}]}]});
        let lost = "messages[0].content[0].title, messages[0].content[0].context, \
                    messages[0].content[0].citations, messages[0].content[2].source, messages[0].content[2].title";
        for target in CHATS {
            let lost = if target == Dialect::AnthropicMessages { "" } else { lost };
            assert_eq!(written(Dialect::AnthropicMessages, &body, target).unwrap().1, lost, "{target}");
        }
    }

    #[test]
    fn how_to_look_at_media_and_what_a_result_is_for_is_named() {
        let image = |detail: &str| json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": detail}});
        let body = json!({"model": "m", "max_tokens": 99,
            "messages": [{"role": "user", "content": [image("auto"), image("low")]}]});
        for target in CHATS.into_iter().filter(|target| *target != Dialect::OpenaiChat) {
            let lost = written(Dialect::OpenaiChat, &body, target).unwrap().1;
            assert_eq!(lost, "messages[0].content[1].detail", "{target}");
        }
        let mut result = ToolResult {
            call: "c".into(),
            name: Some("f".into()),
            parts: vec![Part::text("a", Provenance::Tool)],
            failed: false,
        };
        result.parts[0].native = Some(contract::canon::Native {
            owner: Dialect::GeminiGenerate,
            value: json!({"mediaResolution": {"level": "HIGH"}}),
        });
        let sidecar =
            json!({"functionResponse": {"id": null, "scheduling": "SILENT", "willContinue": false}});
        let part = Part::new(PartKind::ToolResult(result), Provenance::Tool)
            .with_native(Dialect::GeminiGenerate, sidecar);
        let film = Part::text("a", Provenance::User).with_native(
            Dialect::GeminiGenerate,
            json!({"videoMetadata": {"fps": 2}, "thoughtSignature": "x"}),
        );
        let messages = vec![Message::new(Role::Tool, vec![part]), Message::new(Role::User, vec![film])];
        let request = Request { messages, ..Request::default() };
        let mut receipt = Receipt::default();
        note(Dialect::OpenaiChat, &request, &mut receipt);
        let lost = "messages[0].content[0].scheduling, messages[0].content[0].mediaResolution, \
                    messages[1].content[0].videoMetadata";
        assert_eq!(receipt.to_string(), lost);
        let mut receipt = Receipt::default();
        note(Dialect::GeminiGenerate, &request, &mut receipt);
        receipt.dropped("messages[0].content[0]", "the whole part");
        note(
            Dialect::CohereChat,
            &Request { messages: request.messages[..1].to_vec(), ..request },
            &mut receipt,
        );
        assert_eq!(receipt.to_string(), "messages[0].content[0]");
    }

    #[test]
    fn names_of_files_are_told_where_there_is_a_place() {
        let data = "data:application/pdf;base64,AA==";
        let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "a"},
            {"type": "file", "file": {"filename": "a_b.pdf", "file_data": data}},
            {"type": "file", "file": {"filename": "a_b.pdf", "file_data": data}}]}]});
        let (claude, lost) = written(Dialect::OpenaiChat, &body, Dialect::AnthropicMessages).unwrap();
        assert_eq!((&claude["messages"][0]["content"][1]["title"], lost.as_str()), (&json!("a_b.pdf"), ""));
        let (converse, lost) = written(Dialect::OpenaiChat, &body, Dialect::BedrockConverse).unwrap();
        let content = &converse["messages"][0]["content"];
        assert_eq!(content[1]["document"]["name"], "a-b-pdf");
        assert_eq!((&content[2]["document"]["name"], lost.as_str()), (&json!("a-b-pdf (2)"), ""));
        let lost = written(Dialect::OpenaiChat, &body, Dialect::GeminiGenerate).unwrap().1;
        assert_eq!(lost, "messages[0].content[1].filename, messages[0].content[2].filename");
    }

    #[test]
    fn the_description_of_an_answer_is_named_and_its_name_is_not() {
        for (description, noted) in [(Some("d".to_owned()), true), (None, false)] {
            let format = OutputFormat::JsonSchema {
                name: "n".into(),
                description,
                schema: json!({"type": "object", "properties": {}, "additionalProperties": false}),
                strict: None,
            };
            let text = Part::text("a", Provenance::User);
            let messages = vec![Message::new(Role::User, vec![text])];
            let request =
                Request { model: "m".into(), max_output: Some(99), messages, format, ..Request::default() };
            for target in CHATS {
                let mut receipt = Receipt::default();
                let asked = Asked::Chat(Box::new(request.clone()));
                crate::write_request(target, &asked, &Quirks::NONE, &mut receipt).unwrap();
                let named =
                    receipt.entries().iter().any(|entry| entry.field == "response_format.description");
                assert_eq!(named, noted && !describes(target), "{target}: {receipt}");
            }
        }
    }

    #[test]
    fn a_place_is_no_word() {
        let source = MediaSource::Url("s3://b/k".into());
        let part = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User)
            .with_native(
                Dialect::BedrockConverse,
                json!({"image": {"source": {"s3Location": {"bucketOwner": "1"}}}}),
            );
        assert_eq!(foreign(Dialect::GeminiGenerate, &part), None);
    }
}
