//! Cross-origin requests of browsers (WHATWG Fetch, "CORS protocol"). Off unless origins are configured.
//!
//! Credentials mode is never allowed: keys travel in headers, not in cookies.

use contract::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::config::CorsConfig;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-pathgate-request-id, x-pathgate-model, x-pathgate-attempts, x-pathgate-cache, x-pathgate-cost, \
     x-pathgate-dropped, x-pathgate-guard, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, \
     x-ratelimit-reset-requests, retry-after, server-timing",
);
const DEFAULT_MAX_AGE: u64 = 600;

/// Which origins may call.
pub(crate) struct Cors {
    origins: Vec<String>,
    any: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// None when no origin is configured.
    pub(crate) fn new(config: &CorsConfig) -> Option<Self> {
        let origins = config.origins.clone();
        let seconds = config.max_age.map_or(DEFAULT_MAX_AGE, |span| span.0.as_secs());
        (!origins.is_empty()).then(|| Self {
            any: origins.iter().any(|origin| origin == "*"),
            origins,
            max_age: seconds.into(),
        })
    }

    /// The origin that sent this request, if it may.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let listed = || self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
        (self.any || listed()).then(|| origin.clone())
    }

    /// The answer to a preflight of an allowed origin. The origin itself is added as to any other answer.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        Some(response)
    }
}

/// Lets a page of this origin read the answer.
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
}
