//! The one way out: every outgoing call of every crate goes through this port, implemented by `egress`.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};

use super::{BoxFuture, ProviderReply, Timeouts};
use crate::body::Body;

/// A request to send.
#[derive(Debug)]
pub struct Outbound {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub uri: Uri,
    /// Headers; `host` is added.
    pub headers: HeaderMap,
    /// Body; always complete, so that a stale pooled connection can be replaced before anything was sent.
    pub body: Body,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Did a caller or a document supply this URL? Then private and loopback addresses are refused.
    pub untrusted: bool,
    /// The configured provider on whose behalf this goes out: picks its TLS identity, its pool and its metrics.
    pub provider: Option<std::sync::Arc<str>>,
}

/// How far a call had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No connection yet: nothing was sent, so trying again is always safe.
    Connect,
    /// Sent; no response head yet.
    FirstByte,
    /// The response head was read.
    Body,
}

/// Why a call failed without an HTTP answer, or that it was refused here.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// DNS, TCP or TLS failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// A phase took longer than allowed.
    #[error("no answer within {after:?} ({phase:?})")]
    Timeout {
        /// Which phase.
        phase: Phase,
        /// The limit that passed.
        after: Duration,
    },
    /// The connection broke.
    #[error("connection lost ({phase:?}): {reason}")]
    Lost {
        /// When.
        phase: Phase,
        /// How.
        reason: String,
    },
    /// The address is private and the URL came from a caller.
    #[error("address refused: {0}")]
    Refused(String),
    /// The provider answered with an error status where none can be handled (listing models, for one).
    #[error("status {0}")]
    Status(StatusCode),
    /// A token that the provider wants was refused by whoever gives it out.
    #[error("no token: {0}")]
    Login(String),
    /// The answer is not what the account says its answers are.
    #[error("not the answer that was described: {0}")]
    Unreadable(String),
    /// The request could not be built or signed.
    #[error("cannot build the request: {0}")]
    Build(String),
}

/// The one HTTP client.
pub trait Upstream: Send + Sync {
    /// Sends a request and returns when the response head is there. The body then streams, bounded by the idle and total
    /// timeouts. Dropping the future or the body closes the connection (HTTP/1) or resets the stream (HTTP/2).
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>>;
    /// The state of the connection pools, for metrics.
    fn pools(&self) -> Vec<PoolState>;
}

/// One connection pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The provider it belongs to; `other` for calls on nobody's behalf.
    pub provider: std::sync::Arc<str>,
    /// Connections open now.
    pub open: u64,
    /// Of those, idle ones.
    pub idle: u64,
    /// Connections opened since start.
    pub opened: u64,
}
