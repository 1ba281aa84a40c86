//! Responses that are made in the background while processes come and go: each is settled once, by whoever sees it through.

use std::sync::Mutex;

use testkit::gateway::Gateway;

use super::*;

/// A provider that works in the background, beside one that never answers.
struct Worker(Arc<Mutex<Value>>);

impl Worker {
    fn of(bench: &Bench) -> Self {
        let state = Arc::new(Mutex::new(working("resp_bg", "queued")));
        let now = Arc::clone(&state);
        let never = Gate::new();
        bench.upstream.always_with(move |asked| {
            if asked.path.starts_with("/house") {
                return Reply::json(200, &openai::text("done", TOKENS)).head_gated(&never);
            }
            let now = now.lock().unwrap().clone();
            match now["error"]["code"].as_str() {
                Some("not_found") => Reply::json(404, &now),
                _ => Reply::json(200, &now),
            }
        });
        Self(state)
    }

    fn is(&self, now: Value) {
        *self.0.lock().unwrap() = now;
    }
}

pub(super) fn working(id: &str, status: &str) -> Value {
    let mut response = native(id, status, if status == "completed" { "done" } else { "" });
    response["background"] = true.into();
    if status != "completed" {
        response["usage"] = Value::Null;
    }
    response
}

async fn begun(bench: &Bench, model: &str) -> (String, String) {
    let answer = bench.openai().post(PATH, &background(model, "work")).await;
    let request = crate::setup::request_id(&answer);
    (request, id(&response(answer, false).await).to_owned())
}

pub(super) async fn stopped(mut bench: Bench, kill: bool) -> Bench {
    if kill {
        bench.gateway.kill().await;
    } else {
        bench.gateway.terminate();
        bench.gateway.exited().await;
    }
    bench
}

pub(super) async fn started(Bench { gateway, upstream }: Bench) -> Bench {
    Bench { gateway: gateway.restart().await, upstream }
}

/// The ledger lines of a request.
async fn lines(bench: &Bench, request: &str) -> Vec<Value> {
    bench.list(&format!("ledger?request={request}"), 1).await
}

#[tokio::test]
async fn what_a_provider_goes_on_with_is_settled_after_a_restart() {
    for kill in [false, true] {
        let bench = Bench::start().await;
        let worker = Worker::of(&bench);
        let (request, id) = begun(&bench, GPT).await;
        assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "queued");
        let bench = started(stopped(bench, kill).await).await;
        assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "queued");
        // Once more, and complete before anybody asks.
        let bench = stopped(bench, !kill).await;
        worker.is(working(&id, "completed"));
        let bench = started(bench).await;
        assert_eq!(over(&bench, &id).await["output"][0]["content"][0]["text"], "done");
        let kept = bench.kept_of(&request).await;
        assert_eq!((&kept.request["outcome"], &kept.request["status"]), (&json!("answered"), &json!(200)));
        assert_eq!((&kept.request["error"], &kept.request["deployment"]), (&Value::Null, &json!(GPT)));
        let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
        assert_eq!((&attempt["usage_source"], &attempt["cost_kind"]), (&json!("reported"), &json!("exact")));
        assert_eq!((&attempt["usage"]["input"], &attempt["usage"]["output"]), (&json!(9), &json!(5)));
        assert_eq!(attempt["outcome"], "answered");
        // What is over stays over, and its answer is at hand without the provider.
        let bench = started(stopped(bench, kill).await).await;
        worker.is(json!({ "error": { "message": "gone", "code": "not_found" } }));
        assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "completed");
        assert_eq!(lines(&bench, &request).await.len(), 1);
    }
}

#[tokio::test]
async fn what_a_provider_forgot_meanwhile_is_lost_and_estimated() {
    let bench = Bench::start().await;
    let worker = Worker::of(&bench);
    let (request, id) = begun(&bench, GPT).await;
    let bench = stopped(bench, true).await;
    worker.is(json!({ "error": { "message": "gone", "code": "not_found" } }));
    let bench = started(bench).await;
    let kept = bench.kept_of(&request).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.request["error"]),
        (&json!("interrupted"), &json!("upstream_interrupted"))
    );
    assert_eq!(kept.attempts[0]["usage_source"], "estimated", "{:?}", kept.attempts);
    let made = over(&bench, &id).await;
    assert_eq!((&made["status"], &made["error"]["code"]), (&json!("failed"), &json!("server_error")));
    assert_eq!(lines(&bench, &request).await.len(), 1);
}

