//! What can go wrong, as one table of stable codes and one value that carries it to the edge.
//!
//! A [`Fault`] says whose fault it is, whether trying again can help, what the client may see and what only
//! we may see. `wire` renders it in the caller's dialect; nothing else writes an error to a client.

mod codes;
mod need;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

pub use codes::{Blame, Code, Family};
pub use need::Need;

use crate::words::Dialect;

/// One failure of one request.
#[derive(Clone)]
pub struct Fault(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    param: Option<String>,
    retry_after: Option<Duration>,
    detail: Option<String>,
    need: Option<Need>,
    upstream: Option<UpstreamError>,
    limit: Option<LimitState>,
}

/// What an upstream said when it refused, in its own dialect.
#[derive(Clone, Debug)]
pub struct UpstreamError {
    /// The dialect of `body`.
    pub dialect: Dialect,
    /// The status it answered with.
    pub status: StatusCode,
    /// Its own error type or status word, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// Its own error code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// The parameter it named.
    pub param: Option<String>,
    /// Its own message.
    pub message: String,
    /// The whole body, for a client that speaks the same dialect.
    pub body: Bytes,
    /// How long its body says to wait before another try; headers come first.
    pub retry_after: Option<Duration>,
}

/// Where a limit stands; rendered as `x-ratelimit-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// How many requests the window holds.
    pub limit: u64,
    /// How many more would be let through now.
    pub remaining: u64,
    /// How long until the window is whole again.
    pub reset: Duration,
}

impl Fault {
    /// A fault with the table's own text.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner {
            code,
            message: Cow::Borrowed(code.text()),
            param: None,
            retry_after: None,
            detail: None,
            need: None,
            upstream: None,
            limit: None,
        }))
    }

    /// A fault with a message that the client will read: it must say what to do and leak nothing.
    pub fn saying(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let mut fault = Self::new(code);
        fault.0.message = message.into();
        fault
    }

    /// The same with another message.
    #[must_use]
    pub fn reworded(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Says when trying again can help.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds what only we may see.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// Names what the request needs and the model cannot do.
    #[must_use]
    pub fn needing(mut self, need: Need) -> Self {
        self.0.need = Some(need);
        self
    }

    /// Adds what the upstream said.
    #[must_use]
    pub fn from_upstream(mut self, error: UpstreamError) -> Self {
        self.0.upstream = Some(error);
        self
    }

    /// Adds where the limit that was hit stands.
    #[must_use]
    pub fn limited(mut self, state: LimitState) -> Self {
        self.0.limit = Some(state);
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The HTTP status the client gets: the upstream's own where it answered.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.told().map_or_else(|| self.0.code.status(), |error| error.status)
    }

    /// What the upstream said, if the client may see it: not when it refused our own credentials, nor when it is no error to
    /// HTTP (a redirect, say).
    #[must_use]
    pub fn told(&self) -> Option<&UpstreamError> {
        let is_error = |status: StatusCode| status.is_client_error() || status.is_server_error();
        self.0.upstream.as_ref().filter(|error| self.0.code != Code::UpstreamAuth && is_error(error.status))
    }

    /// What the client may see.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The request field at fault.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// How long to wait before trying again.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What only we may see.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// What the request needs and the model cannot do.
    #[must_use]
    pub fn need(&self) -> Option<Need> {
        self.0.need
    }

    /// What the upstream said.
    #[must_use]
    pub fn upstream(&self) -> Option<&UpstreamError> {
        self.0.upstream.as_ref()
    }

    /// The limit that was hit.
    #[must_use]
    pub fn limit(&self) -> Option<LimitState> {
        self.0.limit
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code().as_str(), self.message())?;
        match self.detail() {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code().as_str(), self.message())
    }
}

impl std::error::Error for Fault {}
