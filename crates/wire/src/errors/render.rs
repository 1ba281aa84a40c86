//! Faults as the clients of each dialect expect them, down to the headers their SDKs read.
//!
//! The names of types are those of the services: OpenAI's and Anthropic's error guides, Google's `google.rpc.Code`.
//! Only here is an error written for a client.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::body::Body;
use contract::fault::{Family, Fault, LimitState, UpstreamError};
use contract::ports::FaultRenderer;
use contract::words::{Dialect, Id};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::shape::Shape;

/// Writes faults. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Renderer;

/// Our request id, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-pathgate-request-id");
/// Where AWS's SDKs read the type of an error.
const AWS_ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// The stable code of a fault.
pub const ERROR: HeaderName = HeaderName::from_static("x-pathgate-error");

impl FaultRenderer for Renderer {
    fn render(&self, dialect: Dialect, fault: &Fault, request: Id) -> Response<Body> {
        let body = verbatim(dialect, fault).unwrap_or_else(|| {
            let value = match Shape::of(dialect) {
                Shape::Openai => openai_error(fault),
                Shape::Ollama => ollama_error(fault),
                Shape::Aws => aws_error(fault),
                Shape::Cohere => {
                    let mut error = cohere_error(fault);
                    error["id"] = json!(request.text().as_str());
                    error
                }
                Shape::Anthropic => {
                    let mut error = anthropic_error(fault);
                    error["request_id"] = json!(request.text().as_str());
                    error
                }
                Shape::Google => google_error(fault),
                Shape::Kserve => kserve_error(fault),
            };
            Bytes::from(value.to_string())
        });
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = fault.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut values = Values::default();
        request_id_headers(dialect, request, headers, &mut values);
        headers.insert(ERROR, HeaderValue::from_static(fault.code().as_str()));
        if Shape::of(dialect) == Shape::Aws
            && let Some(kind) = values.text(aws_kind(fault))
        {
            headers.insert(AWS_ERROR_TYPE, kind);
        }
        if let Some(wait) = fault.wait() {
            retry_headers(wait, headers);
        }
        if let Some(limit) = fault.limit() {
            limit_headers(&limit, headers, &mut values);
        }
        response
    }
}

/// The request id under our name and under the one the dialect's SDKs read.
pub fn request_id_headers(dialect: Dialect, request: Id, headers: &mut HeaderMap, values: &mut Values) {
    let Some(value) = values.text(request.text().as_str()) else { return };
    let theirs = match Shape::of(dialect) {
        Shape::Openai => Some(HeaderName::from_static("x-request-id")),
        Shape::Anthropic => Some(HeaderName::from_static("request-id")),
        Shape::Aws => Some(HeaderName::from_static("x-amzn-requestid")),
        Shape::Google | Shape::Ollama | Shape::Cohere | Shape::Kserve => None,
    };
    if let Some(name) = theirs {
        headers.insert(name, value.clone());
    }
    headers.insert(REQUEST_ID, value);
}

/// `retry-after` in seconds (RFC 9110, section 10.2.3), rounded up and at least 1, and `retry-after-ms`, which the
/// OpenAI and Anthropic SDKs prefer.
pub fn retry_headers(wait: Duration, headers: &mut HeaderMap) {
    let millis = wait.as_nanos().div_ceil(1_000_000).clamp(1, u128::from(u32::MAX));
    let millis = u64::try_from(millis).unwrap_or(u64::MAX);
    headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    headers.insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(millis));
}

/// `x-ratelimit-*-requests`, OpenAI's names.
pub fn limit_headers(limit: &LimitState, headers: &mut HeaderMap, values: &mut Values) {
    if let Some(limit) = values.number(limit.limit) {
        headers.insert(HeaderName::from_static("x-ratelimit-limit-requests"), limit);
    }
    if let Some(remaining) = values.number(limit.remaining) {
        headers.insert(HeaderName::from_static("x-ratelimit-remaining-requests"), remaining);
    }
    if let Some(reset) = values.value(|text| push_span(text, limit.reset)) {
        headers.insert(HeaderName::from_static("x-ratelimit-reset-requests"), reset);
    }
}

