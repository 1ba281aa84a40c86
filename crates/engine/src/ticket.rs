//! What settlement needs to know, whatever happens: filled in by the stages, given up exactly once.
//!
//! A ticket that is dropped unsettled belongs to a client that went away: its record is handed to the settle task as it
//! is. `Drop` computes nothing.

use std::sync::Arc;
use std::time::Duration;

use contract::canon::Receipt;
use contract::ports::{
    Arrived, AttemptEntry, BoxFuture, CostKind, Deployment, Entries, Hold, InputSize, Outcome, RequestEntry,
    Settled, Stage, StageTimes, StoredResponse,
};
use contract::words::{Dialect, Id, IdKind, Operation, Principal, Tick, Timestamp, Usage, UsageSource};
use contract::{Code, Fault};
use http::StatusCode;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::bill::{Bill, bill};
use crate::estimate::Sizes;
use crate::head;
use crate::settle::{Settlement, Tail};

/// Most characters of a client's model name that are kept.
const MODEL_CAP: usize = 200;

/// Everything known of a request so far.
pub(crate) struct Record {
    /// What is kept of the request in the end, as far as it is known.
    pub(crate) kept: Settled,
    pub(crate) open: Option<OpenAttempt>,
    /// When the last stage ended.
    pub(crate) last: Tick,
    pub(crate) hold: Option<Hold>,
    /// What the client's body weighs.
    pub(crate) size: InputSize,
    /// Documents that it wants ordered.
    pub(crate) documents: u64,
    /// The answer that is made while nobody waits for it.
    pub(crate) waiting: Option<Box<StoredResponse>>,
}

/// An attempt under way.
#[derive(Clone)]
pub(crate) struct OpenAttempt {
    pub(crate) id: Id,
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    pub(crate) tick: Tick,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) status: Option<u16>,
    pub(crate) first_byte: Option<Tick>,
    pub(crate) consumed: Consumed,
    /// Input that the client did not send itself: a conversation that is kept here.
    pub(crate) beyond: Option<Box<InputSize>>,
}

impl OpenAttempt {
    fn new(id: Id, (number, at, tick): (u32, Timestamp, Tick), deployment: &Arc<Deployment>) -> Self {
        Self {
            id,
            number,
            at,
            tick,
            deployment: Arc::clone(deployment),
            status: None,
            first_byte: None,
            consumed: Consumed::default(),
            beyond: None,
        }
    }
}

/// What an attempt is known to have consumed so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consumed {
    /// As the upstream reported it.
    pub(crate) usage: Option<Usage>,
    /// Output that was seen, for an estimate.
    pub(crate) output: InputSize,
    /// May there be more output than was reported?
    pub(crate) underreported: bool,
    /// The service tier the upstream says it used.
    pub(crate) service_tier: Option<Arc<str>>,
}

/// How an attempt ended.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<&'static str>,
    /// Without a report of the upstream: may it have consumed the input all the same?
    pub(crate) assume_consumed: bool,
}

impl Ending {
    pub(crate) const ANSWERED: Self = Self { outcome: Outcome::Answered, error: None, assume_consumed: true };
}

/// The right to settle one request.
pub(crate) struct Ticket {
    /// Empty only after the record was given up.
    record: Option<Box<Record>>,
    tail: Arc<Tail>,
}

impl Ticket {
    pub(crate) fn open(arrived: &Arrived, snapshot: u64, tail: &Arc<Tail>) -> Self {
        tail.telemetry().arrived();
        let record = Box::new(Record {
            kept: Settled {
                entries: Entries {
                    request: RequestEntry {
                        id: arrived.id,
                        at: arrived.at,
                        dialect: arrived.dialect,
                        operation: arrived.dialect.operation(),
                        key: None,
                        key_name: None,
                        org: None,
                        team: None,
                        app: None,
                        user: None,
                        tags: Vec::new(),
                        client: arrived.client,
                        model: None,
                        deployment: None,
                        stream: false,
                        status: StatusCode::OK.as_u16(),
                        outcome: Outcome::ClientGone,
                        error: None,
                        detail: None,
                        attempts: 0,
                        usage: Usage::default(),
                        cost: None,
                        ttft_us: None,
                        duration_us: 0,
                        bytes_in: 0,
                        bytes_out: 0,
                        dropped: Vec::new(),
                        trace_id: None,
                        snapshot,
                        request_body: None,
                        response_body: None,
                    },
                    attempts: Vec::new(),
                },
                start: arrived.tick,
                end: arrived.tick,
                attempt_spans: Vec::new(),
                stages: StageTimes::default(),
                parent: None,
                principal: None,
                receipt: Receipt::default(),
            },
            open: None,
            last: arrived.tick,
            hold: None,
            size: InputSize::default(),
            documents: 0,
            waiting: None,
        });
        Self { record: Some(record), tail: Arc::clone(tail) }
    }

