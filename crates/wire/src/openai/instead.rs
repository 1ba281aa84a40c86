//! Errors in place of answers: what comes with status 200 and holds an error and nothing else.
//!
//! | what | whose |
//! |---|---|
//! | `error` | OpenRouter, and whoever notices too late; of Responses those whose `status` is `failed` |
//! | `base_resp.status_code` other than 0 | MiniMax (platform.minimax.io, "Error Codes") |
//!
//! Answers with an error status are `error.rs`.

use bytes::Bytes;
use contract::fault::UpstreamError;
use contract::words::Dialect;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::{Described, describe};

/// The error in place of an answer; none if there is none.
pub(crate) fn error_in(dialect: Dialect, body: &[u8]) -> Option<UpstreamError> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let fields = value.as_object()?;
    let found = match fields.get("error").filter(|error| !error.is_null()) {
        Some(error) => describe(error),
        None if fields.get("choices").is_none_or(Value::is_null) => of_base_resp(fields)?,
        None => return None,
    };
    // One that says neither its kind nor its code could be anything.
    if found.kind.is_none() && found.code.is_none() {
        return None;
    }
    let status = status(&found);
    let Described { kind, code, param, message } = found;
    let message =
        if message.is_empty() { "The provider failed and did not say why.".to_owned() } else { message };
    let error = json!({"message": message, "type": kind, "param": param, "code": code});
    let body = Bytes::from(json!({"error": error}).to_string());
    Some(UpstreamError { dialect, status, kind, code, param, message, body, retry_after: None })
}

/// MiniMax's word for an error, beside choices that are null.
pub(super) fn of_base_resp(fields: &Map<String, Value>) -> Option<Described> {
    let said = fields.get("base_resp")?;
    let code = said.get("status_code")?.as_i64().filter(|code| *code != 0)?;
    let message = said.get("status_msg").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Described { kind: None, code: Some(code.to_string()), param: None, message })
}

/// The status that the error would have had.
fn status(error: &Described) -> StatusCode {
    let code = error.code.as_deref().unwrap_or_default();
    if let Some(status) = code.parse().ok().and_then(known) {
        return status;
    }
    let named =
        |part: &str| [Some(code), error.kind.as_deref()].into_iter().flatten().any(|it| it.contains(part));
    if named("rate_limit") || named("quota") {
        StatusCode::TOO_MANY_REQUESTS
    } else if named("authentication") || named("api_key") {
        StatusCode::UNAUTHORIZED
    } else if named("overloaded") {
        StatusCode::SERVICE_UNAVAILABLE
    } else if named("invalid") || named("image") || named("context_length") {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// The status itself (OpenRouter), or what MiniMax's number means.
fn known(code: u16) -> Option<StatusCode> {
    match code {
        400..=599 => StatusCode::from_u16(code).ok(),
        1002 | 1039 | 1041 | 2045 | 2056 => Some(StatusCode::TOO_MANY_REQUESTS),
        1004 | 2049 => Some(StatusCode::UNAUTHORIZED),
        1008 => Some(StatusCode::PAYMENT_REQUIRED),
        1026 | 1027 | 1042 | 2013 => Some(StatusCode::BAD_REQUEST),
        1001 => Some(StatusCode::GATEWAY_TIMEOUT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_where_an_answer_should_be() {
        for (body, status, code, message) in [
            (
                json!({"choices": null, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
                402,
                "1008",
                "insufficient balance",
            ),
            (json!({"base_resp": {"status_code": 7, "status_msg": "m"}}), 500, "7", "m"),
            (json!({"error": {"code": 502, "message": "m"}, "user_id": "u"}), 502, "502", "m"),
            (
                json!({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}, "output": []}),
                429,
                "rate_limit_exceeded",
                "m",
            ),
        ] {
            let error = error_in(Dialect::OpenaiResponses, body.to_string().as_bytes()).unwrap();
            assert_eq!(
                (error.status.as_u16(), error.code.as_deref(), error.message.as_str()),
                (status, Some(code), message)
            );
        }
        for body in [
            json!({"choices": [], "base_resp": {"status_code": 0, "status_msg": ""}}),
            json!({"choices": null, "base_resp": {"status_code": 0}}),
            json!({"error": null, "output": []}),
            json!({"error": {"message": "late"}}),
            json!([]),
        ] {
            assert!(error_in(Dialect::OpenaiChat, body.to_string().as_bytes()).is_none(), "{body}");
        }
    }
}
