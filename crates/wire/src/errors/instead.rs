//! Errors that upstreams tell where an answer should be, though their status says that all is well: gateways in front of models
//! that fail once the head has gone out, and servers that know no other status.
//!
//! What an error is, is for its dialect to say; here is what status it would have had.

use bytes::Bytes;
use contract::fault::UpstreamError;
use contract::words::Dialect;
use http::StatusCode;
use serde_json::Value;

use crate::shape::Shape;

/// The error that an upstream told in place of an answer; none if there is none, or none that says what it is.
#[must_use]
pub fn error_in(dialect: Dialect, body: &[u8]) -> Option<UpstreamError> {
    match Shape::of(dialect) {
        Shape::Openai => crate::openai::error_in(dialect, body),
        Shape::Anthropic => told(dialect, body, anthropic),
        Shape::Google => told(dialect, body, google),
        Shape::Ollama => told(dialect, body, ollama),
        Shape::Cohere | Shape::Aws | Shape::Kserve => None,
    }
}

/// `status`: the status that the member `error` means; none if it could be anything.
fn told(dialect: Dialect, body: &[u8], status: fn(&Value) -> Option<u16>) -> Option<UpstreamError> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let status = StatusCode::from_u16(status(answer.get("error")?)?).ok()?;
    Some(crate::read_error(dialect, status, &Bytes::copy_from_slice(body)))
}

/// docs.claude.com/en/api/errors, "HTTP errors".
fn anthropic(error: &Value) -> Option<u16> {
    Some(match error.get("type")?.as_str()? {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    })
}

/// AIP-193: `code` is the status.
fn google(error: &Value) -> Option<u16> {
    error
        .get("code")?
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code))
}

/// A text says nothing of its kind.
fn ollama(error: &Value) -> Option<u16> {
    error.is_string().then_some(500)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply_facts;

    fn status(dialect: Dialect, body: &str) -> Option<(u16, String)> {
        let told = reply_facts(dialect, body.as_bytes()).is_ok_and(|facts| facts.instead);
        let error = error_in(dialect, body.as_bytes()).filter(|_| told)?;
        Some((error.status.as_u16(), error.message))
    }

    #[test]
    fn errors_in_place_of_an_answer_have_the_status_they_should_have_had() {
        for (dialect, body, expected) in [
            (
                Dialect::AnthropicMessages,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                529,
            ),
            (Dialect::AnthropicMessages, r#"{"error":{"type":"odd","message":"m"}}"#, 500),
            (
                Dialect::GeminiGenerate,
                r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
                429,
            ),
            (Dialect::GeminiEmbed, r#"{"error":{"code":400,"message":"m"}}"#, 400),
            (Dialect::OpenaiChat, r#"{"error":{"code":502,"message":"m"},"choices":[]}"#, 502),
            (
                Dialect::OpenaiChat,
                r#"{"choices":null,"base_resp":{"status_code":1002,"status_msg":"m"}}"#,
                429,
            ),
            (Dialect::OpenaiEmbeddings, r#"{"error":{"type":"server_error","message":"m"}}"#, 500),
            (Dialect::OpenaiResponses, r#"{"error":{"type":"rate_limit_exceeded","message":"m"}}"#, 429),
        ] {
            assert_eq!(status(dialect, body), Some((expected, "m".to_owned())), "{body}");
        }
    }

    #[test]
    fn what_says_something_is_an_answer() {
        for (dialect, body) in [
            (Dialect::OpenaiChat, r#"{"choices":[{}],"error":{"code":502,"message":"m"}}"#),
            (Dialect::OpenaiChat, r#"{"choices":[{}],"error":null}"#),
            (Dialect::OpenaiChat, r#"{"error":{"message":"m"}}"#),
            (Dialect::OpenaiChat, r#"{"choices":[{}],"base_resp":{"status_code":0,"status_msg":""}}"#),
            (Dialect::OpenaiEmbeddings, r#"{"data":[],"error":{"code":"c"}}"#),
            (
                Dialect::OpenaiResponses,
                r#"{"output":[],"status":"failed","error":{"code":"c","message":"m"}}"#,
            ),
            (Dialect::AnthropicMessages, r#"{"content":[],"error":null}"#),
            (Dialect::GeminiGenerate, r#"{"candidates":[{}]}"#),
            (Dialect::GeminiGenerate, r#"{"error":{"code":"odd"}}"#),
        ] {
            assert_eq!(status(dialect, body), None, "{body}");
        }
    }
}
