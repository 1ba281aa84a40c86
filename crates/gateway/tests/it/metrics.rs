//! `/metrics`: it can be read by the letter of the format, and its figures are what happened.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::Reply;

use crate::openmetrics::Exposition;
use crate::setup::{Bench, Setup, until};

/// After three requests that took two attempts each, one to the built-in model as a stream, one for a model that does not
/// exist, and one to nowhere.
const AFTER: &str = r#"
    pathgate_requests_total{dialect="openai.chat",model="openai/some",status="200",outcome="answered"} 3
    pathgate_requests_total{dialect="openai.chat",model="demo/echo",status="200",outcome="answered"} 1
    pathgate_requests_total{dialect="anthropic.messages",model="none",status="404",outcome="refused"} 1
    pathgate_attempts_total{provider="house",deployment="house/some",outcome="failed",code="upstream_overloaded"} 3
    pathgate_attempts_total{provider="openai",deployment="openai/some",outcome="answered",code=""} 3
    pathgate_tokens_total{deployment="openai/some",kind="input"} 180
    pathgate_tokens_total{deployment="openai/some",kind="cached"} 120
    pathgate_tokens_total{deployment="openai/some",kind="output"} 60
    pathgate_tokens_total{deployment="openai/some",kind="reasoning"} 15
    pathgate_cost_usd_total{deployment="openai/some"} 0.00036
    pathgate_request_duration_seconds_count 5
    pathgate_stage_duration_seconds_count{stage="attempt"} 4
    pathgate_stage_duration_seconds_count{stage="settle"} 5
    pathgate_time_to_first_content_seconds_count 1
    pathgate_upstream_first_byte_seconds_count{deployment="openai/some"} 3
    pathgate_edge_refused_total{code="not_found"} 1
    pathgate_requests_in_flight 0
    pathgate_spool_recorded_total 5
    pathgate_records_failed_total 0
    pathgate_log_lines_lost_total 0
    pathgate_traces_lost_total 0
    pathgate_config_snapshot 1
"#;

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] })
}

async fn scrape(bench: &Bench) -> Exposition {
    let answer = bench.gateway.client().get("/metrics").await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), kind);
    Exposition::read(&answer.text().await)
}

/// A gateway whose house provider is too busy; the other one charges.
async fn bench() -> Bench {
    let setup = Setup::new()
        .section(
            "models:\n  shaky: { route: { targets: [{ to: house/some }], fallback: [openai/some], \
             retry: { per_deployment: 1 } } }",
        )
        .accounts("prices: { some: { input: \"1\", cached: \"0.5\", output: \"2\" } }");
    let bench = setup.start().await;
    let tokens = Tokens { input: 100, cached: 40, output: 20, reasoning: 5 };
    bench.upstream.always_with(move |exchange| match exchange.path.starts_with("/house") {
        true => Reply::text(503, "text/plain", "too busy"),
        false => Reply::json(200, &openai::text("Hello", tokens)),
    });
    bench
}

#[tokio::test]
async fn figures_move_as_requests_do() {
    let bench = bench().await;
    let before = scrape(&bench).await;
    assert_eq!(before.sum("pathgate_requests_total"), 0.0);
    let build = format!("pathgate_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    before.assert_shows(&build);
    assert!(before.value("process_resident_memory_bytes") > 1e6);
    assert!(before.value("process_start_time_seconds") > 1.7e9);

    for _ in 0..3 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("shaky")).await.status, 200);
    }
    let mut streamed = ask("demo/echo");
    streamed["stream"] = true.into();
    bench.openai().post("/v1/chat/completions", &streamed).await.text().await;
    assert_eq!(bench.anthropic().post("/v1/messages", &ask("no/such")).await.status, 404);
    assert_eq!(bench.openai().get("/v1/nothing").await.status, 404);

    let after = scrape(&bench).await;
    after.assert_shows(AFTER);
    assert!(after.value("pathgate_connections_open") >= 1.0, "the one that asks");
    assert!(after.sum("pathgate_upstream_connections_opened_total") >= 2.0, "one to each provider");
    until("the spool to drain", async || {
        (scrape(&bench).await.value("pathgate_spool_drained_total") == 5.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_family_is_in_the_reference() {
    let bench = bench().await;
    assert_eq!(bench.openai().post("/v1/chat/completions", &ask("shaky")).await.status, 200);
    let reference = String::from_utf8(bench.gateway.run(&["schema", "metrics"]).await.stdout).unwrap();
    for name in scrape(&bench).await.names() {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.unwrap_or(name);
        assert!(reference.contains(&format!("`{family}`")), "{family} is not documented");
    }
}
