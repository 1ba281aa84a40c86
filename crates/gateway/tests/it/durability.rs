//! What survives: every finished request has its log line and its ledger lines once, whatever happens to the process, the
//! database or the clients. Shutdown finishes what has begun.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::gateway::Launch;
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Gate, Reply, Upstream};
use tokio::task::JoinSet;

use crate::setup::{Bench, Setup, request_id, until};

/// An alias whose first provider is always too busy, so that its requests take two attempts.
const SHAKY: &str = "models:\n  shaky: { route: { targets: [{ to: house/some }], fallback: [openai/some], \
     retry: { per_deployment: 1 } } }";

/// Clients at once.
const CLIENTS: usize = 16;

fn ask(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "one two three" }] })
}

async fn shaky_bench(setup: Setup) -> Bench {
    let bench = setup.section(SHAKY).start().await;
    bench.upstream.always_with(|exchange| match exchange.path.starts_with("/house") {
        true => Reply::text(503, "text/plain", "too busy"),
        false => Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))),
    });
    bench
}

async fn restart(bench: Bench) -> Bench {
    let Bench { gateway, upstream } = bench;
    Bench { gateway: gateway.restart().await, upstream }
}

/// A figure of `/metrics` that has no labels.
async fn figure(bench: &Bench, name: &str) -> f64 {
    let text = bench.gateway.client().get("/metrics").await.text().await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

async fn drained(bench: &Bench) {
    until("an empty spool", async || {
        (figure(bench, "pathgate_spool_waiting_bytes").await == 0.0).then_some(())
    })
    .await;
}

/// One call of a client that may lose its gateway: the id once the answer is complete, and the number of attempts.
async fn call(client: &Client, number: usize) -> Option<(String, u64)> {
    let (model, stream, attempts) = match number % 3 {
        0 => ("demo/echo", true, 1),
        1 => ("demo/echo", false, 1),
        _ => ("shaky", false, 2),
    };
    let body = ask(model, stream).to_string().into();
    let answer = client.try_send(Method::POST, "/v1/chat/completions", body).await.ok()?;
    assert_eq!(answer.status, 200);
    let id = request_id(&answer);
    if stream {
        let events = answer.try_events().await.ok()?;
        assert_eq!(events.last().map(String::as_str), Some("data: [DONE]"));
    } else {
        answer.try_bytes().await.ok()?;
    }
    Some((id, attempts))
}

/// Lets clients call until this many answers are complete, then kills the gateway under them.
async fn kill_under_load(bench: &mut Bench, count: usize) -> Vec<(String, u64)> {
    let complete = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (client, complete) = (bench.openai(), Arc::clone(&complete));
        clients.spawn(async move {
            let mut mine = Vec::new();
            for number in number.. {
                let Some(got) = call(&client, number).await else { break };
                mine.push(got);
                complete.fetch_add(1, Ordering::Relaxed);
            }
            mine
        });
    }
    until("answers under load", async || (complete.load(Ordering::Relaxed) >= count).then_some(())).await;
    bench.gateway.kill().await;
    clients.join_all().await.into_iter().flatten().collect()
}

/// How often each request is in the log, and the numbers of its attempts in the ledger.
async fn kept(bench: &Bench) -> (HashMap<String, u64>, HashMap<String, Vec<u64>>) {
    let mut lines = HashMap::new();
    for request in bench.list("requests", 0).await {
        let attempts = request["attempts"].as_u64().unwrap();
        let twice = lines.insert(request["id"].as_str().unwrap().to_owned(), attempts);
        assert!(twice.is_none(), "two lines for {request}");
    }
    let mut ledger: HashMap<String, Vec<u64>> = HashMap::new();
    for attempt in bench.list("ledger", 0).await {
        let numbers = ledger.entry(attempt["request"].as_str().unwrap().to_owned()).or_default();
        numbers.push(attempt["number"].as_u64().unwrap());
    }
    ledger.values_mut().for_each(|numbers| numbers.sort_unstable());
    (lines, ledger)
}

#[tokio::test]
async fn a_kill_under_load_loses_and_repeats_nothing_that_was_answered() {
    let mut bench = shaky_bench(Setup::new()).await;
    let mut complete = HashMap::new();
    for count in [40, 150, 1, 90, 260] {
        complete.extend(kill_under_load(&mut bench, count).await);
        bench = restart(bench).await;
    }
    // Once more while it is catching up: what was sent but not yet noted as sent is sent again, and kept once.
    bench.gateway.kill().await;
    bench = restart(bench).await;
    drained(&bench).await;

    let (lines, ledger) = kept(&bench).await;
    assert!(complete.len() >= 541);
    for (id, attempts) in &complete {
        assert_eq!(lines.get(id), Some(attempts), "{id} was answered in full");
    }
    for (id, attempts) in &lines {
        let numbers = ledger.get(id).cloned().unwrap_or_default();
        assert_eq!(numbers, (1..=*attempts).collect::<Vec<_>>(), "{id}");
    }
    assert!(ledger.keys().all(|id| lines.contains_key(id)), "no attempt without its request");
    let ids: HashSet<_> = bench.list("ledger", 0).await.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids.len(), ledger.values().map(Vec::len).sum::<usize>());
}

