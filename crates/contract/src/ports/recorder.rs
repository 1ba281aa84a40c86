//! What is kept of a request: one log entry, one ledger entry per attempt.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canon::{Dropped, Receipt};
use crate::words::{Dialect, Id, NanoUsd, Operation, Principal, Tick, Timestamp, Usage, UsageSource};

/// The stages of the request path, in order. The names are those of spans, metrics and `server-timing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Who.
    Authenticate,
    /// Limits, holds; the body is read here.
    Admit,
    /// Prompt, session, recall.
    Assemble,
    /// Guards and limits on the input.
    InspectInput,
    /// Caches.
    Lookup,
    /// Plan, call, retry, fall back.
    Attempt,
    /// Guards on the output.
    InspectOutput,
    /// Ledger, log, metrics.
    Settle,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 8] = [
        Self::Authenticate,
        Self::Admit,
        Self::Assemble,
        Self::InspectInput,
        Self::Lookup,
        Self::Attempt,
        Self::InspectOutput,
        Self::Settle,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Admit => "admit",
            Self::Assemble => "assemble",
            Self::InspectInput => "inspect_input",
            Self::Lookup => "lookup",
            Self::Attempt => "attempt",
            Self::InspectOutput => "inspect_output",
            Self::Settle => "settle",
        }
    }
}

/// When each stage ended. A stage that was not reached has no entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    ends: [Option<Tick>; 8],
}

impl StageTimes {
    /// Notes that a stage ended.
    pub fn ended(&mut self, stage: Stage, at: Tick) {
        self.ends[stage as usize] = Some(at);
    }

    /// The request is over before its time: what went by since the last stage ended belongs to the one under way. When every
    /// stage had ended, that was a stream on its way to the client, which is part of the attempt.
    pub fn cut(&mut self, at: Tick) {
        let under_way = Stage::ALL.into_iter().find(|stage| self.ends[*stage as usize].is_none());
        match under_way {
            Some(Stage::Settle) | None => {
                self.ended(Stage::Attempt, at);
                self.ended(Stage::InspectOutput, at);
            }
            Some(stage) => self.ended(stage, at),
        }
    }

    /// The stages that were reached with start and end, given when the first began.
    pub fn spans(&self, start: Tick) -> impl Iterator<Item = (Stage, Tick, Tick)> {
        let mut from = start;
        Stage::ALL.into_iter().filter_map(move |stage| {
            let end = self.ends[stage as usize]?;
            let span = (stage, from, end);
            from = end;
            Some(span)
        })
    }
}

/// How a request or an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered in full.
    Answered,
    /// Refused before any attempt.
    Refused,
    /// Every attempt failed, or this one.
    Failed,
    /// The client went away.
    ClientGone,
    /// The answer broke off after it had begun.
    Interrupted,
    /// The client had it stopped: an answer that was made in the background.
    Cancelled,
}

impl Outcome {
    /// The word used in metrics and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::ClientGone => "client_gone",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How sure a cost is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Reported usage at a known price.
    Exact,
    /// Estimated usage at a known price.
    Estimated,
    /// No price is known: the cost is null.
    UnknownPrice,
    /// Nothing was consumed.
    Nothing,
}

impl CostKind {
    /// The word used in metrics and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Estimated => "estimated",
            Self::UnknownPrice => "unknown_price",
            Self::Nothing => "nothing",
        }
    }
}

/// One line of the ledger: one call to one deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEntry {
    /// Its id.
    pub id: Id,
    /// When it began.
    pub at: Timestamp,
    /// 1 for the first attempt of the request.
    pub number: u32,
    /// `provider/upstream-name`.
    pub deployment: Arc<str>,
    /// The provider's name.
    pub provider: Arc<str>,
    /// The provider's kind.
    pub provider_kind: Arc<str>,
    /// The model as the upstream knows it.
    pub upstream_model: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
    /// The code it failed with.
    pub error: Option<Arc<str>>,
    /// What it consumed.
    pub usage: Usage,
    /// Where the figures come from.
    pub usage_source: UsageSource,
    /// The service tier the upstream says it used.
    pub service_tier: Option<Arc<str>>,
    /// What it cost in nano-USD; null when no price is known.
    pub cost: Option<NanoUsd>,
    /// How sure that is.
    pub cost_kind: CostKind,
    /// The version of the price book.
    pub price_version: Option<Arc<str>>,
    /// From the call to the response head.
    pub first_byte_us: Option<u64>,
    /// From the call to the end.
    pub duration_us: u64,
}