/// A span as OpenAI writes it: `12ms`, `1s`, `6m0s`, `1h0m5s`. Rounded up.
fn push_span(text: &mut BytesMut, span: Duration) {
    let mut push = |number: u128, unit: &str| {
        text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        text.extend_from_slice(unit.as_bytes());
    };
    let millis = span.as_nanos().div_ceil(1_000_000);
    if millis < 1000 {
        return push(millis, "ms");
    }
    let seconds = millis.div_ceil(1000);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        push(hours, "h");
    }
    if hours > 0 || minutes > 0 {
        push(minutes, "m");
    }
    push(rest, "s");
}

/// Makes the values of one head. They stand one behind the other and share their memory: an allocation for each would cost
/// more than writing them.
#[derive(Debug)]
pub struct Values(BytesMut);

impl Default for Values {
    fn default() -> Self {
        Self(BytesMut::with_capacity(Self::ROOM))
    }
}

impl Values {
    /// Enough for a usual head.
    const ROOM: usize = 384;

    /// What is written to the end of the text. None: it is not fit for a header.
    pub fn value(&mut self, write: impl FnOnce(&mut BytesMut)) -> Option<HeaderValue> {
        write(&mut self.0);
        HeaderValue::from_maybe_shared(self.0.split().freeze()).ok()
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> Option<HeaderValue> {
        self.value(|end| end.extend_from_slice(text.as_bytes()))
    }

    /// A number.
    pub fn number(&mut self, number: u64) -> Option<HeaderValue> {
        self.text(itoa::Buffer::new().format(number))
    }
}

/// What the upstream said that the client is to see.
fn refusal(fault: &Fault) -> Option<&UpstreamError> {
    fault.told().filter(|error| !error.message.is_empty())
}

/// The upstream's own body, for a client that speaks its dialect, if the message stands where such clients look for it.
fn verbatim(dialect: Dialect, fault: &Fault) -> Option<Bytes> {
    let error = refusal(fault).filter(|error| error.dialect == dialect)?;
    let body: Value = serde_json::from_slice(&error.body).ok()?;
    let places: &[&str] = match Shape::of(dialect) {
        Shape::Openai => &["/error/message", "/message", "/error", "/detail"],
        Shape::Anthropic | Shape::Google => &["/error/message"],
        Shape::Cohere => &["/message", "/detail"],
        Shape::Aws => &["/message", "/Message"],
        Shape::Ollama | Shape::Kserve => &["/error"],
    };
    let said =
        |place: &&str| body.pointer(place).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    places.iter().any(said).then(|| error.body.clone())
}

fn message(fault: &Fault) -> &str {
    refusal(fault).map_or(fault.message(), |error| &error.message)
}

/// The class of a fault; that of an upstream's refusal is told by its status.
fn family(fault: &Fault) -> Family {
    let Some(error) = refusal(fault) else { return fault.code().family() };
    match error.status {
        StatusCode::UNAUTHORIZED => Family::Authentication,
        StatusCode::FORBIDDEN => Family::Permission,
        StatusCode::NOT_FOUND => Family::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Family::TooLarge,
        StatusCode::TOO_MANY_REQUESTS => Family::RateLimit,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Family::Timeout,
        StatusCode::SERVICE_UNAVAILABLE => Family::Overloaded,
        // Anthropic's.
        status if status.as_u16() == 529 => Family::Overloaded,
        status if status.is_server_error() => Family::Server,
        _ => Family::InvalidRequest,
    }
}

/// An upstream's own type where it is one that OpenAI's and Anthropic's clients know (`…_error`).
fn carried_kind(fault: &Fault) -> Option<&str> {
    refusal(fault)?.kind.as_deref().filter(|kind| kind.ends_with("_error"))
}

/// `{"error": {message, type, param, code}}`. `code` is ours, or the upstream's own where it has one.
pub(crate) fn openai_error(fault: &Fault) -> Value {
    let kind = carried_kind(fault).unwrap_or(match family(fault) {
        Family::InvalidRequest | Family::NotFound | Family::TooLarge => "invalid_request_error",
        Family::Authentication => "authentication_error",
        Family::Permission => "permission_error",
        Family::RateLimit => "rate_limit_error",
        Family::Overloaded => "overloaded_error",
        Family::Timeout => "timeout_error",
        Family::Server => "server_error",
    });
    let error = refusal(fault);
    let code = error.and_then(|error| error.code.as_deref()).unwrap_or(fault.code().as_str());
    let param = error.and_then(|error| error.param.as_deref()).or(fault.param());
    json!({"error": {"message": message(fault), "type": kind, "param": param, "code": code}})
}

/// `{"type": "error", "error": {type, message}}`; whole responses add `request_id`.
pub(crate) fn anthropic_error(fault: &Fault) -> Value {
    let kind = match family(fault) {
        Family::InvalidRequest => "invalid_request_error",
        Family::Authentication => "authentication_error",
        Family::Permission => "permission_error",
        Family::NotFound => "not_found_error",
        Family::TooLarge => "request_too_large",
        Family::RateLimit => "rate_limit_error",
        Family::Overloaded => "overloaded_error",
        Family::Timeout => "timeout_error",
        Family::Server => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message(fault)}})
}

