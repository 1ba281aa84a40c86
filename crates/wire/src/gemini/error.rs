//! What Google says when it refuses: `{"error":{"code","message","status","details"}}` (Google APIs: AIP-193), on streams
//! without server-sent events wrapped in a list.

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde::Deserialize;

use super::DIALECT;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    error: Detail,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    // Tried first: serde would also read a list as the fields of one answer.
    List(Vec<Answer>),
    One(Answer),
}

/// The `error` object of a refusal, also in the middle of a stream.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub(super) status: Option<String>,
    pub(super) message: String,
    details: Vec<Info>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    reason: Option<String>,
}

/// Reads a refusal; a body of another form (a proxy's page) leaves kind and message empty.
pub(crate) fn read_error(status: StatusCode, body: &Bytes) -> UpstreamError {
    let answer = match serde_json::from_slice(body) {
        Ok(Form::One(answer)) => answer,
        Ok(Form::List(list)) => list.into_iter().next().unwrap_or_default(),
        Err(_) => Answer::default(),
    };
    let Detail { status: kind, message, details } = answer.error;
    let code = details.into_iter().find_map(|info| info.reason);
    UpstreamError { dialect: DIALECT, status, kind, code, param: None, message, body: body.clone() }
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
        }
        let page = read_error(StatusCode::BAD_GATEWAY, &Bytes::from_static(b"<html>"));
        assert_eq!((page.kind, page.message.as_str()), (None, ""));
    }
}
