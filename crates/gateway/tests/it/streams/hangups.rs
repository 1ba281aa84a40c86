//! A client that leaves: the provider's connection closes within 100 ms, and what was consumed is in the ledger.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use testkit::shapes::openai;
use testkit::upstream::{Gate, Reply};

use super::{KINDS, PIECES, TOKENS, frames_to_first_text};
use crate::kinds::{Kind, Tongue};
use crate::setup::{Bench, Kept, request_id};
use crate::speech::Speech;

/// How soon the provider has to notice.
const SOON: Duration = Duration::from_millis(100);
/// The best of so many counts: the machine may be busy with other tests.
const TRIES: usize = 3;

#[expect(clippy::disallowed_methods, reason = "a real connection is timed")]
fn now() -> Instant {
    Instant::now()
}

/// Leaves in some way, and gives the time until the provider noticed; the best of a few.
async fn best(mut leave: impl AsyncFnMut() -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        best = best.min(leave().await);
        if best < SOON {
            break;
        }
    }
    best
}

fn check_gone(kept: &Kept, what: &str) {
    assert_eq!(kept.request["outcome"], "client_gone", "{what}");
    assert_eq!(kept.request["error"], "client_gone", "{what}");
    assert_eq!(kept.attempts.len(), 1, "{what}");
    assert_eq!(kept.attempts[0]["outcome"], "client_gone", "{what}");
    assert!(kept.attempts[0]["usage"]["input"].as_u64() > Some(0), "{what}");
    assert_ne!(kept.attempts[0]["cost_nano_usd"], Value::Null, "{what}");
}

#[tokio::test]
async fn in_mid_stream() {
    let bench = Bench::start().await;
    for kind in KINDS {
        for speech in Speech::ALL {
            let what = format!("{speech:?} → {kind:?}");
            let request = speech.ask(&kind.model(), "Say hello", true);
            let after = best(async || {
                let gate = Gate::new();
                bench.upstream.then(kind.says(true, &PIECES, TOKENS).gated(&gate));
                for _ in 0..frames_to_first_text(kind) {
                    gate.release();
                }
                let mut answer = speech.client(&bench).post(speech.path(), &request).await;
                let mut events = Vec::new();
                while speech.hear_so_far(&events) != "Say" {
                    events.push(answer.event().await.expect("the stream goes on"));
                }
                let call = bench.upstream.seen().pop().unwrap();
                let id = request_id(&answer);
                let left = now();
                drop(answer);
                let after = call.gone().await.duration_since(left);
                let kept = bench.kept_of(&id).await;
                check_gone(&kept, &what);
                let usage = &kept.attempts[0];
                // OpenAI tells its usage at the end, the others as they go.
                let source = if kind.tongue() == Tongue::Openai { "estimated" } else { "reported" };
                assert_eq!(usage["usage_source"], source, "{what}");
                assert!(usage["usage"]["output"].as_u64() > Some(0), "{what}");
                assert!(kept.request["bytes_out"].as_u64() > Some(0), "{what}");
                after
            });
            let after = after.await;
            assert!(after < SOON, "{what}: noticed after {after:?}");
        }
    }
}

#[tokio::test]
async fn before_the_head() {
    let bench = Bench::start().await;
    let mut count = 0;
    for kind in KINDS {
        for stream in [false, true] {
            let what = format!("{kind:?}, stream: {stream}");
            let request = Bytes::from(Speech::Openai.ask(&kind.model(), "Say hello", stream).to_string());
            let after = best(async || {
                bench.upstream.then(kind.says(stream, &PIECES, TOKENS).head_gated(&Gate::new()));
                let client = bench.openai();
                let sent = client.try_send(Method::POST, Speech::Openai.path(), request.clone());
                let call = tokio::select! {
                    _ = sent => panic!("there is no answer"),
                    call = bench.upstream.request(count) => call,
                };
                let left = now();
                count += 1;
                call.gone().await.duration_since(left)
            });
            let after = after.await;
            assert!(after < SOON, "{what}: noticed after {after:?}");
        }
    }
    for line in bench.list("requests?outcome=client_gone", count).await {
        let kept = bench.kept_of(line["id"].as_str().unwrap()).await;
        check_gone(&kept, &line.to_string());
        assert_eq!(kept.attempts[0]["usage_source"], "estimated");
        assert_eq!((&kept.request["bytes_out"], &kept.attempts[0]["status"]), (&0.into(), &Value::Null));
    }
}