#[tokio::test]
async fn what_is_cancelled_at_its_provider_is_called_so() {
    let bench = Bench::start().await;
    let worker = Worker::of(&bench);
    let (request, id) = begun(&bench, GPT).await;
    worker.is(working(&id, "cancelled"));
    let answer = bench.openai().post(&format!("{PATH}/{id}/cancel"), &json!({})).await;
    assert_eq!(answer.json().await["status"], "cancelled");
    let kept = bench.kept_of(&request).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.attempts[0]["outcome"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
}

async fn forget(bench: &Bench, id: &str) -> Answer {
    bench.openai().send(Method::DELETE, &format!("{PATH}/{id}"), "".into()).await
}

#[tokio::test]
async fn what_is_forgotten_once_its_provider_has_made_it_is_billed() {
    let bench = Bench::start().await;
    let worker = Worker::of(&bench);
    for seen in [true, false] {
        worker.is(working("resp_bg", "queued"));
        let (request, id) = begun(&bench, GPT).await;
        worker.is(working(&id, "completed"));
        // Before whoever follows it asks again.
        if seen {
            assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "completed");
        }
        assert_eq!(forget(&bench, &id).await.json().await["deleted"], true);
        let kept = bench.kept_of(&request).await;
        let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
        assert_eq!((&kept.request["outcome"], &attempt["outcome"]), (&json!("answered"), &json!("answered")));
        assert_eq!((&attempt["usage_source"], &attempt["usage"]["output"]), (&json!("reported"), &json!(5)));
        assert_eq!(get(&bench.openai(), &id).await.status, 404);
    }
}

#[tokio::test]
async fn what_its_provider_does_not_forget_is_followed_on() {
    let bench = Bench::start().await;
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    bench.upstream.always_with(move |asked| match (asked.method.as_str(), is_open.load(Ordering::Relaxed)) {
        ("DELETE", _) => openai::error(500, "server_error", None, "Not now."),
        (_, true) => Reply::json(200, &working("resp_bg", "completed")),
        (_, false) => Reply::json(200, &working("resp_bg", "queued")),
    });
    let (request, id) = begun(&bench, GPT).await;
    assert_eq!(forget(&bench, &id).await.status, 500);
    open.store(true, Ordering::Relaxed);
    assert_eq!(over(&bench, &id).await["output"][0]["content"][0]["text"], "done");
    let kept = bench.kept_of(&request).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.attempts[0]["usage_source"]),
        (&json!("answered"), &json!("reported"))
    );
}

#[tokio::test]
async fn what_its_provider_fails_to_make_has_failed() {
    for restart in [false, true] {
        let bench = Bench::start().await;
        let worker = Worker::of(&bench);
        let (request, id) = begun(&bench, GPT).await;
        let mut failed = working(&id, "failed");
        failed["error"] = json!({ "code": "rate_limit_exceeded", "message": "Too many." });
        let bench = if restart { stopped(bench, true).await } else { bench };
        worker.is(failed);
        let bench = if restart { started(bench).await } else { bench };
        let kept = bench.kept_of(&request).await;
        let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
        assert_eq!(
            (&kept.request["outcome"], &kept.request["error"], &kept.request["status"]),
            (&json!("failed"), &json!("upstream_rate_limited"), &json!(429)),
            "{restart}"
        );
        assert_eq!((&attempt["outcome"], &attempt["usage_source"]), (&json!("failed"), &json!("none")));
        assert_eq!((&attempt["cost_kind"], &attempt["cost_nano_usd"]), (&json!("nothing"), &json!(0)));
    }
}

