//! The figures Prometheus reads: atomics on the request path, text when asked.
//!
//! No label is a client's invention: models show up only as deployments, a deployment that only a client named gets series
//! once it has answered, and all of them are capped. Look next at [`catalogue`] for what there is and at [`figures`] for
//! how it is counted.

mod catalogue;
mod expose;
mod figures;
mod process;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use contract::Code;
use contract::ports::{AttemptEntry, Clock, CostKind, Exposition, Outcome, PoolState, RequestEntry, Settled};
use contract::words::Timestamp;
use prometheus_client::registry::Registry;

pub use catalogue::metrics_reference;
use figures::{Count, DeploymentFigures, Deployments, Histogram, LATENCY, SHORT};

use crate::losses::Losses;

/// What is read from other crates whenever the metrics are.
pub struct Sources {
    /// The connection pools towards upstreams.
    pub pools: Box<dyn Fn() -> Vec<PoolState> + Send + Sync>,
    /// The spool in front of ledger and log.
    pub spool: Box<dyn Fn() -> SpoolFigures + Send + Sync>,
    /// What this crate's own queues dropped.
    pub losses: Arc<Losses>,
}

/// The spool in front of ledger and log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolFigures {
    /// Records that the database does not have yet.
    pub waiting_records: u64,
    /// Bytes that the database does not have yet.
    pub waiting_bytes: u64,
    /// Records taken since start.
    pub recorded: u64,
    /// Records sent to the database since start.
    pub drained: u64,
    /// Batches the database did not take.
    pub failures: u64,
}

/// All figures of this process.
pub struct Metrics {
    figures: Arc<Figures>,
    registry: Registry,
}

/// The figures, as the request path and the exposition share them.
struct Figures {
    sources: Sources,
    started: Timestamp,
    version: &'static str,
    deployments: Deployments,
    duration: Histogram,
    stages: [Histogram; 8],
    first_content: Histogram,
    in_flight: AtomicI64,
    connections: AtomicI64,
    refused: Vec<Count>,
    records_failed: Count,
    reloads_applied: Count,
    reloads_refused: Count,
    snapshot: AtomicU64,
}

impl Metrics {
    /// All zero. `version` is that of the gateway.
    #[must_use]
    pub fn new(sources: Sources, version: &'static str, clock: &dyn Clock) -> Arc<Self> {
        let figures = Arc::new(Figures {
            sources,
            started: clock.now(),
            version,
            deployments: Deployments::default(),
            duration: Histogram::new(LATENCY),
            stages: std::array::from_fn(|_| Histogram::new(SHORT)),
            first_content: Histogram::new(LATENCY),
            in_flight: AtomicI64::new(0),
            connections: AtomicI64::new(0),
            refused: Code::ALL.iter().map(|_| Count::default()).collect(),
            records_failed: Count::default(),
            reloads_applied: Count::default(),
            reloads_refused: Count::default(),
            snapshot: AtomicU64::new(0),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(expose::Exposed(Arc::clone(&figures))));
        Arc::new(Self { figures, registry })
    }

    /// The configuration was read again: the version that is in force now, or none when it was refused.
    pub fn reloaded(&self, applied: Option<u64>) {
        match applied {
            Some(version) => {
                self.figures.reloads_applied.add(1);
                self.figures.snapshot.store(version, Relaxed);
            }
            None => self.figures.reloads_refused.add(1),
        }
    }

    /// The version of the snapshot the gateway started with.
    pub fn started_with(&self, snapshot: u64) {
        self.figures.snapshot.store(snapshot, Relaxed);
    }

    pub(crate) fn arrived(&self) {
        self.figures.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn first_content(&self, after: Duration) {
        self.figures.first_content.observe(after);
    }

    pub(crate) fn connection(&self, opened: bool) {
        self.figures.connections.fetch_add(if opened { 1 } else { -1 }, Relaxed);
    }

    pub(crate) fn edge_refused(&self, code: Code) {
        if let Some(count) = self.figures.refused.get(code as usize) {
            count.add(1);
        }
    }

    pub(crate) fn record_failed(&self) {
        self.figures.records_failed.add(1);
    }

    pub(crate) fn settled(&self, settled: &Settled) {
        let figures = &*self.figures;
        figures.in_flight.fetch_sub(1, Relaxed);
        figures.duration.observe(settled.end.since(settled.start));
        for (stage, from, to) in settled.stages.spans(settled.start) {
            figures.stages[stage as usize].observe(to.since(from));
        }
        let request = &settled.entries.request;
        let count_request = |figures: &DeploymentFigures| {
            figures.requests.add(&(request.dialect, request.status, request.outcome));
        };
        let deployments = figures.deployments.load();
        let mut left = settled.entries.attempts.len();
        let mut counted = false;
        for attempt in &settled.entries.attempts {
            left -= 1;
            let mut count = |figures: &DeploymentFigures| {
                count_attempt(figures, attempt);
                // An answered request is counted with its last attempt, without another search for the place.
                if left == 0 && request.deployment.as_ref() == Some(&attempt.deployment) {
                    count_request(figures);
                    counted = true;
                }
            };
            if attempt.outcome == Outcome::Answered || !named_by_client(request, attempt) {
                deployments.admit(&attempt.deployment, count);
            } else {
                count(deployments.get(Some(&attempt.deployment)));
            }
        }
        if !counted {
            count_request(deployments.get(request.deployment.as_ref()));
        }
    }
}

/// Whether the client itself wrote the deployment's name, which may be invented; aliases and listed names lead to real ones.
/// The record may hold only the beginning of what the client wrote.
fn named_by_client(request: &RequestEntry, attempt: &AttemptEntry) -> bool {
    request.model.as_deref().is_none_or(|asked| attempt.deployment.starts_with(asked))
}

fn count_attempt(figures: &DeploymentFigures, attempt: &AttemptEntry) {
    figures.attempts.add(&(Arc::clone(&attempt.provider), attempt.outcome, attempt.error.clone()));
    let usage = &attempt.usage;
    let tokens = [
        usage.input.saturating_add(usage.audio_input).saturating_add(usage.image_input),
        usage.cached,
        usage.cache_write.saturating_add(usage.cache_write_long),
        usage.output_total(),
        usage.reasoning,
    ];
    for (count, tokens) in figures.tokens.iter().zip(tokens) {
        if tokens > 0 {
            count.add(tokens);
        }
    }
    match (attempt.cost, attempt.cost_kind) {
        (Some(cost), _) => figures.cost_nano.add(u64::try_from(cost.0).unwrap_or(0)),
        (None, CostKind::UnknownPrice) => figures.cost_unknown.add(1),
        (None, _) => {}
    }
    if let Some(micros) = attempt.first_byte_us {
        figures.first_byte.observe(Duration::from_micros(micros));
    }
}

impl Exposition for Metrics {
    fn text(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        // Writing into a string cannot fail; a bug in a family shows as an exposition without its end marker.
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}