/// Keeps everybody else from writing to the database of a gateway.
fn lock(bench: &Bench) -> Connection {
    let connection = Connection::open(bench.gateway.dir().join("pathgate.db")).unwrap();
    connection.busy_timeout(testkit::PATIENCE).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[tokio::test]
async fn answers_go_on_while_the_database_takes_nothing_and_the_entries_follow() {
    let bench = shaky_bench(Setup::new()).await;
    let locked = lock(&bench);
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(call(&bench.openai(), number).await.unwrap().0);
    }
    assert_eq!(figure(&bench, "pathgate_spool_waiting_records").await, 30.0);
    assert!(figure(&bench, "pathgate_spool_waiting_bytes").await > 1000.0);
    assert_eq!(bench.gateway.client().get("/readyz").await.status, 200, "our own state is well");
    assert!(bench.list("requests", 0).await.is_empty(), "reading goes on");
    let failed = until("a failed batch", async || {
        (figure(&bench, "pathgate_spool_failures_total").await > 0.0).then_some(())
    });
    let (admin, new) = (bench.admin(), json!({ "name": "new" }));
    let (refused, ()) = tokio::join!(admin.post("/admin/v1/keys", &new), failed);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json().await["error"]["code"], "storage_unavailable");

    drop(locked);
    let kept = bench.list("requests", 30).await;
    assert_eq!(kept.len(), 30);
    assert!(kept.iter().all(|request| ids.iter().any(|id| request["id"].as_str() == Some(id))));
    assert_eq!(bench.list("ledger", 40).await.len(), 40);
    drained(&bench).await;
    assert_eq!(figure(&bench, "pathgate_records_failed_total").await, 0.0);
    assert_eq!(admin.post("/admin/v1/keys", &new).await.status, 201);
}

#[tokio::test]
async fn a_kill_while_the_database_is_away_loses_nothing_either() {
    let mut bench = shaky_bench(Setup::new()).await;
    let locked = lock(&bench);
    for number in 0..20 {
        call(&bench.openai(), number).await.unwrap();
    }
    bench.gateway.kill().await;
    let bench = restart(bench).await;
    for number in 0..10 {
        call(&bench.openai(), number).await.unwrap();
    }
    assert!(bench.list("requests", 0).await.is_empty());
    drop(locked);
    assert_eq!(bench.list("requests", 30).await.len(), 30);
    assert_eq!(bench.list("ledger", 39).await.len(), 39);
}

#[tokio::test]
async fn a_full_spool_stops_no_answer_and_what_is_lost_is_counted() {
    let bodies = "telemetry: { bodies: { log: true, max: 100KiB } }";
    let upstream = Upstream::start().await;
    let yaml = Setup::new().section(bodies).yaml(&upstream.url()).replace(
        "storage: { database: \"sqlite://{dir}/pathgate.db\" }",
        "storage: { database: \"sqlite://{dir}/pathgate.db\", spool: { max_size: 1MiB } }",
    );
    let gateway = Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml).start().await;
    let mut bench = Bench { gateway, upstream };
    let locked = lock(&bench);
    let mut large = ask("demo/echo", false);
    large["messages"][0]["content"] = "x".repeat(90 << 10).into();
    for _ in 0..12 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &large).await.status, 200);
    }
    let (kept, lost) = (
        figure(&bench, "pathgate_spool_recorded_total").await,
        figure(&bench, "pathgate_records_failed_total").await,
    );
    assert!(kept >= 4.0 && lost >= 1.0 && kept + lost == 12.0, "{kept} kept, {lost} lost");
    bench.gateway.says("could not be kept").await;
    drop(locked);
    drained(&bench).await;
    assert_eq!(bench.list("requests", 0).await.len() as f64, kept);
    assert_eq!(bench.openai().post("/v1/chat/completions", &large).await.status, 200);
    assert_eq!(figure(&bench, "pathgate_records_failed_total").await, lost, "there is room again");
}

#[tokio::test]
async fn a_second_process_on_the_same_spool_refuses_to_start() {
    let bench = Bench::start().await;
    let dir = bench.gateway.dir().display().to_string();
    let yaml = Setup::new().yaml(&bench.upstream.url()).replace("{dir}", &dir);
    let (status, output) = Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml).run_to_end().await;
    assert_eq!(status.code(), Some(4), "{output}");
    assert!(
        output.contains("another process uses the spool") && output.contains("storage.spool.dir"),
        "{output}"
    );
    assert_eq!(bench.openai().post("/v1/chat/completions", &ask("demo/echo", false)).await.status, 200);
}