/// A second instance on the database of the first.
pub(super) async fn beside(first: &Bench, lease: &str) -> Bench {
    let storage = format!(
        "storage: {{ database: \"sqlite://{}/pathgate.db\", spool: {{ dir: \"{{dir}}/spool\" }}, response_lease: {lease} }}",
        first.gateway.dir().display()
    );
    let usual = "storage: { database: \"sqlite://{dir}/pathgate.db\" }";
    let yaml = Setup::new().yaml(&first.upstream.url()).replace(usual, &storage);
    let gateway: Gateway =
        testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml).start().await;
    Bench { gateway, upstream: testkit::upstream::Upstream::start().await }
}

pub(super) async fn with_lease(lease: &str) -> Bench {
    let upstream = testkit::upstream::Upstream::start().await;
    let yaml = Setup::new().yaml(&upstream.url());
    let yaml = yaml.replace("/pathgate.db\" }", &format!("/pathgate.db\", response_lease: {lease} }}"));
    let launch = testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml);
    Bench { gateway: launch.start().await, upstream }
}

#[tokio::test]
async fn an_instance_leaves_alone_what_another_one_makes() {
    let one = with_lease("2s").await;
    let other = beside(&one, "2s").await;
    let gate = Gate::new();
    one.upstream.then(Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate));
    let (request, id) = begun(&one, HOUSE).await;
    one.upstream.request(0).await;
    let began = tokio::time::Instant::now();
    until("the lease to be over but for its renewals", async || {
        let made = get(&other.openai(), &id).await.json().await;
        assert!(["queued", "in_progress"].contains(&made["status"].as_str().unwrap()), "{made}");
        (began.elapsed().as_secs() > 2).then_some(())
    })
    .await;
    let path = format!("{PATH}/{id}");
    let conflict = (409, "conflict".to_owned());
    assert_eq!(code(other.openai().post(&format!("{path}/cancel"), &json!({})).await).await, conflict);
    assert_eq!(code(other.openai().send(Method::DELETE, &path, "".into()).await).await, conflict);
    let answer = other.openai().post(PATH, &ask(CLAUDE, "more", Some(&id), false)).await;
    let message = answer.json().await["error"]["message"].take();
    assert!(message.as_str().unwrap().contains("is still being made"), "{message}");
    gate.open();
    assert_eq!(over(&other, &id).await["status"], "completed");
    assert_eq!(one.kept_of(&request).await.request["outcome"], "answered");
}

#[tokio::test]
async fn an_instance_takes_over_from_one_that_is_gone() {
    let one = with_lease("500ms").await;
    let other = beside(&one, "500ms").await;
    let worker = Worker::of(&one);
    let (request, id) = begun(&one, GPT).await;
    let (lost, made_here) = begun(&one, HOUSE).await;
    let one = stopped(one, true).await;
    worker.is(working(&id, "completed"));
    assert_eq!(over(&other, &made_here).await["status"], "failed");
    let kept = other.kept_of(&lost).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("interrupted"), 1));
    assert_eq!(over(&other, &id).await["status"], "completed");
    let kept = other.kept_of(&request).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.attempts[0]["usage_source"]),
        (&json!("answered"), &json!("reported"))
    );
    // Who comes back finds nothing left to do.
    let one = started(one).await;
    assert_eq!(get(&one.openai(), &made_here).await.json().await["status"], "failed");
    assert_eq!((lines(&one, &request).await.len(), lines(&one, &lost).await.len()), (1, 1));
}

#[tokio::test]
async fn what_is_forgotten_unfinished_is_settled_as_cancelled() {
    let bench = Bench::start().await;
    let _worker = Worker::of(&bench);
    let (request, id) = begun(&bench, HOUSE).await;
    bench.upstream.request(0).await;
    let path = format!("{PATH}/{id}");
    let answer = bench.openai().send(Method::DELETE, &path, "".into()).await;
    assert_eq!(answer.json().await["deleted"], true);
    let bench = started(stopped(bench, true).await).await;
    let kept = bench.kept_of(&request).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("cancelled"), 1));
    assert_eq!(code(get(&bench.openai(), &id).await).await.0, 404);
}

