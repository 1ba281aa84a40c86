//! The end of every request: totals, meter, ledger and log, metrics. Once.

use std::sync::Arc;

use contract::Code;
use contract::canon::Receipt;
use contract::ports::{
    Clock, Entries, Meter, Outcome, Recorder, Settled, Spent, Stage, StageTimes, Telemetry,
};
use contract::words::{Dialect, Id, NanoUsd, Tick, Usage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info_span};

use crate::head;
use crate::ticket::{Ending, Record};

/// What settlement calls.
pub struct TailPorts {
    /// Limits and budgets.
    pub meter: Arc<dyn Meter>,
    /// Ledger and log.
    pub recorder: Arc<dyn Recorder>,
    /// Metrics and traces.
    pub telemetry: Arc<dyn Telemetry>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ends the streams that are still running: the process stops and waits no longer.
    pub cut: CancellationToken,
}

/// The end of the path, shared by all requests.
pub struct Tail {
    ports: TailPorts,
    abandoned: mpsc::UnboundedSender<Abandoned>,
}

/// Settles requests whose clients went away. Runs until every request is over and the tail is dropped.
pub struct SettleTask {
    /// At most one record for each request in flight, so that the limit on those bounds this too.
    abandoned: mpsc::UnboundedReceiver<Abandoned>,
}

/// A record carries its tail along, so that none is lost when the pipeline goes first.
type Abandoned = (Arc<Tail>, Box<Record>);

/// What the response head needs from a settled request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settlement {
    pub(crate) cost: Option<NanoUsd>,
    pub(crate) attempts: u32,
    pub(crate) deployment: Option<Arc<str>>,
    pub(crate) limit: Option<contract::fault::LimitState>,
    pub(crate) dropped: Option<String>,
    pub(crate) stages: StageTimes,
    pub(crate) start: Tick,
    /// The request, and the dialect whose clients read its id.
    pub(crate) of: Option<(Id, Dialect)>,
}

impl Tail {
    /// The tail and the task that goes with it.
    #[must_use]
    pub fn new(ports: TailPorts) -> (Arc<Self>, SettleTask) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let tail = Arc::new(Self { ports, abandoned: sender });
        (tail, SettleTask { abandoned: receiver })
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.ports.clock
    }

    pub(crate) fn telemetry(&self) -> &dyn Telemetry {
        &*self.ports.telemetry
    }

    /// When it is cancelled, streams end.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.ports.cut
    }

    /// Takes the record of a client that went away.
    pub(crate) fn abandon(self: &Arc<Self>, record: Box<Record>) {
        if let Err(mpsc::error::SendError((tail, record))) = self.abandoned.send((Arc::clone(self), record)) {
            tail.settle_abandoned(record);
        }
    }

    /// The client went away, or was sent away because the process stops.
    fn settle_abandoned(&self, mut record: Box<Record>) {
        let (outcome, code) = if self.cut().is_cancelled() {
            (Outcome::Interrupted, Code::Draining)
        } else {
            (Outcome::ClientGone, Code::ClientGone)
        };
        let now = self.clock().tick();
        record.end_attempt(&Ending { outcome, error: Some(code.as_str()), assume_consumed: true }, now);
        record.kept.stages.cut(now);
        record.kept.entries.request.outcome = outcome;
        record.kept.entries.request.status = code.status().as_u16();
        record.kept.entries.request.error = Some(code.as_str().into());
        self.settle(record);
    }

    /// Adds up, gives the hold back, makes the entries durable, counts.
    pub(crate) fn settle(&self, mut record: Box<Record>) -> Settlement {
        let (usage, cost) = totals(&record.kept.entries);
        let end = self.clock().tick();
        record.kept.end = end;
        record.kept.stages.ended(Stage::Settle, end);
        record.kept.entries.request.usage = usage;
        record.kept.entries.request.cost = cost;
        record.kept.entries.request.duration_us =
            u64::try_from(end.since(record.kept.start).as_micros()).unwrap_or(u64::MAX);
        record.kept.entries.request.dropped.extend_from_slice(record.kept.receipt.entries());
        if record.kept.entries.request.outcome == Outcome::Answered
            || record.kept.entries.request.outcome == Outcome::Interrupted
        {
            record.kept.entries.request.deployment =
                record.kept.entries.attempts.last().map(|attempt| Arc::clone(&attempt.deployment));
        }
        self.spent(&record, Spent { usage, cost });
        let settlement = Settlement {
            cost,
            attempts: record.kept.entries.request.attempts,
            deployment: record.kept.entries.request.deployment.clone(),
            limit: record.hold.as_ref().and_then(|hold| hold.state),
            dropped: head::dropped(&record.kept.receipt),
            stages: record.kept.stages,
            start: record.kept.start,
            of: Some((record.kept.entries.request.id, record.kept.entries.request.dialect)),
        };
        self.keep(&record.kept);
        settlement
    }

    /// Gives the hold of a request back that somebody else settles.
    pub(crate) fn give_back(&self, record: &Record) {
        self.spent(record, Spent::default());
    }

    fn spent(&self, record: &Record, spent: Spent) {
        if let (Some(who), Some(hold)) = (&record.kept.principal, &record.hold) {
            self.ports.meter.settle(who, hold, spent);
        }
    }

    /// Settles a request of another process, which is over now.
    pub(crate) fn settle_late(&self, mut entries: Entries) {
        let (usage, cost) = totals(&entries);
        entries.request.usage = usage;
        entries.request.cost = cost;
        entries.request.duration_us =
            u64::try_from(self.clock().now().0.saturating_sub(entries.request.at.0)).unwrap_or_default();
        entries.request.deployment = entries.attempts.last().map(|attempt| Arc::clone(&attempt.deployment));
        let end = self.clock().tick();
        // It may have come before this process did.
        let start = Tick(end.0.saturating_sub(entries.request.duration_us.saturating_mul(1_000)));
        self.telemetry().arrived();
        self.keep(&Settled {
            attempt_spans: vec![(start, end); entries.attempts.len()],
            entries,
            start,
            end,
            stages: StageTimes::default(),
            parent: None,
            principal: None,
            receipt: Receipt::default(),
        });
    }

    fn keep(&self, settled: &Settled) {
        if let Err(failure) = self.ports.recorder.record(&settled.entries) {
            let _span = info_span!("settle", request = %settled.entries.request.id).entered();
            error!(error = %failure, "the ledger and log entries of this request could not be kept");
            self.ports.telemetry.record_failed(&failure);
        }
        self.ports.telemetry.settled(settled);
    }
}

impl SettleTask {
    /// Settles what clients left behind, until `stop`; what is waiting then is settled first.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let (tail, record) = tokio::select! {
                biased;
                Some(abandoned) = self.abandoned.recv() => abandoned,
                () = &mut stop => return,
            };
            tail.settle_abandoned(record);
        }
    }
}

/// Usage and cost of all attempts. One attempt without a price makes the sum unknown: a part would look like the whole.
fn totals(entries: &Entries) -> (Usage, Option<NanoUsd>) {
    let mut usage = Usage::default();
    for attempt in &entries.attempts {
        usage += attempt.usage;
    }
    (usage, entries.attempts.iter().map(|attempt| attempt.cost).sum())
}
