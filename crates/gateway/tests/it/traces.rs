//! Traces: what a collector gets of a request, and how the client's trace goes on at the provider.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Exchange, Reply, Upstream};

use crate::setup::{Bench, Setup, request_id};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

const STAGES: [&str; 8] =
    ["authenticate", "admit", "assemble", "inspect_input", "lookup", "attempt", "inspect_output", "settle"];

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "what a user wrote" }] })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Attributes as text.
fn attributes(pairs: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::BoolValue(flag)) => flag.to_string(),
        other => panic!("an unexpected value of {}: {other:?}", pair.key),
    };
    pairs.iter().map(|pair| (pair.key.as_str(), text(pair))).collect()
}

fn export(exchange: &Exchange) -> ExportTraceServiceRequest {
    assert_eq!(
        (exchange.path.as_str(), exchange.header("content-type")),
        ("/v1/traces", "application/x-protobuf")
    );
    ExportTraceServiceRequest::decode(exchange.body.clone()).expect("an export of traces")
}

fn spans(exports: &[Exchange]) -> Vec<Span> {
    let resources = exports.iter().flat_map(|exchange| export(exchange).resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

/// A collector that takes everything.
async fn collector() -> Upstream {
    let collector = Upstream::start().await;
    collector.always(Reply::text(200, "application/x-protobuf", ""));
    collector
}

/// A gateway with these sections whose house provider is too busy and whose other one answers.
async fn traced(sections: &str) -> Bench {
    let fallback = "models:\n  fast: { route: { targets: [{ to: house/some }], fallback: [openai/some], \
                    retry: { per_deployment: 1 } } }";
    let bench = Setup::new()
        .section(sections)
        .section(fallback)
        .accounts("prices: { some: { input: \"1\", output: \"2\" } }")
        .start()
        .await;
    bench.upstream.always_with(|exchange| match exchange.path.starts_with("/house") {
        true => Reply::text(503, "text/plain", "too busy"),
        false => {
            Reply::json(200, &openai::text("Hello", Tokens { input: 10, cached: 4, output: 6, reasoning: 2 }))
        }
    });
    bench
}

async fn stop(bench: &mut Bench) {
    bench.gateway.terminate();
    assert_eq!(bench.gateway.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_becomes_spans_below_the_clients_and_above_the_providers() {
    let collector = collector().await;
    let sections = format!(
        "telemetry: {{ otlp: {{ endpoint: \"{}\", headers: {{ x-collector-key: the-collectors-key }} }} }}",
        collector.url()
    );
    let mut bench = traced(&sections).await;
    let client = bench.openai().with("traceparent", &format!("00-{TRACE}-{PARENT}-01"));
    let answer = client.post("/v1/chat/completions", &ask("fast")).await;
    assert_eq!(answer.status, 200);
    let id = request_id(&answer);
    assert_eq!(bench.kept(&answer).await.request["trace_id"], TRACE);
    stop(&mut bench).await;

    let exports = collector.seen();
    assert_eq!(exports.len(), 1, "what is queued at the end is sent at the end");
    assert_eq!(exports[0].header("x-collector-key"), "the-collectors-key");
    let resource = export(&exports[0]).resource_spans[0].resource.clone().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "pathgate");
    assert!(!String::from_utf8_lossy(&exports[0].body).contains("what a user wrote"));
    let spans = spans(&exports);
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    assert!(spans.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();

    let [root] = named("POST /v1/chat/completions")[..] else { panic!("{spans:?}") };
    assert_eq!((hex(&root.parent_span_id).as_str(), root.kind), (PARENT, SpanKind::Server as i32));
    let facts = attributes(&root.attributes);
    assert_eq!((&*facts["pathgate.request.id"], &*facts["http.response.status_code"]), (&*id, "200"));
    assert_eq!((&*facts["pathgate.model"], &*facts["pathgate.key"]), ("fast", "tests"));
    for stage in STAGES {
        let [span] = named(stage)[..] else { panic!("no stage {stage}") };
        assert_eq!(span.parent_span_id, root.span_id, "{stage}");
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{stage}");
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano, "{stage}");
    }

    let calls = named("chat some");
    assert_eq!(calls.len(), 2);
    let seen = bench.upstream.seen();
    for (at, call) in calls.iter().enumerate() {
        assert_eq!(
            (&call.parent_span_id, call.kind),
            (&named("attempt")[0].span_id, SpanKind::Client as i32)
        );
        assert_eq!(seen[at].header("traceparent"), format!("00-{TRACE}-{}-01", hex(&call.span_id)));
    }
    let failed = attributes(&calls[0].attributes);
    assert_eq!(
        (&*failed["error.type"], &*failed["http.response.status_code"]),
        ("upstream_overloaded", "503")
    );
    assert_eq!(calls[0].status.as_ref().map(|status| status.code), Some(2));
    let answered = attributes(&calls[1].attributes);
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "some"),
        ("gen_ai.usage.input_tokens", "10"),
        ("gen_ai.usage.output_tokens", "6"),
        ("gen_ai.usage.cache_read.input_tokens", "4"),
        ("gen_ai.usage.reasoning.output_tokens", "2"),
        ("pathgate.deployment", "openai/some"),
        ("pathgate.cost.kind", "exact"),
    ] {
        assert_eq!(answered.get(name).map(String::as_str), Some(value), "{name} in {answered:?}");
    }
}

#[tokio::test]
async fn the_environment_names_a_collector_and_a_client_may_decline() {
    let collector = collector().await;
    collector.then(Reply::text(503, "text/plain", "not now"));
    let upstream = Upstream::start().await;
    upstream.always(Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))));
    let launch = Setup::new().launch(&upstream).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    let bench = Bench { gateway: launch.start().await, upstream };
    let answer = bench.openai().post("/v1/chat/completions", &ask("house/some")).await;
    let own = request_id(&answer)[4..].to_owned();
    let declined = format!("00-{TRACE}-{PARENT}-00");
    bench.openai().with("traceparent", &declined).post("/v1/chat/completions", &ask("house/some")).await;
    for broken in ["", "rubbish", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        bench.openai().with("traceparent", broken).post("/v1/chat/completions", &ask("house/some")).await;
    }

    // The first try is refused, the second brings the same.
    let second = collector.request(1).await;
    let first = collector.request(0).await;
    assert_eq!(first.body, second.body);
    let spans = spans(&[second]);
    let traces: Vec<_> =
        spans.iter().filter(|span| span.name.starts_with("POST")).map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces.len(), 4, "all but the declined one: {traces:?}");
    assert_eq!(traces[0], own, "a trace that begins here has the name of its request");
    assert!(!traces.contains(&TRACE.to_owned()));
    let seen = bench.upstream.seen();
    assert!(
        seen[0].header("traceparent").starts_with(&format!("00-{own}-")),
        "{}",
        seen[0].header("traceparent")
    );
    let onward = seen[1].header("traceparent");
    assert!(
        onward.starts_with(&format!("00-{TRACE}-")) && onward.ends_with("-00") && onward != declined,
        "{onward}"
    );
    assert!(seen[2..].iter().all(|one| one.header("traceparent").ends_with("-01")));
}

