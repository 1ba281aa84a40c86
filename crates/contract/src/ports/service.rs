//! The seam between edge and engine.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Request, Response};

use super::BoxFuture;
use crate::Fault;
use crate::body::Body;
use crate::words::{Dialect, Id, Secret, Tick, Timestamp};

/// A request as the edge hands it over: headers read, body not.
pub struct Arrived {
    /// Its id, already in the log context.
    pub id: Id,
    /// When the head was complete (wall time).
    pub at: Timestamp,
    /// When the head was complete (monotonic).
    pub tick: Tick,
    /// The dialect of the path it came to.
    pub dialect: Dialect,
    /// What its path said beyond the dialect.
    pub path: PathFacts,
    /// Its headers.
    pub headers: HeaderMap,
    /// The key it presented, taken from header or query and no longer in either.
    pub key: Option<Secret>,
    /// Its body, capped in size and time.
    pub body: Body,
    /// The client's address, `trusted_proxies` considered.
    pub client: IpAddr,
}

/// What dialects say in the path that others say in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// The model.
    pub model: Option<String>,
    /// Is the answer to be streamed?
    pub stream: Option<bool>,
    /// Is a stream to be one JSON array instead of events?
    pub listed: bool,
}

/// The LLM pipeline, implemented by `engine`.
pub trait Llm: Send + Sync {
    /// Answers one request. Always returns a response; a fault is rendered in the caller's dialect.
    fn serve(self: Arc<Self>, arrived: Arrived) -> BoxFuture<'static, Response<Body>>;
    /// `GET /v1/models` and `GET /v1/models/{model}` in the shape of a dialect's clients.
    fn models(self: Arc<Self>, ask: ModelsAsk) -> BoxFuture<'static, Response<Body>>;
    /// `/v1/responses/{id}` and what is below it.
    fn stored(self: Arc<Self>, ask: StoredAsk) -> BoxFuture<'static, Response<Body>>;
}

/// A question about a response that is kept.
pub struct StoredAsk {
    /// Its request id.
    pub id: Id,
    /// The key it presented.
    pub key: Option<Secret>,
    /// The id of the response.
    pub response: String,
    /// What is to be done.
    pub action: StoredAction,
    /// The query of its URL, as it came.
    pub query: Option<String>,
}

/// What can be done with a response that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAction {
    /// Show it.
    Get,
    /// Forget it.
    Delete,
    /// Stop making it.
    Cancel,
    /// List what it answers.
    Items,
}

/// A question about the models a key may use.
pub struct ModelsAsk {
    /// Its request id.
    pub id: Id,
    /// Whose shape the answer takes: a dialect of conversations.
    pub dialect: Dialect,
    /// The key it presented.
    pub key: Option<Secret>,
    /// One model by name; all of them when none is named.
    pub model: Option<String>,
    /// The query of its URL, as it came.
    pub query: Option<String>,
    /// What names the model where the path does not; empty elsewhere.
    pub body: Body,
}

/// Writes faults the way a dialect's clients expect; implemented by `wire`.
pub trait FaultRenderer: Send + Sync {
    /// The whole response, headers such as `retry-after` included.
    fn render(&self, dialect: Dialect, fault: &Fault, request: Id) -> Response<Body>;
}

/// A whole HTTP surface behind the edge, such as the admin API.
pub trait HttpService: Send + Sync {
    /// Answers one request.
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>>;
}

/// `/metrics`.
pub trait Exposition: Send + Sync {
    /// All metrics in the OpenMetrics text format.
    fn text(&self) -> String;
}

/// `/readyz`: our own state, never that of an upstream.
pub trait Readiness: Send + Sync {
    /// Ready, or what is missing in a few words that may be shown to anybody.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), &'static str>;
}
