//! A finished request for the tests of this crate.

use std::sync::Arc;

use contract::canon::Receipt;
use contract::ports::{AttemptEntry, CostKind, Entries, Outcome, RequestEntry, Settled, Stage, StageTimes};
use contract::words::{Dialect, Id, IdKind, NanoUsd, Operation, Tick, Timestamp, Usage, UsageSource};

/// Milliseconds after the request arrived, on both clocks.
const START: Tick = Tick(5_000_000_000);
pub(crate) const ARRIVED: Timestamp = Timestamp(1_735_689_600_000_000);

fn after(millis: u64) -> Tick {
    Tick(START.0 + millis * 1_000_000)
}

pub(crate) fn attempt(deployment: &str) -> AttemptEntry {
    let (provider, model) = deployment.split_once('/').unwrap();
    AttemptEntry {
        id: Id::new(IdKind::Attempt),
        at: ARRIVED,
        number: 1,
        deployment: deployment.into(),
        provider: provider.into(),
        provider_kind: provider.into(),
        upstream_model: model.into(),
        outcome: Outcome::Answered,
        status: Some(200),
        error: None,
        usage: Usage { input: 10, output: 20, ..Usage::default() },
        usage_source: UsageSource::Reported,
        service_tier: None,
        cost: Some(NanoUsd(1_000)),
        cost_kind: CostKind::Exact,
        price_version: None,
        first_byte_us: Some(1_500),
        duration_us: 2_000,
    }
}

/// A request that took 10 ms: authenticate until 1 ms, attempt until 9 ms, settle until 10 ms. Attempts share the middle.
pub(crate) fn settled(attempts: Vec<AttemptEntry>) -> Settled {
    let mut stages = StageTimes::default();
    stages.ended(Stage::Authenticate, after(1));
    stages.ended(Stage::Attempt, after(9));
    stages.ended(Stage::Settle, after(10));
    let last = attempts.last().map(|attempt| Arc::clone(&attempt.deployment));
    let attempt_spans = (0..attempts.len() as u64).map(|at| (after(1 + at), after(2 + at))).collect();
    let entries = Entries {
        request: RequestEntry {
            id: Id::new(IdKind::Request),
            at: ARRIVED,
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            key: None,
            key_name: Some("ci".into()),
            org: Some("default".into()),
            team: None,
            app: None,
            user: None,
            tags: Vec::new(),
            client: [127, 0, 0, 1].into(),
            model: Some("fast".into()),
            deployment: last,
            stream: false,
            status: 200,
            outcome: Outcome::Answered,
            error: None,
            detail: None,
            attempts: u32::try_from(attempts.len()).unwrap(),
            usage: Usage { input: 10, output: 20, ..Usage::default() },
            cost: Some(NanoUsd(1_000)),
            ttft_us: Some(3_000),
            duration_us: 10_000,
            bytes_in: 100,
            bytes_out: 200,
            dropped: Vec::new(),
            trace_id: None,
            snapshot: 1,
            request_body: None,
            response_body: None,
        },
        attempts,
    };
    Settled {
        entries,
        start: START,
        end: after(10),
        attempt_spans,
        stages,
        parent: None,
        principal: None,
        receipt: Receipt::default(),
    }
}