    /// Ends when streams have to.
    pub(crate) fn cut(&self) -> WaitForCancellationFutureOwned {
        self.tail.cut().clone().cancelled_owned()
    }

    /// Ends after a moment.
    pub(crate) fn moment(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.tail.clock().sleep(span)
    }

    /// Works on the record; after it was given up this does nothing and returns the default.
    fn with<T: Default>(&mut self, work: impl FnOnce(&mut Record, &Tail) -> T) -> T {
        match &mut self.record {
            Some(record) => work(record, &self.tail),
            None => T::default(),
        }
    }

    pub(crate) fn id(&self) -> Id {
        self.record.as_ref().map_or_else(|| Id::new(IdKind::Request), |record| record.kept.entries.request.id)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.record.as_ref().map_or(Dialect::OpenaiChat, |record| record.kept.entries.request.dialect)
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    pub(crate) fn edit(&mut self, work: impl FnOnce(&mut Record)) {
        self.with(|record, _| work(record));
    }

    /// Notes that a stage is over.
    pub(crate) fn ended(&mut self, stage: Stage) {
        self.with(|record, tail| {
            record.last = tail.clock().tick();
            record.kept.stages.ended(stage, record.last);
        });
    }

    /// Notes that a stage was gone through with nothing to do, which takes no time worth a look at the clock.
    pub(crate) fn passed(&mut self, stage: Stage) {
        self.edit(|record| record.kept.stages.ended(stage, record.last));
    }

    pub(crate) fn known(&mut self, who: &Arc<Principal>) {
        self.edit(|record| {
            record.kept.entries.request.key = who.key;
            record.kept.entries.request.key_name = Some(Arc::clone(&who.name));
            record.kept.entries.request.org = Some(Arc::clone(&who.org));
            record.kept.entries.request.team.clone_from(&who.team);
            record.kept.entries.request.app.clone_from(&who.app);
            record.kept.principal = Some(Arc::clone(who));
        });
    }

    /// `known`: the model's name as the router has it, if it has one.
    pub(crate) fn asked(&mut self, model: &str, known: Option<&Arc<str>>) {
        let end = model.char_indices().nth(MODEL_CAP).map_or(model.len(), |(at, _)| at);
        let kept = known.filter(|known| ***known == model[..end]).map(Arc::clone);
        self.edit(|record| {
            record.kept.entries.request.model = Some(kept.unwrap_or_else(|| model[..end].into()));
        });
    }

    /// The answer that is made while nobody waits for it.
    pub(crate) fn waiting(&self) -> Option<StoredResponse> {
        self.record.as_ref()?.waiting.as_deref().cloned()
    }

    /// Begins an attempt; gives its id, from which the span id sent upstream is made.
    pub(crate) fn begin_attempt(&mut self, deployment: &Arc<Deployment>) -> Id {
        self.with(|record, tail| {
            // The first begins where the stages before it ended.
            let tick =
                if record.kept.entries.request.attempts == 0 { record.last } else { tail.clock().tick() };
            let at = record.kept.entries.request.at.plus(tick.since(record.kept.start));
            let id = Id::at(IdKind::Attempt, at);
            record.kept.entries.request.attempts += 1;
            let number = record.kept.entries.request.attempts;
            record.open = Some(OpenAttempt::new(id, (number, at, tick), deployment));
            Some(id)
        })
        .unwrap_or_else(|| Id::new(IdKind::Attempt))
    }

    /// The head of an upstream's answer is there; gives how long it took.
    pub(crate) fn first_byte(&mut self, status: StatusCode) -> Duration {
        self.with(|record, tail| {
            let now = tail.clock().tick();
            let Some(open) = &mut record.open else { return Duration::ZERO };
            open.status = Some(status.as_u16());
            open.first_byte = Some(now);
            now.since(open.tick)
        })
    }

    pub(crate) fn consumed(&mut self, consumed: Consumed) {
        self.edit(|record| {
            if let Some(open) = &mut record.open {
                open.consumed = consumed;
            }
        });
    }

    /// What the attempt under way consumed, if it has answered now, and who says so.
    pub(crate) fn usage(&self) -> (Usage, UsageSource) {
        let open = self.record.as_ref().and_then(|record| Some((record, record.open.as_ref()?)));
        let found = open.map(|(record, open)| record.usage_of(open, &Ending::ANSWERED));
        found.unwrap_or_default()
    }

    /// What is known of the attempt under way without asking its provider.
    pub(crate) fn sizes(&self) -> Sizes {
        let open = self.record.as_ref().and_then(|record| Some((record, record.open.as_ref()?)));
        open.map(|(record, open)| record.sizes(open)).unwrap_or_default()
    }

    /// Writes the ledger line of the attempt under way.
    pub(crate) fn end_attempt(&mut self, ending: &Ending) {
        self.with(|record, tail| record.end_attempt(ending, tail.clock().tick()));
    }

    /// The first content of the answer goes out now.
    pub(crate) fn first_content(&mut self) {
        self.with(|record, tail| {
            let after = tail.clock().tick().since(record.kept.start);
            record.kept.entries.request.ttft_us = u64::try_from(after.as_micros()).ok();
            tail.telemetry().first_content(after);
        });
    }

    pub(crate) fn answered(&mut self, status: StatusCode, body: &[u8]) {
        self.edit(|record| {
            record.end_attempt(&Ending::ANSWERED, record.last);
            record.kept.entries.request.outcome = Outcome::Answered;
            record.kept.entries.request.status = status.as_u16();
            record.kept.entries.request.bytes_out = body.len() as u64;
        });
    }

    /// The stages are over, the one under way as well.
    pub(crate) fn stages_over(&mut self) {
        self.with(|record, tail| record.kept.stages.cut(tail.clock().tick()));
    }

    pub(crate) fn failed(&mut self, fault: &Fault, status: StatusCode, bytes_out: u64) {
        self.stages_over();
        self.edit(|record| {
            record.kept.entries.request.outcome =
                if record.kept.entries.request.attempts == 0 { Outcome::Refused } else { Outcome::Failed };
            record.kept.entries.request.status = status.as_u16();
            record.kept.entries.request.bytes_out = bytes_out;
            record.note(fault);
        });
    }

    /// The request ends before its answer is complete; what was consumed counts.
    pub(crate) fn stopped(&mut self, outcome: Outcome, code: Code) {
        self.ends(outcome, Some(code));
    }

    /// The client had its answer stopped, which was made in the background; what was consumed counts.
    pub(crate) fn cancelled(&mut self) {
        self.ends(Outcome::Cancelled, None);
    }

    fn ends(&mut self, outcome: Outcome, code: Option<Code>) {
        self.stages_over();
        self.end_attempt(&Ending { outcome, error: code.map(Code::as_str), assume_consumed: true });
        self.edit(|record| {
            record.kept.entries.request.outcome = outcome;
            record.kept.entries.request.status = code.map_or(StatusCode::OK, Code::status).as_u16();
            record.kept.entries.request.error = code.map(|code| code.as_str().into());
        });
    }

    /// What would be kept of the request if nothing more were learned of it.
    pub(crate) fn if_lost(&self, deployment: &Arc<Deployment>) -> Option<Entries> {
        Some(self.record.as_ref()?.if_lost(deployment, self.tail.clock().tick()))
    }

    /// Somebody else settles the request.
    pub(crate) fn hand_over(mut self) {
        if let Some(record) = self.record.take() {
            self.tail.give_back(&record);
        }
    }

    /// Settles now, in place.
    pub(crate) fn settle(mut self) -> Settlement {
        match self.record.take() {
            Some(record) => self.tail.settle(record),
            None => Settlement::default(),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.tail.abandon(record);
        }
    }
}

impl Record {
    /// Keeps a fault for the log.
    pub(crate) fn note(&mut self, fault: &Fault) {
        self.kept.entries.request.error = Some(fault.code().as_str().into());
        self.kept.entries.request.detail = fault.detail().map(str::to_owned);
    }

