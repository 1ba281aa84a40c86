//! What OpenAI and the servers that follow it say when they refuse.
//!
//! `{"error": {message, type, param, code}}`, the inner object alone (Mistral), and whatever else [`complaint`] finds.

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde_json::Value;

use super::DIALECT;
use crate::errors::complaint;

/// An error object's fields.
pub(super) struct Described {
    pub(super) kind: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) message: String,
}

/// Reads an error answer of any shape.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let outer = value.get(0).unwrap_or(&value);
    let inner = outer.get("error").filter(|error| error.is_object());
    let Described { kind, code, param, .. } =
        describe(inner.or_else(|| outer.get("errors")?.get(0)).unwrap_or(outer));
    UpstreamError {
        dialect: DIALECT,
        status,
        kind,
        code,
        param,
        message: complaint::message(status, &value),
        body: body.clone(),
        retry_after: None,
    }
}

/// Reads an error object or text.
pub(super) fn describe(error: &Value) -> Described {
    let field = |name: &str| match error.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let message = match error {
        Value::String(text) => text.clone(),
        _ => complaint::find(error).unwrap_or_default(),
    };
    Described {
        // OpenRouter's is within (openrouter.ai/docs, "Errors and debugging").
        kind: field("type")
            .or_else(|| field("status"))
            .or_else(|| error.pointer("/metadata/error_type").and_then(Value::as_str).map(str::to_owned)),
        code: field("code"),
        param: field("param"),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_gives_its_message() {
        for (body, message, code) in [
            (r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#, "m", Some("c")),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"code":400,"message":"m","type":"Bad Request"}"#, "m", Some("400")),
            (r#"{"detail":"m"}"#, "m", None),
            (r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#, "m", Some("400")),
            ("<html>", "The provider answered with status 400 Bad Request.", None),
            ("", "The provider answered with status 400 Bad Request.", None),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            let error = read_error(StatusCode::BAD_REQUEST, &body);
            assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code));
            assert_eq!(error.body, body);
        }
        let within = json!({"code": 429, "message": "m", "metadata": {"error_type": "rate_limit_exceeded"}});
        assert_eq!(describe(&within).kind.as_deref(), Some("rate_limit_exceeded"));
    }
}
