//! Spans as a collector gets them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::Body;
use contract::ports::{
    BoxFuture, Outbound, Outcome, PoolState, ProviderReply, Settled, Stage, Upstream, UpstreamFailure,
};
use contract::settings::SecretText;
use contract::words::{NanoUsd, Usage};
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use testkit::clock::VirtualClock;
use testkit::soon;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::settled::{ARRIVED, attempt, settled};

/// A collector that answers with these statuses, then with 200.
#[derive(Default)]
struct Collector {
    statuses: Mutex<VecDeque<Result<u16, UpstreamFailure>>>,
    calls: Mutex<Vec<(Outbound, ExportTraceServiceRequest)>>,
}

impl Upstream for Collector {
    fn send(&self, mut request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        Box::pin(async move {
            let Body::Full(bytes) = std::mem::take(&mut request.body) else { panic!("a body at hand") };
            let batch = ExportTraceServiceRequest::decode(bytes).unwrap();
            self.calls.lock().unwrap().push((request, batch));
            let status = self.statuses.lock().unwrap().pop_front().unwrap_or(Ok(200))?;
            let status = StatusCode::from_u16(status).unwrap();
            Ok(ProviderReply { status, headers: HeaderMap::new(), body: Body::from("{}") })
        })
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

impl Collector {
    fn answering(statuses: impl IntoIterator<Item = Result<u16, UpstreamFailure>>) -> Self {
        Self { statuses: Mutex::new(statuses.into_iter().collect()), calls: Mutex::default() }
    }

    fn spans(&self) -> Vec<Span> {
        let calls = self.calls.lock().unwrap();
        let resources = calls.iter().flat_map(|(_, batch)| &batch.resource_spans);
        resources.flat_map(|spans| &spans.scope_spans).flat_map(|spans| spans.spans.clone()).collect()
    }
}

struct Set {
    collector: Arc<Collector>,
    clock: VirtualClock,
    losses: Arc<Losses>,
    outlet: Outlet,
    exporter: Exporter,
}

fn set(collector: Collector) -> Set {
    let (collector, clock) = (Arc::new(collector), VirtualClock::new());
    let losses = Arc::new(Losses::default());
    let mut config = OtlpConfig::to("http://collector:4318/");
    config.headers.insert("x-token".to_owned(), SecretText::new("secret"));
    let (upstream, time) = (Arc::clone(&collector) as Arc<dyn Upstream>, Arc::new(clock.clone()));
    let (outlet, exporter) = Exporter::new(&config, upstream, time, Arc::clone(&losses), "1.2.3").unwrap();
    Set { collector, clock, losses, outlet, exporter }
}

impl Set {
    /// Exports what was offered and ends.
    async fn finish(self) -> Arc<Collector> {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        soon("the last export", self.exporter.run(shutdown)).await;
        self.collector
    }
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let value = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    };
    span.attributes
        .iter()
        .map(|pair| (&*pair.key, value(pair.value.as_ref().unwrap().value.as_ref().unwrap())))
        .collect()
}

fn two_attempts() -> Settled {
    let mut first = attempt("house/qwen3");
    first.outcome = Outcome::Failed;
    first.status = None;
    first.error = Some("upstream_timeout".into());
    first.usage_source = contract::words::UsageSource::None;
    let mut second = attempt("google/gemini-2.5-flash");
    second.provider_kind = "gemini".into();
    second.usage = Usage { input: 10, cached: 5, output: 7, reasoning: 3, ..Usage::default() };
    second.cost = Some(NanoUsd(125_000));
    settled(vec![first, second])
}

#[tokio::test]
async fn a_request_becomes_a_trace() {
    let set = set(Collector::default());
    let mut request = two_attempts();
    request.parent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    set.outlet.offer(&request);
    let collector = set.finish().await;
    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        [
            "POST /v1/chat/completions",
            "authenticate",
            "attempt",
            "settle",
            "chat qwen3",
            "chat gemini-2.5-flash"
        ]
    );
    assert!(spans.iter().all(|span| span.trace_id[..2] == [0x0a, 0xf7]));
    let [root, authenticate, attempt, _, first, second] = &spans[..] else { panic!("{names:?}") };
    assert_eq!(root.parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert_eq!((root.kind(), authenticate.kind()), (SpanKind::Server, SpanKind::Internal));
    assert_eq!(authenticate.parent_span_id, root.span_id);
    assert_eq!(attempt.parent_span_id, root.span_id);
    for (span, entry) in [first, second].into_iter().zip(&request.entries.attempts) {
        assert_eq!(span.parent_span_id, attempt.span_id);
        assert_eq!(span.span_id, entry.id.bytes()[8..], "what the engine sends upstream as the parent");
        assert_eq!(span.kind(), SpanKind::Client);
    }
    let start = u64::try_from(ARRIVED.0).unwrap() * 1000;
    assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (start, start + 10_000_000));
    assert_eq!(attempt.start_time_unix_nano, authenticate.end_time_unix_nano);
    assert_eq!(second.end_time_unix_nano - second.start_time_unix_nano, 1_000_000);
}

