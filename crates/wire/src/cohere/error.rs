//! What Cohere says when it refuses: `{"id", "message"}`; some services that have its paths say `{"detail": …}` or write
//! OpenAI's object.

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde_json::Value;

use super::DIALECT;
use crate::errors::complaint;

/// Reads a refusal; a body of another form leaves the message to the status.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let inner = value.get("error").filter(|error| error.is_object()).unwrap_or(&value);
    let text = |name: &str| match inner.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    UpstreamError {
        dialect: DIALECT,
        status,
        kind: text("type").or_else(|| text("error_type")),
        code: text("code"),
        param: text("param"),
        message: complaint::message(status, &value),
        body: body.clone(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_its_message() {
        for (body, message, code) in [
            (r#"{"id":"1","message":"m"}"#, "m", None),
            (r#"{"message":"m"}"#, "m", None),
            (r#"{"detail":"m"}"#, "m", None),
            (r#"{"error":"m","error_type":"Validation"}"#, "m", None),
            (r#"{"error":{"message":"m","code":"c"}}"#, "m", Some("c")),
            ("<html>", "The provider answered with status 400 Bad Request.", None),
        ] {
            let error = read_error(StatusCode::BAD_REQUEST, &Bytes::from_static(body.as_bytes()));
            assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code), "{body}");
        }
    }
}