    /// What the head of a stream can say.
    pub(crate) fn so_far(&self) -> Settlement {
        Settlement {
            cost: None,
            attempts: self.kept.entries.request.attempts,
            deployment: self.open.as_ref().map(|open| Arc::clone(&open.deployment.id)),
            limit: self.hold.as_ref().and_then(|hold| hold.state),
            dropped: head::dropped(&self.kept.receipt),
            stages: self.kept.stages,
            start: self.kept.start,
            of: Some((self.kept.entries.request.id, self.kept.entries.request.dialect)),
        }
    }

    /// Turns the attempt under way into a ledger line.
    pub(crate) fn end_attempt(&mut self, ending: &Ending, now: Tick) {
        let Some(open) = self.open.take() else { return };
        // Seldom is there a second one.
        self.kept.attempt_spans.reserve_exact(1);
        self.kept.entries.attempts.reserve_exact(1);
        self.kept.attempt_spans.push((open.tick, now));
        let line = self.line(open, ending, now);
        self.kept.entries.attempts.push(line);
    }

    /// The ledger line of an attempt: usage, then price, then cost.
    fn line(&self, open: OpenAttempt, ending: &Ending, now: Tick) -> AttemptEntry {
        let (usage, source) = self.usage_of(&open, ending);
        let price = open.deployment.price.as_deref();
        let tier = open.consumed.service_tier;
        // Numbers, sound, pictures and seconds were consumed, and nobody counted them.
        let uncounted = source == UsageSource::None && ending.assume_consumed;
        let Bill { cost, kind: cost_kind, version } = match source {
            UsageSource::None => Bill {
                cost: (!uncounted).then_some(contract::words::NanoUsd(0)),
                kind: if uncounted { CostKind::UnknownPrice } else { CostKind::Nothing },
                version: price.map(|price| Arc::clone(&price.version)),
            },
            _ => bill(price, (&usage, source), tier.as_deref()),
        };
        let usage = Usage { charged: None, cached_audio: 0, partial: false, ..usage };
        let micros = |tick: Tick| u64::try_from(tick.since(open.tick).as_micros()).unwrap_or(u64::MAX);
        AttemptEntry {
            id: open.id,
            at: open.at,
            number: open.number,
            deployment: Arc::clone(&open.deployment.id),
            provider: Arc::clone(&open.deployment.provider_name),
            provider_kind: Arc::clone(&open.deployment.provider_kind),
            upstream_model: Arc::clone(&open.deployment.upstream_model),
            outcome: ending.outcome,
            status: open.status,
            error: ending.error.map(Into::into),
            usage,
            usage_source: source,
            service_tier: tier,
            cost,
            cost_kind,
            price_version: version,
            first_byte_us: open.first_byte.map(micros),
            duration_us: micros(now),
        }
    }

