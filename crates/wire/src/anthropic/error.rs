//! What Anthropic says when it refuses: `{"type":"error","error":{"type","message"},"request_id"}` (docs: "Errors").

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::DIALECT;
use crate::errors::complaint;

/// The `error` object of a refusal, also in the middle of a stream.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) message: String,
}

/// Reads a refusal; a body of another form (a proxy's page) leaves the message to the status.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = value.pointer("/error/type").and_then(Value::as_str).map(str::to_owned);
    UpstreamError {
        dialect: DIALECT,
        status,
        kind,
        code: None,
        param: None,
        message: complaint::message(status, &value),
        body: body.clone(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_message_are_read_and_the_body_is_kept() {
        let body = Bytes::from_static(
            br#"{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"req_1"}"#,
        );
        let error = read_error(StatusCode::NOT_FOUND, &body);
        assert_eq!((error.kind.as_deref(), error.message.as_str()), (Some("not_found_error"), "model: x"));
        assert_eq!(error.body, body);
        let page = read_error(StatusCode::BAD_GATEWAY, &Bytes::from_static(b"<html>"));
        assert!(page.kind.is_none() && page.message.contains("502"));
    }
}
