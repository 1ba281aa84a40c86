//! What a failed attempt means: the fault the client would get, and whether trying again can help.

use std::time::Duration;

use contract::body::BodyError;
use contract::fault::UpstreamError;
use contract::ports::{Phase, UpstreamFailure};
use contract::words::{Dialect, Timestamp};
use contract::{Code, Fault};
use http::{HeaderMap, StatusCode};

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) then: Then,
    /// May the provider have consumed the input without saying so?
    pub(crate) assume_consumed: bool,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The request itself is at fault: no other deployment would take it.
    Stop,
    /// This deployment cannot serve it; another one may.
    Next,
    /// It may pass: try this deployment again, after this long if it said so.
    Again(Option<Duration>),
}

impl Failure {
    const fn new(fault: Fault, then: Then) -> Self {
        Self { fault, then, assume_consumed: false }
    }

    /// The request cannot be written for this deployment.
    pub(crate) const fn untranslatable(fault: Fault) -> Self {
        Self::new(fault, Then::Next)
    }

    /// No answer came.
    pub(crate) fn silent(failure: &UpstreamFailure) -> Self {
        match failure {
            UpstreamFailure::Connect(_) => {
                Self::new(Fault::new(Code::UpstreamConnect).because(failure), Then::Again(None))
            }
            UpstreamFailure::Timeout { phase, .. } => Self {
                fault: Fault::new(Code::UpstreamTimeout).because(failure),
                // Once sent, a slow call is moved on rather than paid for twice at the same place.
                then: if *phase == Phase::Connect { Then::Again(None) } else { Then::Next },
                assume_consumed: *phase != Phase::Connect,
            },
            UpstreamFailure::Lost { .. } => {
                Self::new(Fault::new(Code::UpstreamInterrupted).because(failure), Then::Again(None))
            }
            UpstreamFailure::Login(_) => {
                Self::new(Fault::new(Code::UpstreamAuth).because(failure), Then::Next)
            }
            UpstreamFailure::Refused(_) | UpstreamFailure::Build(_) => {
                Self::new(Fault::new(Code::Internal).because(failure), Then::Next)
            }
            UpstreamFailure::Unreadable(_) => Self {
                fault: Fault::new(Code::UpstreamInvalid).because(failure),
                then: Then::Next,
                assume_consumed: true,
            },
            UpstreamFailure::Status(_) => {
                Self::new(Fault::new(Code::UpstreamError).because(failure), Then::Again(None))
            }
        }
    }

    /// The answer broke off while it was read.
    pub(crate) fn torn(error: BodyError) -> Self {
        Self { fault: broken(error), then: Then::Next, assume_consumed: true }
    }

    /// The answer is not what its dialect allows.
    pub(crate) fn nonsense(dialect: Dialect, reason: impl std::fmt::Display) -> Self {
        let fault = Fault::new(Code::UpstreamInvalid).because(format!("{dialect}: {reason}"));
        Self { fault, then: Then::Next, assume_consumed: true }
    }

    /// May the account not know what this request is about by its id alone? Servers have various words for it, and some that have
    /// none refuse the field. Not so where the provider finds fault with another field of the request.
    pub(crate) fn forgot(&self, body: &[u8]) -> bool {
        let Some(error) = self.fault.upstream() else { return false };
        let refused = matches!(
            error.status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY
        );
        let other = |param: &str| wire::stored::has_other(body, param);
        refused && !error.param.as_deref().is_some_and(other)
    }

    /// Did the provider find fault with what the request holds?
    pub(crate) fn faulted(&self) -> bool {
        let status = self.fault.upstream().map(|error| error.status);
        matches!(status, Some(StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY))
    }

    /// Does it say what else was wrong than the blocks that were put back: the length of the request, the key, the model?
    pub(crate) fn means_otherwise(&self) -> bool {
        self.says(&[
            "context_length",
            "context length",
            "too long",
            "token count",
            "too large",
            "api_key",
            "credit",
        ])
    }

