//! What a request runs under: the compiled configuration and the ports.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{
    Clock, Deployment, FaultRenderer, Keyring, Meter, NativeBlocks, ResponseStore, Router, StoredResponse,
    TokenCounter, Upstream,
};
use wire::stored::DIALECT;

/// The immutable, compiled configuration one request runs under.
pub struct Snapshot {
    /// Counts up with every change that was taken in.
    pub version: u64,
    /// Models to plans.
    pub router: Arc<dyn Router>,
    /// Most bytes of a request body.
    pub max_body: u64,
    /// Whether bodies are kept in the request log.
    pub bodies: BodyLog,
    /// How long blocks that only a provider understands are kept.
    pub keep_blocks: Duration,
    /// How long answers that clients may refer to are kept.
    pub keep_responses: Duration,
    /// How long a stream may be silent before its client is sent a sign of life. Zero: for ever.
    pub silence: Duration,
    /// Are spans exported? Then a `traceparent` is sent upstream even if the client sent none.
    pub tracing: bool,
}

impl Snapshot {
    /// Who made a response, if it is still there.
    pub(crate) fn deployment(&self, response: &StoredResponse) -> Option<Arc<Deployment>> {
        let id = response.deployment.as_deref()?;
        let plan = self.router.plan(id, DIALECT).ok()?;
        plan.deployments.into_iter().find(|deployment| *deployment.id == *id)
    }
}

/// Whether and how much of the bodies is kept in the request log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyLog {
    /// Keep them?
    pub keep: bool,
    /// Most bytes of each.
    pub max: usize,
}

/// The ports the stages call.
#[derive(Clone)]
pub struct Handles {
    /// Who calls.
    pub keyring: Arc<dyn Keyring>,
    /// What they may still do.
    pub meter: Arc<dyn Meter>,
    /// The way out.
    pub upstream: Arc<dyn Upstream>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Faults in the caller's dialect.
    pub renderer: Arc<dyn FaultRenderer>,
    /// How long inputs are.
    pub counter: Arc<dyn TokenCounter>,
    /// What conversations in other dialects cannot carry themselves.
    pub natives: Arc<dyn NativeBlocks>,
    /// Answers that clients may refer to.
    pub responses: Arc<dyn ResponseStore>,
    /// Who this is among those that share them.
    pub instance: Instance,
}

/// One of the processes that share a store.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name, which it has again after a restart.
    pub name: Arc<str>,
    /// How long what it makes stays with it when it gives no sign of life.
    pub lease: Duration,
}
