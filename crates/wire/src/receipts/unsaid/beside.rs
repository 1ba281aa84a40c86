//! What stands beside a text, a medium or a result in one dialect and is not told to another: the title of a document, the
//! part of a film that is meant, how closely to look at a picture. What some targets are told of it is found by `aside.rs`.
//!
//! One rule for all of them: each member of a foreign sidecar that says something is noted by its name. Blocks that are
//! nothing but a sidecar and thoughts are the writers' business, and so is a signature (`unsaid.rs`).

use contract::canon::{MediaSource, Message, OutputFormat, Part, PartKind, Receipt, Request};
use contract::words::Dialect;
use serde_json::Value;

use crate::aside::{self, Source};
use crate::{bedrock, gemini, outgoing};

/// Members that hold others.
const WRAPPERS: &[&str] = &[
    "audio",
    "document",
    "file",
    "fileData",
    "function",
    "functionCall",
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
    "toolUse",
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
    "index",
    "item",
    "joins",
    "json",
    "list",
    "logprobs",
    "mimeType",
    "more",
    "partialArgs",
    "plain",
    "prompt_cache_breakpoint",
    "raw",
    "signature",
    "status",
    "thought",
    "thoughtSignature",
    "type",
];

/// Names of documents; some targets are told them ([`aside::title`]).
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
        note_message((target, request), (at, message), receipt);
    }
}

/// Does the dialect describe the schema of an answer? Where it has no schema at all, that is noted.
const fn describes(target: Dialect) -> bool {
    matches!(target, Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::BedrockConverse)
}