#[tokio::test]
async fn without_a_collector_the_clients_trace_goes_on_and_none_is_made_up() {
    let bench = traced("").await;
    bench
        .openai()
        .with("traceparent", &format!("00-{TRACE}-{PARENT}-01"))
        .post("/v1/chat/completions", &ask("openai/some"))
        .await;
    bench.openai().post("/v1/chat/completions", &ask("openai/some")).await;
    let seen = bench.upstream.seen();
    assert!(seen[0].header("traceparent").starts_with(&format!("00-{TRACE}-")));
    assert_eq!(seen[1].header("traceparent"), "");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_traces_and_nothing_else() {
    let gone = Upstream::nobody().await;
    let mut bench = traced(&format!("telemetry: {{ otlp: {{ endpoint: \"http://{gone}\" }} }}")).await;
    for _ in 0..3 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("openai/some")).await.status, 200);
    }
    assert_eq!(bench.list("requests", 3).await.len(), 3);
    stop(&mut bench).await;
    assert!(bench.gateway.stderr().contains("traces could not be exported"), "{}", bench.gateway.stderr());
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_a_fault_of_the_configuration() {
    let launch = testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).arg("--listen={listen}");
    let (status, output) = launch.env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318").run_to_end().await;
    assert_eq!(status.code(), Some(2), "{output}");
    assert!(output.contains("collector:4318"), "{output}");
}
