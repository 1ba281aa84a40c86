//! What Google says when it refuses: `{"error":{"code","message","status","details"}}` (Google APIs: AIP-193), on streams
//! without server-sent events wrapped in a list.

use std::time::Duration;

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde_json::Value;

use super::DIALECT;
use crate::errors::complaint;

/// Reads a refusal; a body of another form (a proxy's page) leaves the message to the status.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = answer.get("error").or_else(|| answer.get(0)?.get("error")).unwrap_or(&Value::Null);
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let details = error.get("details").and_then(Value::as_array);
    let mut details = details.into_iter().flatten();
    UpstreamError {
        dialect: DIALECT,
        status,
        kind: text(error, "status"),
        code: details.clone().find_map(|detail| text(detail, "reason")),
        param: details.clone().find_map(violated),
        message: complaint::message(status, &answer),
        body: body.clone(),
        retry_after: details.find_map(|detail| span(detail.get("retryDelay")?.as_str()?)),
    }
}

/// The field a `google.rpc.BadRequest` names.
fn violated(detail: &Value) -> Option<String> {
    let violation = detail.get("fieldViolations")?.get(0)?;
    violation.get("field")?.as_str().filter(|field| !field.is_empty()).map(str::to_owned)
}

/// A `google.protobuf.Duration`: `48s`, `0.250s`. `google.rpc.RetryInfo` has one.
fn span(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix('s')?.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_word_reason_and_message_are_read() {
        let body = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        for body in [body.to_owned(), format!("[{body}]")] {
            let error = read_error(StatusCode::BAD_REQUEST, &body.into());
            assert_eq!(error.kind.as_deref(), Some("INVALID_ARGUMENT"));
            assert_eq!(error.code.as_deref(), Some("API_KEY_INVALID"));
            assert_eq!(error.message, "API key not valid.");
            assert_eq!(error.retry_after, None);
        }
        let page = read_error(StatusCode::BAD_GATEWAY, &Bytes::from_static(b"<html>"));
        assert!(page.kind.is_none() && page.message.contains("502"));
    }

    #[test]
    fn the_wait_and_the_field_are_read() {
        let body = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0]"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#;
        let error = read_error(StatusCode::TOO_MANY_REQUESTS, &body.into());
        assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(error.param.as_deref(), Some("contents[0]"));
        for odd in ["", "s", "-1s", "5", "1e400s", "NaNs"] {
            assert_eq!(span(odd), None, "{odd}");
        }
    }
}