fn note_message(
    (target, request): (Dialect, &Request),
    (at, message): (usize, &Message),
    receipt: &mut Receipt,
) {
    for (index, part) in message.parts.iter().enumerate() {
        let within = match &part.kind {
            PartKind::ToolResult(result) => result.parts.as_slice(),
            _ => &[],
        };
        for part in std::iter::once(part).chain(within) {
            let Some(mut members) = foreign(target, part) else { continue };
            let told = told(target, request, part);
            members.retain(|name| !told.contains(name));
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

/// The members of a sidecar that say something and belong to another dialect than the target.
pub(super) fn foreign(target: Dialect, part: &Part) -> Option<Vec<&str>> {
    let native = part.native.as_ref().filter(|native| !is_same(native.owner, target))?;
    let known = matches!(
        part.kind,
        PartKind::Text(_)
            | PartKind::ToolCall { .. }
            | PartKind::ToolResult(_)
            | PartKind::Refusal(_)
            | PartKind::Media { .. }
    );
    if !known {
        return None;
    }
    let mut found = Vec::new();
    collect(&native.value, 0, &mut found);
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

/// The members of foreign sidecars whose words the target is told in its own.
fn told(target: Dialect, request: &Request, part: &Part) -> Vec<&'static str> {
    let mut told = Vec::new();
    let cites = match target {
        Dialect::AnthropicMessages => true,
        Dialect::BedrockConverse => bedrock::cites(&request.model),
        _ => false,
    };
    if cites && let Some(source) = Source::of(part) {
        told.extend(["context", "citations"]);
        // Bedrock names each document; a result of a search has its title and its place.
        told.extend(TITLES);
        told.extend(source.found.map(|_| "source"));
    }
    let (held, file) = match part.kind {
        PartKind::Media { source: MediaSource::Base64 { .. }, .. } => (true, false),
        PartKind::Media { source: MediaSource::File(_), .. } => (false, true),
        _ => (false, false),
    };
    let named = match target {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => held,
        Dialect::BedrockConverse => !file,
        Dialect::GeminiGenerate => gemini::reads_names(request),
        _ => false,
    };
    if named && aside::title(part).is_some() {
        told.extend(TITLES);
    }
    match target {
        Dialect::OpenaiResponses => told.push("detail"),
        Dialect::OpenaiChat | Dialect::CohereChat if aside::detail(part) != Some("original") => {
            told.push("detail");
        }
        _ => {}
    }
    told
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
            let told = matches!(target, Dialect::AnthropicMessages | Dialect::BedrockConverse);
            let lost = if told { "" } else { lost };
            assert_eq!(written(Dialect::AnthropicMessages, &body, target).unwrap().1, lost, "{target}");
        }
        let (converse, _) = written(Dialect::AnthropicMessages, &body, Dialect::BedrockConverse).unwrap();
        let content = &converse["messages"][0]["content"];
        let document = json!({"format": "txt", "name": "T", "source": {"text": "a"}, "context": "C",
            "citations": {"enabled": true}});
        assert_eq!(content[0], json!({ "document": document }));
        let found = json!({"source": "https://e.test", "title": "S", "content": [{"text": "b"}]});
        assert_eq!(content[2], json!({ "searchResult": found }));
        // And back.
        let (back, lost) = written(Dialect::BedrockConverse, &converse, Dialect::AnthropicMessages).unwrap();
        let mut content = back["messages"][0]["content"].clone();
        assert_eq!(content[1]["title"].take(), "Document 2");
        content[1].as_object_mut().unwrap().shift_remove("title");
        assert_eq!((content, lost.as_str()), (body["messages"][0]["content"].clone(), ""));
    }

    #[test]
    fn how_to_look_at_media_and_what_a_result_is_for_is_named() {
        let image = |detail: &str| json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": detail}});
        let body = json!({"model": "m", "max_tokens": 99,
            "messages": [{"role": "user", "content": [image("auto"), image("low")]}]});
        let told = [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::CohereChat];
        for target in CHATS {
            let lost = written(Dialect::OpenaiChat, &body, target).unwrap().1;
            let named = if told.contains(&target) { "" } else { "messages[0].content[1].detail" };
            assert_eq!(lost, named, "{target}");
        }
        let (responses, _) = written(Dialect::OpenaiChat, &body, Dialect::OpenaiResponses).unwrap();
        let details = |body: &Value, list: &str, place: &str| {
            let detail = |at| body[list][0]["content"][at].pointer(place).cloned().unwrap_or_default();
            [detail(0), detail(1)]
        };
        assert_eq!(details(&responses, "input", "/detail"), ["auto", "low"]);
        let mut responses = responses;
        responses["input"][0]["content"][0]["detail"] = json!("original");
        let (chat, lost) = written(Dialect::OpenaiResponses, &responses, Dialect::OpenaiChat).unwrap();
        assert_eq!(details(&chat, "messages", "/image_url/detail"), ["high", "low"]);
        assert_eq!(lost, "messages[0].content[0].detail");
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
        let (responses, lost) = written(Dialect::OpenaiChat, &body, Dialect::OpenaiResponses).unwrap();
        assert_eq!(
            (&responses["input"][0]["content"][1]["filename"], lost.as_str()),
            (&json!("a_b.pdf"), "")
        );
        for (client, body, name) in [
            (Dialect::AnthropicMessages, &claude, "a_b.pdf"),
            (Dialect::BedrockConverse, &converse, "a-b-pdf.pdf"),
        ] {
            let (chat, lost) = written(client, body, Dialect::OpenaiChat).unwrap();
            let file = &chat["messages"][0]["content"][1]["file"];
            assert_eq!((&file["filename"], lost.as_str()), (&json!(name), ""));
        }
        let lost = written(Dialect::OpenaiChat, &body, Dialect::GeminiGenerate).unwrap().1;
        assert_eq!(lost, "messages[0].content[1].filename, messages[0].content[2].filename");
        // Google's own tools read names.
        let mut searches = body;
        searches["web_search_options"] = json!({});
        let (gemini, lost) = written(Dialect::OpenaiChat, &searches, Dialect::GeminiGenerate).unwrap();
        let named = &gemini["contents"][0]["parts"][1]["inlineData"]["displayName"];
        assert_eq!((named, lost.as_str()), (&json!("a_b.pdf"), ""));
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