/// `{"message"}`; the type stands in a header (AWS restJson1 protocol, "Operation error serialization").
pub(crate) fn aws_error(fault: &Fault) -> Value {
    json!({"message": message(fault)})
}

/// The type of an error as Bedrock names it; an upstream's own where it has one.
fn aws_kind(fault: &Fault) -> &str {
    let own = refusal(fault).and_then(|error| error.kind.as_deref());
    own.filter(|kind| kind.ends_with("Exception")).unwrap_or(match family(fault) {
        Family::InvalidRequest | Family::TooLarge => "ValidationException",
        Family::Authentication | Family::Permission => "AccessDeniedException",
        Family::NotFound => "ResourceNotFoundException",
        Family::RateLimit => "ThrottlingException",
        Family::Overloaded => "ServiceUnavailableException",
        Family::Timeout => "ModelTimeoutException",
        Family::Server => "InternalServerException",
    })
}

/// `{"error": {code, message, status}}` with the stable code as `google.rpc.ErrorInfo`.
pub(crate) fn google_error(fault: &Fault) -> Value {
    let status = match family(fault) {
        Family::InvalidRequest | Family::TooLarge => "INVALID_ARGUMENT",
        Family::Authentication => "UNAUTHENTICATED",
        Family::Permission => "PERMISSION_DENIED",
        Family::NotFound => "NOT_FOUND",
        Family::RateLimit => "RESOURCE_EXHAUSTED",
        Family::Overloaded => "UNAVAILABLE",
        Family::Timeout => "DEADLINE_EXCEEDED",
        Family::Server => "INTERNAL",
    };
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": fault.code().as_str(),
        "domain": "pathgate"});
    json!({"error": {"code": fault.status().as_u16(), "message": message(fault), "status": status, "details": [info]}})
}

/// `{"error": "…"}` (docs.ollama.com/api/errors).
pub(crate) fn ollama_error(fault: &Fault) -> Value {
    json!({"error": message(fault)})
}

/// `{"message"}`, Cohere's; whole responses add `id`. What is wrong where is said in words alone, the stable code stands in
/// our header.
pub(crate) fn cohere_error(fault: &Fault) -> Value {
    json!({"message": message(fault)})
}

/// `{"error": message}` (github.com/kserve/open-inference-protocol, "Inference Response JSON Error Object").
pub(crate) fn kserve_error(fault: &Fault) -> Value {
    json!({"error": message(fault)})
}

#[cfg(test)]
mod tests;
