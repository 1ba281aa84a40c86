//! Entries to store: made from a number, so that a test can tell them apart and ask for them again.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use contract::canon::Dropped;
use contract::ports::{AttemptEntry, CostKind, Entries, Outcome, RequestEntry};
use contract::words::{Dialect, Id, IdKind, NanoUsd, Operation, Timestamp, Usage, UsageSource};

/// 2025-01-01T00:00:00Z, one second later for each number.
pub(crate) fn at(number: u32) -> Timestamp {
    Timestamp(1_735_689_600_000_000 + i64::from(number) * 1_000_000)
}

/// Always the same id for a number; that of a request begins with the millisecond of its arrival.
pub(crate) fn id(kind: IdKind, number: u32) -> Id {
    let mut bytes = [7_u8; 16];
    if kind == IdKind::Request {
        bytes[..6].copy_from_slice(&(at(number).0 / 1_000).to_be_bytes()[2..]);
    }
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Id::from_parts(kind, bytes)
}

/// A request with every field filled and two attempts: one that failed and cost nothing, one that answered.
pub(crate) fn entries(number: u32) -> Entries {
    let usage = Usage {
        input: 120 + u64::from(number),
        cached: 30,
        cache_write: 5,
        cache_write_long: 1,
        audio_input: 2,
        output: 80,
        reasoning: 16,
        audio_output: 3,
        ..Usage::default()
    };
    let failed = AttemptEntry {
        id: id(IdKind::Attempt, 2 * number),
        at: at(number),
        number: 1,
        deployment: "house/qwen3".into(),
        provider: "house".into(),
        provider_kind: "openai-compatible".into(),
        upstream_model: "qwen3".into(),
        outcome: Outcome::Failed,
        status: Some(503),
        error: Some("upstream_overloaded".into()),
        usage: Usage::default(),
        usage_source: UsageSource::None,
        service_tier: None,
        cost: None,
        cost_kind: CostKind::Nothing,
        price_version: None,
        first_byte_us: None,
        duration_us: 900,
    };
    let answered = AttemptEntry {
        id: id(IdKind::Attempt, 2 * number + 1),
        number: 2,
        deployment: "openai/gpt-5-mini".into(),
        provider: "openai".into(),
        provider_kind: "openai".into(),
        upstream_model: "gpt-5-mini".into(),
        outcome: Outcome::Answered,
        status: Some(200),
        error: None,
        usage,
        usage_source: UsageSource::Reported,
        service_tier: Some("priority".into()),
        cost: Some(NanoUsd(190_000)),
        cost_kind: CostKind::Exact,
        price_version: Some("2026-11-20".into()),
        first_byte_us: Some(1_100),
        duration_us: 4_400,
        ..failed
    };
    Entries { request: request(number, usage), attempts: vec![failed, answered] }
}

fn request(number: u32, usage: Usage) -> RequestEntry {
    RequestEntry {
        id: id(IdKind::Request, number),
        at: at(number),
        dialect: Dialect::AnthropicMessages,
        operation: Operation::Chat,
        key: Some(id(IdKind::Key, number % 3)),
        key_name: Some(format!("key {}", number % 3).into()),
        org: Some("default".into()),
        team: Some("search".into()),
        app: Some("bot".into()),
        user: Some("ada \"the first\"\n".to_owned()),
        tags: vec![("env".to_owned(), "prod".to_owned())],
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        model: Some(if number.is_multiple_of(2) { "fast" } else { "slow" }.into()),
        deployment: Some("openai/gpt-5-mini".into()),
        stream: true,
        status: if number.is_multiple_of(5) { 429 } else { 200 },
        outcome: if number.is_multiple_of(5) { Outcome::Refused } else { Outcome::Answered },
        error: number.is_multiple_of(5).then(|| Arc::from("rate_limited")),
        detail: Some("nothing special".to_owned()),
        attempts: 2,
        usage,
        cost: Some(NanoUsd(190_000)),
        ttft_us: Some(1_234),
        duration_us: 5_300,
        bytes_in: 1_024,
        bytes_out: 2_048,
        dropped: vec![Dropped { field: "logit_bias".into(), reason: "no such setting".into() }],
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        snapshot: 7,
        request_body: Some("{\"héllo\": 1}".to_owned()),
        response_body: None,
    }
}