#[tokio::test]
async fn attributes_follow_the_conventions() {
    let set = set(Collector::default());
    let request = two_attempts();
    set.outlet.offer(&request);
    let spans = set.finish().await.spans();
    let [root, .., first, second] = &spans[..] else { panic!("too few spans") };
    let root = attributes(root);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "200"),
        ("client.address", "127.0.0.1"),
        ("pathgate.request.id", &request.entries.request.id.to_string()),
        ("pathgate.model", "fast"),
    ] {
        assert_eq!(root.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(first.status.as_ref().unwrap().code(), SpanStatus::Error);
    let failed = attributes(first);
    assert_eq!(failed["error.type"], "upstream_timeout");
    assert!(!failed.contains_key("gen_ai.usage.input_tokens"));
    assert!(second.status.is_none());
    let answered = attributes(second);
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "gcp.gemini"),
        ("gen_ai.request.model", "gemini-2.5-flash"),
        ("gen_ai.usage.input_tokens", "15"),
        ("gen_ai.usage.cache_read.input_tokens", "5"),
        ("gen_ai.usage.output_tokens", "7"),
        ("gen_ai.usage.reasoning.output_tokens", "3"),
        ("http.response.status_code", "200"),
        ("pathgate.cost.usd", "0.000125"),
        ("pathgate.attempt.number", "1"),
    ] {
        assert_eq!(answered.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[tokio::test]
async fn attempts_hang_below_the_request_when_their_stage_did_not_end() {
    let set = set(Collector::default());
    let mut request = settled(vec![attempt("a/b")]);
    request.stages = contract::ports::StageTimes::default();
    request.stages.ended(Stage::Authenticate, request.start);
    set.outlet.offer(&request);
    let spans = set.finish().await.spans();
    assert_eq!(spans.last().unwrap().parent_span_id, spans[0].span_id);
}

#[tokio::test]
async fn batches_go_out_by_time_to_the_collector() {
    let set = set(Collector::default());
    set.outlet.offer(&settled(Vec::new()));
    set.outlet.offer(&settled(Vec::new()));
    let shutdown = CancellationToken::new();
    let run = set.exporter.run(shutdown.clone());
    let turn = async {
        set.clock.sleepers(1).await;
        assert!(set.collector.calls.lock().unwrap().is_empty());
        set.clock.advance(Duration::from_secs(5));
        while set.collector.calls.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    soon("the export", async { tokio::join!(run, turn) }).await;
    let calls = set.collector.calls.lock().unwrap();
    let [(call, batch)] = &calls[..] else { panic!("{} calls", calls.len()) };
    assert_eq!(call.uri, "http://collector:4318/v1/traces");
    assert_eq!(call.headers["content-type"], "application/x-protobuf");
    assert_eq!(call.headers["x-token"], "secret");
    assert!(call.headers["x-token"].is_sensitive() && !call.untrusted && call.provider.is_none());
    let resource = batch.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
}

#[tokio::test]
async fn passing_failures_are_tried_once_more_and_losses_counted() {
    for (statuses, calls, lost) in [
        (vec![Ok(503)], 2, 0),
        (vec![Err(UpstreamFailure::Connect("refused".into()))], 2, 0),
        (vec![Ok(503), Ok(503)], 2, 1),
        (vec![Ok(400)], 1, 1),
    ] {
        let set = set(Collector::answering(statuses));
        set.outlet.offer(&settled(Vec::new()));
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let mut run = std::pin::pin!(set.exporter.run(shutdown));
        soon("the export", async {
            loop {
                tokio::select! {
                    biased;
                    () = run.as_mut() => return,
                    () = tokio::task::yield_now() => set.clock.advance(Duration::from_secs(1)),
                }
            }
        })
        .await;
        assert_eq!(set.collector.calls.lock().unwrap().len(), calls);
        assert_eq!(set.losses.lost_traces(), lost);
    }
}

#[tokio::test]
async fn traces_that_find_the_queue_full_are_dropped_and_counted() {
    let set = set(Collector::default());
    for _ in 0..QUEUE + 3 {
        set.outlet.offer(&settled(Vec::new()));
    }
    assert_eq!(set.losses.lost_traces(), 3);
    let collector = set.finish().await;
    assert_eq!(collector.calls.lock().unwrap().len(), QUEUE.div_ceil(512), "in calls of a bounded size");
}

#[test]
fn endpoints_are_checked() {
    for (endpoint, expected) in [
        ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
        ("https://otel.example/base/", Some("https://otel.example/base/v1/traces")),
        ("otel.example:4318", None),
        ("grpc://otel.example", None),
        ("", None),
    ] {
        assert_eq!(traces_url(endpoint).map(|url| url.to_string()).as_deref(), expected, "{endpoint}");
    }
}