/// A route whose first target is dead, and the account that answers.
fn flaky(yaml: &str) -> String {
    yaml.to_owned()
        + "  dead: { kind: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", api_key: k, models: [x] }\n\
           models:\n  flaky: { route: { targets: [ { to: dead/x } ], fallback: [ house/qwen3 ], \
           retry: { per_deployment: 1, total: 2 } } }\n"
}

#[tokio::test]
async fn what_is_lost_is_booked_where_it_was_made() {
    let upstream = testkit::upstream::Upstream::start().await;
    let yaml = flaky(&Setup::new().yaml(&upstream.url()));
    let launch = testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml);
    let bench = Bench { gateway: launch.start().await, upstream };
    let _worker = Worker::of(&bench);
    let (request, id) = begun(&bench, "flaky").await;
    bench.upstream.request(0).await;
    let bench = started(stopped(bench, true).await).await;
    assert_eq!(over(&bench, &id).await["status"], "failed");
    let kept = bench.kept_of(&request).await;
    let lines: Vec<_> =
        kept.attempts.iter().map(|line| (&line["deployment"], &line["outcome"], &line["number"])).collect();
    let dead = (&json!("dead/x"), &json!("failed"), &json!(1));
    assert_eq!(lines, [dead, (&json!(HOUSE), &json!("interrupted"), &json!(2))]);
    assert_eq!((&kept.request["attempts"], &kept.request["deployment"]), (&json!(2), &json!(HOUSE)));
    assert_eq!(kept.attempts[1]["usage_source"], "estimated");
}

/// A response in the background as a stream that has begun, and says no more until the gate opens.
fn begun_stream(id: &str, gate: &Gate) -> Reply {
    let frame = |kind: &str, mut fields: Value| {
        fields["type"] = kind.into();
        format!("event: {kind}\ndata: {fields}\n\n")
    };
    let delta = json!({ "output_index": 0, "content_index": 0, "item_id": "msg_1", "delta": "do" });
    Reply::sse([
        frame("response.created", json!({ "response": working(id, "in_progress") })),
        frame("response.output_text.delta", delta),
        frame("response.completed", json!({ "response": working(id, "completed") })),
    ])
    .gated(gate)
}

async fn watched(bench: &Bench, id: &str, gate: &Gate) -> (String, Answer) {
    gate.release();
    gate.release();
    bench.upstream.then(begun_stream(id, gate));
    let mut body = background(GPT, "work");
    body["stream"] = true.into();
    let mut answer = bench.openai().post(PATH, &body).await;
    assert!(answer.event().await.unwrap().contains("response.created"));
    (crate::setup::request_id(&answer), answer)
}

#[tokio::test]
async fn a_provider_goes_on_when_the_client_of_its_stream_leaves() {
    let bench = Setup::new().key(&format!("{{ name: other, key: {OTHER} }}")).start().await;
    let worker = Worker::of(&bench);
    worker.is(working("resp_bg", "in_progress"));
    let gate = Gate::new();
    let (request, answer) = watched(&bench, "resp_bg", &gate).await;
    // It is known from its first event on, and its tenant's alone.
    assert_eq!(get(&bench.openai(), "resp_bg").await.json().await["status"], "in_progress");
    let other = bench.gateway.client().bearer(OTHER);
    let answered = other.post(PATH, &ask(GPT, "more", Some("resp_bg"), false)).await;
    assert_eq!(code(answered).await, (400, "previous_response_not_found".to_owned()));
    drop(answer);
    worker.is(working("resp_bg", "completed"));
    assert_eq!(over(&bench, "resp_bg").await["output"][0]["content"][0]["text"], "done");
    let kept = bench.kept_of(&request).await;
    let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
    assert_eq!((&kept.request["outcome"], &kept.request["stream"]), (&json!("answered"), &json!(true)));
    assert_eq!((&attempt["usage_source"], &attempt["usage"]["output"]), (&json!("reported"), &json!(5)));
}