    /// Does it find fault with thoughts of earlier turns, or with the items they stand in?
    pub(crate) fn blames_thoughts(&self) -> bool {
        let missing = self.fault.upstream().is_some_and(|error| error.status == StatusCode::NOT_FOUND);
        (self.faulted() && self.says(&["thinking", "signature", "encrypted", "reasoning"]))
            || ((missing || self.faulted()) && self.says(&["item with id"]))
    }

    /// Does it find fault with ids of calls that another provider made, or with what follows their results? Mistral's words (its
    /// errors 3280 and 3230), whoever passes them on.
    pub(crate) fn blames_calls(&self) -> bool {
        self.faulted() && self.says(&["tool call id was", "unexpected role"])
    }

    fn says(&self, words: &[&str]) -> bool {
        let Some(error) = self.fault.upstream() else { return false };
        let said = [Some(error.message.as_str()), error.code.as_deref(), error.kind.as_deref()];
        said.into_iter().flatten().any(|said| {
            let said = said.to_ascii_lowercase();
            words.iter().any(|word| said.contains(word))
        })
    }

    /// The provider made nothing of the request, or held it back, for its content. Others are not asked to do what one refused.
    pub(crate) fn held_back(dialect: Dialect, reason: &str) -> Self {
        let fault =
            Fault::saying(Code::UpstreamRejected, format!("The provider refused the request: {reason}"));
        Self::new(fault.because(format!("{dialect}: held back: {reason}")), Then::Stop)
    }

    /// The upstream told an error in place of an answer.
    pub(crate) fn instead(error: UpstreamError) -> Self {
        Self::refused(error, &HeaderMap::new(), Timestamp(0))
    }

    /// The upstream answered with an error.
    pub(crate) fn refused(error: UpstreamError, headers: &HeaderMap, now: Timestamp) -> Self {
        let wait = retry_after(headers, now).or(error.retry_after);
        let detail = format!("status {}: {}", error.status.as_u16(), error.message);
        let (code, then) = match error.status {
            _ if wire::refuses_login(&error) => (Code::UpstreamAuth, Then::Next),
            status => class(status, wait),
        };
        // What is said of access may quote the key that has none.
        let error = if error.status == StatusCode::FORBIDDEN { wire::scrubbed(error) } else { error };
        let message =
            (code != Code::UpstreamAuth && !error.message.is_empty()).then(|| error.message.clone());
        let mut fault = match message {
            Some(message) => Fault::saying(code, message),
            None => Fault::new(code),
        };
        if let Some(param) = &error.param {
            fault = fault.at(param.clone());
        }
        if let Some(wait) = wait {
            fault = fault.retry_after(wait);
        }
        Self::new(fault.because(detail).from_upstream(error), then)
    }
}

/// Does an account refuse to make a response while nobody waits? vLLM does so unless it is told to keep responses, and names the
/// field in its message at least.
pub(crate) fn refuses_background(fault: &Fault) -> bool {
    let refused = fault.upstream().filter(|error| error.status.is_client_error());
    refused.is_some_and(|error| {
        error.param.as_deref() == Some("background") || error.message.contains("background")
    })
}

/// The fault of an answer that ended early.
pub(crate) fn broken(error: BodyError) -> Fault {
    let code = match error {
        BodyError::Idle | BodyError::Deadline => Code::UpstreamTimeout,
        BodyError::Malformed | BodyError::TooLarge(_) => Code::UpstreamInvalid,
        BodyError::Lost => Code::UpstreamInterrupted,
    };
    Fault::new(code).because(error)
}

fn class(status: StatusCode, wait: Option<Duration>) -> (Code, Then) {
    match status.as_u16() {
        // Another account may have what this one has not.
        403 | 404 => (Code::UpstreamRejected, Then::Next),
        408 => (Code::UpstreamTimeout, Then::Again(wait)),
        429 => (Code::UpstreamRateLimited, Then::Again(wait)),
        400..=499 => (Code::UpstreamRejected, Then::Stop),
        // 529 is Anthropic's "overloaded".
        503 | 529 => (Code::UpstreamOverloaded, Then::Again(wait)),
        504 => (Code::UpstreamTimeout, Then::Again(wait)),
        _ => (Code::UpstreamError, Then::Again(wait)),
    }
}

