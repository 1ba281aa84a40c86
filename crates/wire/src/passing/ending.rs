//! What the gateway itself says on a stream that passes through: signs of life while its upstream is silent, and the end of
//! one that breaks off. Streams that are translated have their encoder for the latter.

use bytes::BytesMut;
use contract::Fault;
use contract::words::Dialect;

use crate::frames::framing::Framing;
use crate::hub::{Chat, chat};
use crate::passing::watch::Watch;
use crate::shape::Shape;
use crate::{EncodeOptions, openai};

/// How far an answer had come that passed through: what has to be known to go on in the upstream's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Its id.
    pub id: String,
    /// Its model.
    pub model: String,
    /// When it began, in Unix seconds.
    pub created: Option<i64>,
    /// The number of the next event, where a dialect counts them.
    pub sequence: u64,
}

/// What may be sent between two frames so that nobody on the way takes the stream for dead; none where the dialect's clients
/// would trip over it.
#[must_use]
pub const fn keep_alive(dialect: Dialect) -> Option<&'static [u8]> {
    match (dialect, Framing::of(dialect)) {
        // The event that Anthropic has for this (docs: "Streaming messages", ping events).
        (Dialect::AnthropicMessages, _) => Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        // Google's SDKs for JavaScript cut by expressions that want `data:` where an event begins: they never get past a blank
        // line of ours, and take a comment for data (`@google/generative-ai`, `@google/genai` before 1.21).
        (Dialect::GeminiGenerate, _) => None,
        // A comment (WHATWG HTML, section 9.2.6).
        (_, Framing::Sse) => Some(b": keep-alive\n\n"),
        // Clients parse each line; an AWS client knows each message by its type.
        (_, Framing::Lines | Framing::EventStream) => None,
    }
}

/// Ends a client's stream that passed through with a fault; tells whether its dialect has words for that.
pub fn fail(dialect: Dialect, fault: &Fault, watch: &dyn Watch, out: &mut BytesMut) -> bool {
    let it = chat(dialect).or_else(|| {
        // Streams of other things report errors as those of conversations do.
        (Shape::of(dialect) == Shape::Openai).then_some(&openai::Dialog as &dyn Chat)
    });
    let Some(it) = it else { return false };
    if watch.unfinished() {
        match Framing::of(dialect) {
            Framing::Sse => out.extend_from_slice(b"\n\n"),
            Framing::Lines => out.extend_from_slice(b"\n"),
            // Behind half a message nothing can be read.
            Framing::EventStream => return false,
        }
    }
    match watch.begun() {
        Some(begun) => it.resumed(&begun).fail(fault, out),
        None => it.encoder(EncodeOptions::default()).fail(fault, out),
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use contract::Code;

    use super::*;

    /// What a client reads behind these frames when the upstream breaks off.
    fn behind(dialect: Dialect, frames: &[String]) -> String {
        let mut watch = crate::watch(dialect, false).unwrap();
        let mut passed = VecDeque::new();
        for frame in frames {
            watch.feed(Bytes::from(frame.clone()), &mut passed);
        }
        let mut out = BytesMut::new();
        assert!(fail(dialect, &Code::UpstreamInterrupted.into(), &*watch, &mut out));
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn named(data: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(data).unwrap();
        format!("event: {}\ndata: {data}\n\n", value["type"].as_str().unwrap())
    }

    #[test]
    fn a_response_that_breaks_off_goes_on_where_it_was() {
        let response =
            r#"{"id":"resp_7","object":"response","status":"in_progress","model":"m","output":[]}"#;
        let frames = [
            named(&format!(r#"{{"type":"response.created","response":{response},"sequence_number":0}}"#)),
            named(&format!(r#"{{"type":"response.in_progress","response":{response},"sequence_number":1}}"#)),
            named(
                r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]},"sequence_number":2}"#,
            ),
        ];
        let end = behind(Dialect::OpenaiResponses, &frames);
        assert!(!end.contains("response.created") && !end.contains("response.in_progress"), "{end}");
        let data: Vec<serde_json::Value> = end
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        assert_eq!(data.len(), 2, "{end}");
        assert_eq!((&data[0]["type"], &data[0]["sequence_number"]), (&"error".into(), &3.into()));
        assert_eq!((&data[1]["type"], &data[1]["sequence_number"]), (&"response.failed".into(), &4.into()));
        assert_eq!(data[1]["response"]["id"], "resp_7");
        // Before its first event it begins here.
        assert!(behind(Dialect::OpenaiResponses, &[]).contains("response.created"));
    }

    #[test]
    fn a_message_of_cohere_begins_once() {
        let start = r#"{"id":"a","type":"message-start","delta":{"message":{"role":"assistant"}}}"#;
        let end = behind(Dialect::CohereChat, &[named(start)]);
        assert!(end.starts_with("event: message-end\n") && end.contains("\"ERROR\""), "{end}");
        assert_eq!(end.matches("event: ").count(), 1, "{end}");
    }

    #[test]
    fn each_dialect_has_its_own_sign_of_life_or_none() {
        assert!(keep_alive(Dialect::AnthropicMessages).unwrap().starts_with(b"event: ping\n"));
        assert!(keep_alive(Dialect::OpenaiChat).unwrap().starts_with(b":"));
        for none in [Dialect::GeminiGenerate, Dialect::OllamaChat, Dialect::BedrockConverse] {
            assert_eq!(keep_alive(none), None, "{none}");
        }
    }

    #[test]
    fn an_error_does_not_run_into_an_unfinished_line() {
        let large = format!("data: {}", "x".repeat(crate::frames::sse::FRAME_CAP));
        let end = behind(Dialect::OpenaiChat, std::slice::from_ref(&large));
        assert!(end.starts_with("\n\ndata: {\"error\""), "{end}");
        assert!(behind(Dialect::OpenaiResponses, &[large]).starts_with("\n\nevent: "));
    }
}