#[tokio::test]
async fn a_stream_that_a_provider_makes_in_the_background_outlives_the_process() {
    for kill in [false, true] {
        let bench = Bench::start().await;
        let worker = Worker::of(&bench);
        worker.is(working("resp_bg", "in_progress"));
        let gate = Gate::new();
        let (request, answer) = watched(&bench, "resp_bg", &gate).await;
        drop(answer);
        let bench = stopped(bench, kill).await;
        worker.is(working("resp_bg", "completed"));
        let bench = started(bench).await;
        assert_eq!(over(&bench, "resp_bg").await["status"], "completed");
        assert_eq!(bench.kept_of(&request).await.attempts[0]["usage_source"], "reported", "{kill}");
    }
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_is_settled_once() {
    let bench = Bench::start().await;
    let _worker = Worker::of(&bench);
    let gate = Gate::new();
    gate.open();
    let (request, answer) = watched(&bench, "resp_bg", &gate).await;
    answer.try_events().await.unwrap();
    assert_eq!(get(&bench.openai(), "resp_bg").await.json().await["status"], "completed");
    let kept = bench.kept_of(&request).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("answered"), 1));
    assert_eq!(bench.upstream.seen().len(), 1, "nobody had to ask for it");
}

#[tokio::test]
async fn a_response_that_is_deleted_while_it_is_streamed_is_gone() {
    let bench = Bench::start().await;
    let worker = Worker::of(&bench);
    worker.is(working("resp_bg", "cancelled"));
    let gate = Gate::new();
    let (request, answer) = watched(&bench, "resp_bg", &gate).await;
    assert_eq!(forget(&bench, "resp_bg").await.json().await["deleted"], true);
    let events = answer.try_events().await.unwrap_or_default();
    assert!(!events.iter().any(|event| event.contains("response.completed")), "{events:?}");
    assert_eq!(bench.kept_of(&request).await.request["outcome"], "cancelled");
    assert_eq!(get(&bench.openai(), "resp_bg").await.status, 404);
}

#[tokio::test]
async fn a_client_that_asks_again_and_again_does_not_make_its_provider_be_asked_as_often() {
    let bench = Bench::start().await;
    let worker = Worker::of(&bench);
    let (_, id) = begun(&bench, GPT).await;
    let began = tokio::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "queued");
    }
    let calls = bench.upstream.seen().iter().filter(|call| call.method == "GET").count();
    // Twice a second, and who follows it beside that.
    let most = 3 + began.elapsed().as_millis() / 250;
    assert!(calls as u128 <= most, "{calls} calls, {most} at most");
    // What is done to it shows at once.
    worker.is(working(&id, "cancelled"));
    bench.openai().post(&format!("{PATH}/{id}/cancel"), &json!({})).await;
    assert_eq!(get(&bench.openai(), &id).await.json().await["status"], "cancelled");
}

/// Freezes a gateway, not in the middle of a write: nobody else could write then.
fn freeze(bench: &Bench) {
    let mut database = rusqlite::Connection::open(bench.gateway.dir().join("pathgate.db")).unwrap();
    loop {
        bench.gateway.freeze();
        match database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate) {
            Ok(lock) => return lock.rollback().unwrap(),
            Err(_) => bench.gateway.thaw(),
        }
    }
}

#[tokio::test]
async fn an_instance_that_was_frozen_settles_nothing_twice() {
    let one = with_lease("500ms").await;
    let other = beside(&one, "500ms").await;
    let gate = Gate::new();
    let house = || Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate);
    // The first attempt may pass, so that there is a second one.
    one.upstream.then(openai::error(500, "server_error", None, "Not now.")).then(house());
    let (request, id) = begun(&one, HOUSE).await;
    one.upstream.request(1).await;
    freeze(&one);
    assert_eq!(over(&other, &id).await["status"], "failed");
    let kept = other.kept_of(&request).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("interrupted"), 2));
    gate.open();
    one.gateway.thaw();
    // It has its answer once its own words are as the other's.
    let path = format!("{PATH}/{id}");
    let made = until("the end at the one that was frozen", async || {
        let made = one.openai().get(&path).await.json().await;
        (!["queued", "in_progress"].contains(&made["status"].as_str().unwrap())).then_some(made)
    });
    made.await;
    let again = lines(&one, &request).await;
    assert_eq!(again.len(), 2, "{again:?}");
    assert_eq!(one.kept_of(&request).await.request["attempts"], 2);
}
