//! The beginning of a stream: does it say anything yet, and if it is nothing but an error, what would that have been in place of
//! an answer? Providers that are overloaded tell so behind a head that says that all is well.
//!
//! Errors in place of whole answers are `instead.rs`, whose words these are where a frame can be read by them.

use bytes::Bytes;
use contract::fault::UpstreamError;
use contract::words::Dialect;
use http::StatusCode;
use memchr::memmem;
use serde_json::{Value, json};

use super::instead;
use crate::frames::framing::Framing;
use crate::frames::sse::{Frame, Splitter};
use crate::passing::seen::StreamError;
use crate::shape::Shape;

/// Do these frames say anything beyond signs of life?
#[must_use]
pub fn says(dialect: Dialect, frames: &[u8]) -> bool {
    match Framing::of(dialect) {
        Framing::Sse => {
            // As streams mostly begin.
            let plain = frames.starts_with(b"data:")
                || (frames.starts_with(b"event:") && memmem::find(frames, b"\ndata:").is_some());
            (plain && memmem::find(frames, b"ping").is_none()) || sse(frames).any(|data| !is_ping(&data))
        }
        Framing::Lines => !frames.trim_ascii().is_empty(),
        Framing::EventStream => !frames.is_empty(),
    }
}

/// Anthropic's sign of life.
fn is_ping(data: &[u8]) -> bool {
    serde_json::from_slice::<Value>(data).is_ok_and(|data| data.get("type") == Some(&Value::from("ping")))
}

/// The data of the events that have any.
fn sse(frames: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut found = Vec::new();
    let mut note = |raw: &[u8]| {
        let data = Frame::parse(raw).map(|frame| frame.data.into_owned());
        found.extend(data.filter(|data| !data.trim_ascii().is_empty()));
    };
    let mut splitter = Splitter::default();
    let Ok(()) = splitter.feed(frames, |piece| {
        if let Ok(raw) = piece.whole() {
            note(raw);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    // The blank line of the last one may be missing.
    let rest = [splitter.rest().as_slice(), b"\n\n"].concat();
    note(&rest);
    found.into_iter()
}

/// The error that a stream began with, as if it had come in place of an answer. `heard`: the stream so far; `told`: what was read
/// in it.
#[must_use]
pub fn error_at_start(dialect: Dialect, heard: &[u8], told: &StreamError) -> UpstreamError {
    let found = match Framing::of(dialect) {
        Framing::Sse => sse(heard).find_map(|data| instead::error_in(dialect, &unwrapped(&data))),
        Framing::Lines => {
            heard.split(|byte| *byte == b'\n').find_map(|line| instead::error_in(dialect, line))
        }
        Framing::EventStream => None,
    };
    found.unwrap_or_else(|| by_its_name(dialect, told))
}

/// The error object where errors in place of answers have it: Responses tell it by itself, or within the response that failed.
fn unwrapped(data: &[u8]) -> Vec<u8> {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return data.to_vec() };
    let inner = event.pointer("/response/error").filter(|error| error.is_object());
    let bare = || (event.get("error").is_none() && event.get("code").is_some()).then_some(&event);
    match inner.or_else(bare) {
        Some(error) => json!({ "error": error }).to_string().into(),
        None => data.to_vec(),
    }
}

/// An error that only its name tells of.
pub(super) fn by_its_name(dialect: Dialect, told: &StreamError) -> UpstreamError {
    let kind = told.kind.as_deref().unwrap_or_default();
    let has = |words: &[&str]| {
        let kind = kind.to_ascii_lowercase();
        words.iter().any(|word| kind.contains(word))
    };
    // `ThrottlingException` and its like (AWS), `RESOURCE_EXHAUSTED` (Google, AIP-193), `rate_limit_exceeded`.
    let status = if has(&["throttl", "exhausted", "rate_limit", "quota"]) {
        StatusCode::TOO_MANY_REQUESTS
    } else if has(&["overloaded", "unavailable"]) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if has(&["timeout", "deadline"]) {
        StatusCode::GATEWAY_TIMEOUT
    } else if has(&["validation", "invalid", "context_length", "not_supported"]) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let error = json!({ "type": kind, "message": told.message });
    let body = match Shape::of(dialect) {
        Shape::Anthropic => json!({ "type": "error", "error": error }),
        Shape::Google => {
            json!({ "error": { "code": status.as_u16(), "status": kind, "message": told.message } })
        }
        Shape::Aws | Shape::Cohere | Shape::Kserve => json!({ "message": told.message }),
        Shape::Openai | Shape::Ollama => json!({ "error": error }),
    };
    crate::read_error(dialect, status, &Bytes::from(body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_say_nothing() {
        for (dialect, frames, says_something) in [
            (Dialect::AnthropicMessages, "event: ping\ndata: {\"type\": \"ping\"}\n\n", false),
            (
                Dialect::AnthropicMessages,
                "event: message_start\ndata: {\"type\":\"message_start\"}\n\n",
                true,
            ),
            (Dialect::AnthropicMessages, "event: x\ndata: {\"type\":\"x\",\"text\":\"ping\"}\n\n", true),
            (Dialect::OpenaiChat, ": OPENROUTER PROCESSING\n\n", false),
            (Dialect::OpenaiChat, ": PROCESSING\n\ndata: {}\n\n", true),
            (Dialect::OpenaiChat, "data: [DONE]\n\n", true),
            (Dialect::OllamaChat, "\n", false),
            (Dialect::OllamaChat, "{}\n", true),
        ] {
            assert_eq!(says(dialect, frames.as_bytes()), says_something, "{frames}");
        }
    }

    #[test]
    fn an_error_that_comes_first_has_the_status_it_should_have_had() {
        for (dialect, frames, kind, status) in [
            (
                Dialect::AnthropicMessages,
                ": hi\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
                "overloaded_error",
                529,
            ),
            (Dialect::OpenaiChat, "data: {\"error\":{\"message\":\"m\",\"code\":502}}", "", 502),
            (Dialect::OpenaiChat, "data: {\"error\":{\"message\":\"m\"}}\n\n", "", 500),
            (
                Dialect::OpenaiResponses,
                "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\",\"param\":null}\n\n",
                "rate_limit_exceeded",
                429,
            ),
            (
                Dialect::OpenaiResponses,
                "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_prompt\",\"message\":\"m\"}}}\n\n",
                "invalid_prompt",
                400,
            ),
            (
                Dialect::GeminiGenerate,
                "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n",
                "UNAVAILABLE",
                503,
            ),
            (Dialect::OllamaChat, "{\"error\":\"m\"}\n", "", 500),
            (Dialect::BedrockConverse, "", "throttlingException", 429),
        ] {
            let told = StreamError { kind: Some(kind.to_owned()), message: "m".to_owned() };
            let error = error_at_start(dialect, frames.as_bytes(), &told);
            assert_eq!((error.status.as_u16(), error.message.as_str()), (status, "m"), "{frames}");
        }
    }
}