#[tokio::test]
async fn while_a_whole_answer_is_read() {
    let bench = Bench::start().await;
    for (index, kind) in KINDS.into_iter().enumerate() {
        bench.upstream.then(kind.says(false, &PIECES, TOKENS).gated(&Gate::new()));
        let request = Bytes::from(Speech::Openai.ask(&kind.model(), "Say hello", false).to_string());
        let client = bench.openai();
        let sent = client.try_send(Method::POST, Speech::Openai.path(), request);
        let call = tokio::select! {
            _ = sent => panic!("there is no answer"),
            call = bench.upstream.request(index) => call,
        };
        call.gone().await;
    }
    for line in bench.list("requests?outcome=client_gone", KINDS.len()).await {
        check_gone(&bench.kept_of(line["id"].as_str().unwrap()).await, &line.to_string());
    }
}

#[tokio::test]
async fn while_a_retry_is_waited_for() {
    let bench = Bench::start().await;
    bench.upstream.then(openai::rate_limited(None).header("retry-after-ms", "4000"));
    let request = Bytes::from(Speech::Openai.ask(&Kind::Openai.model(), "Say hello", false).to_string());
    let client = bench.openai();
    let sent = client.try_send(Method::POST, Speech::Openai.path(), request);
    let answered = async { bench.upstream.request(0).await.end().await };
    // The ledger line of the refused call is not yet written: it leaves with the request.
    tokio::select! {
        _ = sent => panic!("there is no answer"),
        _ = answered => {}
    }
    let line = bench.list("requests?outcome=client_gone", 1).await.remove(0);
    let kept = bench.kept_of(line["id"].as_str().unwrap()).await;
    assert_eq!(kept.attempts.len(), 1);
    assert_eq!(bench.upstream.seen().len(), 1);
}

#[tokio::test]
async fn before_the_request_is_complete() {
    let bench = Bench::start().await;
    let mut raw = testkit::client::Raw::connect(bench.gateway.address()).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"model\":",
        crate::setup::KEY
    );
    assert!(raw.write(head.as_bytes()).await);
    drop(raw);
    let line = bench.list("requests", 1).await.remove(0);
    assert_eq!((&line["error"], &line["attempts"]), (&"client_gone".into(), &0.into()), "{line}");
    assert!(bench.upstream.seen().is_empty());
    assert!(bench.list("ledger", 0).await.is_empty());
}

#[tokio::test]
async fn a_connection_that_was_left_is_not_used_again() {
    let bench = Bench::start().await;
    let gate = Gate::new();
    bench.upstream.then(Kind::Openai.says(true, &PIECES, TOKENS).gated(&gate));
    gate.release();
    let request = Speech::Openai.ask(&Kind::Openai.model(), "Say hello", true);
    let mut answer = bench.openai().post(Speech::Openai.path(), &request).await;
    answer.event().await;
    drop(answer);
    bench.upstream.request(0).await.gone().await;
    bench.upstream.always(Reply::sse(openai::text_stream(&PIECES, Some(TOKENS))));
    for _ in 0..3 {
        let answer = bench.openai().post(Speech::Openai.path(), &request).await;
        assert_eq!(Speech::Openai.hear(&answer.try_events().await.unwrap()).text, "Say hello");
    }
    let connections: Vec<usize> = bench.upstream.seen().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [0, 1, 1, 1], "answers that were read to their end give their connection back");
}