    /// What would be kept of the request if nothing more were learned of it, with the attempt under way or, before any, one at
    /// this deployment.
    pub(crate) fn if_lost(&self, deployment: &Arc<Deployment>, now: Tick) -> Entries {
        let mut entries = self.kept.entries.clone();
        let at = entries.request.at.plus(now.since(self.kept.start));
        let next = self.kept.entries.request.attempts + 1;
        let planned = || OpenAttempt::new(Id::at(IdKind::Attempt, at), (next, at, now), deployment);
        let open = self.open.clone().unwrap_or_else(planned);
        entries.request.attempts = entries.request.attempts.max(open.number);
        let code = Code::Draining.as_str();
        let ending = Ending { outcome: Outcome::Interrupted, error: Some(code), assume_consumed: true };
        entries.attempts.push(self.line(open, &ending, now));
        entries.request.outcome = Outcome::Interrupted;
        entries.request.error = Some(code.into());
        entries.request.dropped.extend_from_slice(self.kept.receipt.entries());
        entries
    }

    fn usage_of(&self, open: &OpenAttempt, ending: &Ending) -> (Usage, UsageSource) {
        let operation = self.kept.entries.request.operation;
        let is_text = operation.is_text();
        let sizes = self.sizes(open);
        let found = match open.consumed.usage {
            Some(usage) => {
                let cut = ending.outcome != Outcome::Answered && open.consumed.underreported && is_text;
                let said = if cut { wire::tokens::likely(sizes.output) } else { 0 };
                match said.saturating_sub(usage.output_total()) {
                    0 if usage.partial && is_text && ending.assume_consumed => {
                        sizes.filled(usage, operation, open.consumed.underreported)
                    }
                    0 => (usage, UsageSource::Reported),
                    more => (Usage { output: usage.output + more, ..usage }, UsageSource::Estimated),
                }
            }
            None if ending.assume_consumed && is_text => (sizes.usage(), UsageSource::Estimated),
            None => (Usage::default(), UsageSource::None),
        };
        if operation != Operation::Rerank || !ending.assume_consumed {
            return found;
        }
        let searched = sizes.searched(&found.0, open.deployment.price.as_deref());
        searched.map_or(found, |usage| (usage, UsageSource::Estimated))
    }

    /// What is known of an attempt without asking its provider.
    fn sizes(&self, open: &OpenAttempt) -> Sizes {
        let beyond = open.beyond.as_deref().copied().unwrap_or_default();
        let input = InputSize {
            text: self.size.text + beyond.text,
            media: self.size.media + beyond.media,
            pictures: self.size.pictures + beyond.pictures,
        };
        Sizes { input, output: open.consumed.output, documents: self.documents }
    }
}

#[cfg(test)]
pub(crate) mod tests;