/// Frames that each wait for the test.
fn paced(gate: &Gate) -> Reply {
    Reply::sse(openai::text_stream(&["one", "two"], Some(Tokens::new(3, 2)))).gated(gate)
}

#[tokio::test]
async fn sigterm_finishes_what_has_begun_and_refuses_what_is_new() {
    let mut bench = Bench::start().await;
    let gate = Gate::new();
    bench.upstream.always(paced(&gate));
    for _ in 0..20 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("demo/echo", false)).await.status, 200);
    }
    gate.release();
    let mut stream = bench.openai().post("/v1/chat/completions", &ask("house/some", true)).await;
    gate.release();
    assert!(stream.event().await.is_some() && stream.event().await.is_some());
    let id = request_id(&stream);

    bench.gateway.terminate();
    until("draining", async || (bench.gateway.client().get("/readyz").await.status == 503).then_some(()))
        .await;
    assert_eq!(bench.gateway.client().get("/healthz").await.status, 200);
    let refused = bench.openai().post("/v1/chat/completions", &ask("demo/echo", false)).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-pathgate-error")), (503, "draining"));
    assert_eq!((refused.header("connection"), refused.header("retry-after")), ("close", "1"));
    let refused = bench.anthropic().post("/v1/messages", &ask("demo/echo", false)).await;
    assert_eq!((refused.status.as_u16(), refused.json().await["type"].as_str()), (503, Some("error")));

    gate.open();
    let rest = stream.try_events().await.expect("the stream ends in order");
    assert_eq!(rest.last().map(String::as_str), Some("data: [DONE]"));
    assert_eq!(bench.gateway.exited().await.code(), Some(0));

    let database = Connection::open(bench.gateway.dir().join("pathgate.db")).unwrap();
    let count =
        |table: &str| database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    assert_eq!((count("request_log"), count("ledger")), (Ok(21), Ok(21)), "in the database before the end");
    let kept = restart(bench).await.kept_of(&id).await;
    assert_eq!((&kept.request["outcome"], &kept.request["usage"]["output"]), (&json!("answered"), &json!(2)));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_billed() {
    let mut bench = Setup::new().server("drain: 200ms").start().await;
    let gate = Gate::new();
    bench.upstream.always(paced(&gate));
    gate.release();
    let mut stream = bench.openai().post("/v1/chat/completions", &ask("house/some", true)).await;
    gate.release();
    assert!(stream.event().await.is_some() && stream.event().await.is_some());
    let id = request_id(&stream);
    let seen = bench.upstream.request(0).await;

    bench.gateway.terminate();
    let rest = stream.try_events().await.unwrap();
    assert!(
        rest.last().unwrap().contains("\"code\":\"draining\""),
        "ended, but not as if it were whole: {rest:?}"
    );
    seen.gone().await;
    assert_eq!(bench.gateway.exited().await.code(), Some(0));
    let kept = restart(bench).await.kept_of(&id).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.request["error"]),
        (&json!("interrupted"), &json!("draining"))
    );
    let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
    assert!(
        attempt["usage"]["output"].as_u64() > Some(0) && attempt["usage_source"] == "estimated",
        "{attempt}"
    );
}

#[tokio::test]
async fn a_stop_with_nothing_under_way_is_quick_although_connections_are_open() {
    let mut bench = shaky_bench(Setup::new()).await;
    call(&bench.openai(), 2).await.unwrap();
    let idle = testkit::client::Raw::connect(bench.gateway.address()).await;
    let started = tokio::time::Instant::now();
    bench.gateway.terminate();
    assert_eq!(bench.gateway.exited().await.code(), Some(0));
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
    drop(idle);
}

#[tokio::test]
async fn memory_needs_no_file_at_all() {
    let upstream = Upstream::start().await;
    let yaml = Setup::new()
        .yaml(&upstream.url())
        .replace("storage: { database: \"sqlite://{dir}/pathgate.db\" }", "storage: { database: memory }");
    let gateway = Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml).start().await;
    let bench = Bench { gateway, upstream };
    let answer = bench
        .openai()
        .send(Method::POST, "/v1/chat/completions", Bytes::from(ask("demo/echo", true).to_string()))
        .await;
    let id = request_id(&answer);
    answer.text().await;
    assert_eq!(bench.kept_of(&id).await.attempts.len(), 1);
    let names = std::fs::read_dir(bench.gateway.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["pathgate.yaml", "stderr", "stdout"]);
}