/// One line of the request log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Its id.
    pub id: Id,
    /// When it arrived.
    pub at: Timestamp,
    /// The dialect the client spoke.
    pub dialect: Dialect,
    /// What it asked for.
    pub operation: Operation,
    /// The caller's key; none before authentication or for anonymous callers.
    pub key: Option<Id>,
    /// The key's name.
    pub key_name: Option<Arc<str>>,
    /// The organisation.
    pub org: Option<Arc<str>>,
    /// The team.
    pub team: Option<Arc<str>>,
    /// The app.
    pub app: Option<Arc<str>>,
    /// The end user the app named.
    pub user: Option<String>,
    /// The tags the client sent.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// The client's address.
    pub client: std::net::IpAddr,
    /// The model the client asked for; bounded in length.
    pub model: Option<Arc<str>>,
    /// The deployment that answered.
    pub deployment: Option<Arc<str>>,
    /// Streamed?
    pub stream: bool,
    /// The status the client got.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the fault.
    pub error: Option<Arc<str>>,
    /// What only we may see of the fault; for an answer made here, what it rests on.
    pub detail: Option<String>,
    /// Number of attempts.
    pub attempts: u32,
    /// Tokens of all attempts.
    pub usage: Usage,
    /// Cost of all attempts; null when one of them has no price.
    pub cost: Option<NanoUsd>,
    /// From arrival to the first byte of the answer's content.
    pub ttft_us: Option<u64>,
    /// From arrival to the end.
    pub duration_us: u64,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// What translation could not carry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// The W3C trace id, when one came or was made.
    pub trace_id: Option<String>,
    /// The snapshot the request ran under.
    pub snapshot: u64,
    /// The request body, when bodies are logged; cut at the configured cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// The response body, when bodies are logged; cut at the configured cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
}

/// What is kept of a finished request.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries {
    /// The log line.
    pub request: RequestEntry,
    /// The ledger lines, in the order of the calls.
    pub attempts: Vec<AttemptEntry>,
}

/// Everything that is known of a finished request.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What is kept of it.
    pub entries: Entries,
    /// When it arrived.
    pub start: Tick,
    /// When it ended.
    pub end: Tick,
    /// When each attempt began and ended, in their order.
    pub attempt_spans: Vec<(Tick, Tick)>,
    /// When the stages ended.
    pub stages: StageTimes,
    /// The parent span, as the client's `traceparent` gave it.
    pub parent: Option<Arc<str>>,
    /// The caller.
    pub principal: Option<Arc<Principal>>,
    /// What translation could not carry, with reasons.
    pub receipt: Receipt,
}

/// The entry could not be made durable.
#[derive(Debug, thiserror::Error)]
#[error("the spool cannot be written: {0}")]
pub struct RecordError(pub String);

/// Keeps finished requests. When it returns, the entries survive the death of the process.
pub trait Recorder: Send + Sync {
    /// Appends the log line and the ledger lines, all or nothing.
    ///
    /// # Errors
    /// The spool cannot be written. The caller logs and counts it; the client's answer is not held up.
    fn record(&self, entries: &Entries) -> Result<(), RecordError>;
}

/// Figures and traces of finished requests.
pub trait Telemetry: Send + Sync {
    /// A request has arrived.
    fn arrived(&self);
    /// The first content of an answer went out this long after arrival.
    fn first_content(&self, after: Duration);
    /// A request is done.
    fn settled(&self, settled: &Settled);
    /// A connection of a client was opened (`true`) or closed.
    fn connection(&self, opened: bool);
    /// The edge refused a request before the pipeline saw it, or a connection before it was read.
    fn edge_refused(&self, code: crate::Code);
    /// The spool refused an entry.
    fn record_failed(&self, error: &RecordError);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasted(times: &StageTimes) -> Vec<(&'static str, u64)> {
        times.spans(Tick(0)).map(|(stage, from, to)| (stage.as_str(), to.0 - from.0)).collect()
    }

    #[test]
    fn a_failure_books_its_time_to_the_stage_it_happened_in() {
        let mut times = StageTimes::default();
        times.ended(Stage::Authenticate, Tick(1));
        times.cut(Tick(9));
        times.ended(Stage::Settle, Tick(10));
        assert_eq!(lasted(&times), [("authenticate", 1), ("admit", 8), ("settle", 1)]);
    }

    #[test]
    fn a_stream_belongs_to_the_attempt() {
        let mut times = StageTimes::default();
        for (tick, stage) in Stage::ALL.into_iter().take(7).enumerate() {
            times.ended(stage, Tick(tick as u64));
        }
        times.cut(Tick(100));
        times.ended(Stage::Settle, Tick(101));
        let lasted = lasted(&times);
        assert_eq!(lasted[5..], [("attempt", 96), ("inspect_output", 0), ("settle", 1)]);
    }
}