/// `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|value| value.parse::<u64>().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let then = then.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_micros(u64::try_from(now.0).ok()?);
    Some(then.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        retry_after(&headers, Timestamp(1_700_000_000_000_000))
    }

    #[test]
    fn retry_after_comes_in_three_forms() {
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after", "Tue, 14 Nov 2023 22:13:30 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-1"), None);
    }

    #[test]
    fn a_wait_in_the_body_counts_where_no_header_names_one() {
        let error = || UpstreamError {
            dialect: Dialect::GeminiGenerate,
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: None,
            code: None,
            param: None,
            message: String::new(),
            body: bytes::Bytes::new(),
            retry_after: Some(Duration::from_secs(48)),
        };
        let now = Timestamp(1_700_000_000_000_000);
        let mut headers = HeaderMap::new();
        let failure = Failure::refused(error(), &headers, now);
        assert_eq!(failure.then, Then::Again(Some(Duration::from_secs(48))));
        headers.insert("retry-after", http::HeaderValue::from_static("7"));
        let failure = Failure::refused(error(), &headers, now);
        assert_eq!(failure.then, Then::Again(Some(Duration::from_secs(7))));
    }

    #[test]
    fn who_refuses_the_background_says_so() {
        let refused = |status: u16, param: Option<&str>, message: &str| {
            let error = UpstreamError {
                dialect: Dialect::OpenaiResponses,
                status: StatusCode::from_u16(status).unwrap(),
                kind: None,
                code: None,
                param: param.map(str::to_owned),
                message: message.to_owned(),
                body: bytes::Bytes::new(),
                retry_after: None,
            };
            refuses_background(&Failure::refused(error, &HeaderMap::new(), Timestamp(0)).fault)
        };
        assert!(refused(400, Some("background"), "No."));
        assert!(refused(422, None, "There is no background mode here."));
        assert!(!refused(400, Some("input"), "No."));
        assert!(!refused(500, None, "A background worker died."));
    }

    #[test]
    fn our_own_credentials_never_look_like_the_callers() {
        let judged = |status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            let error =
                wire::read_error(Dialect::OpenaiChat, status, &bytes::Bytes::from_static(body.as_bytes()));
            let failure = Failure::refused(error, &HeaderMap::new(), Timestamp(0));
            assert_eq!(failure.then, Then::Next, "{body}");
            (failure.fault.status().as_u16(), failure.fault.code(), failure.fault.message().to_owned())
        };
        let ours = (502, Code::UpstreamAuth, Code::UpstreamAuth.text().to_owned());
        assert_eq!(judged(401, r#"{"error":{"message":"m"}}"#), ours);
        assert_eq!(judged(403, r#"{"error":{"message":"m","type":"permission_error"}}"#), ours);
        assert_eq!(judged(403, r#"{"error":{"message":"m","code":"invalid_api_key"}}"#), ours);
    }

    #[test]
    fn a_model_that_the_account_has_not_is_told_as_it_came() {
        let body =
            r#"{"error":{"message":"Not this model (sk-proj-abc123def456)","type":"invalid_request_error"}}"#;
        let body = bytes::Bytes::from_static(body.as_bytes());
        let error = wire::read_error(Dialect::OpenaiChat, StatusCode::FORBIDDEN, &body);
        let failure = Failure::refused(error, &HeaderMap::new(), Timestamp(0));
        assert_eq!((failure.fault.status(), failure.then), (StatusCode::FORBIDDEN, Then::Next));
        assert_eq!(failure.fault.code(), Code::UpstreamRejected);
        assert_eq!(failure.fault.message(), "Not this model (***)");
        assert_eq!(failure.fault.told().unwrap().kind.as_deref(), Some("invalid_request_error"));
    }
}
