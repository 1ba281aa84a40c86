//! What Bedrock says when it refuses: `{"message"}`, the type in `x-amzn-errortype` or `__type` (docs: AWS restJson1
//! protocol, "Operation error serialization"; "Common Errors" for the names by status).

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde_json::Value;

use super::DIALECT;
use crate::errors::complaint;

/// The name within an error type: `ValidationException` in `aws.protocoltests#ValidationException:http://…`.
pub(crate) fn error_kind(text: &str) -> Option<String> {
    let name = text.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The usual type of a status.
const fn usual(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        409 => "ConflictException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    }
}

/// Reads a refusal. A body of another form (a proxy's page) leaves a message that names the status.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let kind = text("__type").or_else(|| text("code")).and_then(error_kind);
    UpstreamError {
        dialect: DIALECT,
        status,
        kind: Some(kind.unwrap_or_else(|| usual(status).to_owned())),
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
    fn message_and_type_are_read() {
        let read = |status: u16, body: &'static str| {
            read_error(StatusCode::from_u16(status).unwrap(), &Bytes::from_static(body.as_bytes()))
        };
        let plain = read(400, r#"{"message":"bad id"}"#);
        assert_eq!((plain.kind.as_deref(), plain.message.as_str()), (Some("ValidationException"), "bad id"));
        let typed =
            read(400, r#"{"__type":"com.aws#ServiceQuotaExceededException:http://x","Message":"much"}"#);
        assert_eq!(
            (typed.kind.as_deref(), typed.message.as_str()),
            (Some("ServiceQuotaExceededException"), "much")
        );
        let page = read(502, "<html>");
        assert_eq!(page.kind.as_deref(), Some("InternalServerException"));
        assert!(page.message.contains("502"));
    }
}
