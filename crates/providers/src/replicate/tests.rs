//! What is special about Replicate.

use std::collections::VecDeque;
use std::sync::Mutex;

use contract::ports::{PoolState, Timeouts};
use http::Method;

use super::*;
use crate::conformance::{Script, body_of, built, call, now};

/// Answers in turn, and notes what it is sent.
struct Turns {
    answers: Mutex<VecDeque<Value>>,
    sent: Mutex<Vec<Outbound>>,
}

fn turns(answers: &[Value]) -> Turns {
    Turns { answers: Mutex::new(answers.iter().cloned().collect()), sent: Mutex::default() }
}

impl Upstream for Turns {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().expect("an answer");
        if answer == "nobody" {
            return Box::pin(ready(Err(UpstreamFailure::Connect("refused".to_owned()))));
        }
        let body = Body::from(answer.to_string());
        Box::pin(ready(Ok(ProviderReply { status: StatusCode::CREATED, headers: HeaderMap::new(), body })))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

/// A clock on which every wait is over at once, and lasts.
#[derive(Default)]
struct Fast(std::sync::atomic::AtomicU64);

impl Clock for Fast {
    fn now(&self) -> contract::words::Timestamp {
        contract::words::Timestamp(0)
    }

    fn tick(&self) -> contract::words::Tick {
        contract::words::Tick(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn sleep(&self, span: std::time::Duration) -> BoxFuture<'static, ()> {
        let nanos = u64::try_from(span.as_nanos()).unwrap();
        self.0.fetch_add(nanos, std::sync::atomic::Ordering::Relaxed);
        Box::pin(ready(()))
    }
}

fn ask(upstream: &Turns, model: &str, stream: bool) -> Result<ProviderReply, UpstreamFailure> {
    let config = serde_json::from_value(json!({ "kind": "replicate", "api_key": "k" })).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Fast::default());
    let provider = crate::build("acme", &config, &clock, &mut Faults::default()).unwrap();
    let (headers, body) = (HeaderMap::new(), VecDeque::from([Bytes::from_static(b"{\"input\":{}}")]));
    let (dialect, timeouts) = (Dialect::ReplicatePredictions, Timeouts::default());
    now(provider.call(
        Call { dialect, model, stream, body, headers: &headers, traceparent: None, timeouts },
        upstream,
    ))
}

#[test]
fn a_result_is_waited_for() {
    let get = "https://api.replicate.com/v1/predictions/p";
    let upstream = turns(&[
        json!({ "status": "starting", "urls": { "get": get } }),
        json!({ "status": "processing", "urls": { "get": get } }),
        json!({ "status": "succeeded", "output": ["a"] }),
    ]);
    let reply = ask(&upstream, "meta/llama", false).unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    let sent = upstream.sent.into_inner().unwrap();
    assert_eq!(sent[0].uri, "https://api.replicate.com/v1/models/meta/llama/predictions");
    assert_eq!(
        (&sent[0].headers["prefer"], &sent[0].headers["cancel-after"]),
        (&"wait=60".parse().unwrap(), &"600s".parse().unwrap())
    );
    assert_eq!((sent[2].method.clone(), sent[2].uri.to_string().as_str()), (Method::GET, get));
    assert_eq!(sent[2].headers["authorization"], "Bearer k");
    assert_eq!(sent.len(), 3);
}

#[test]
fn a_failure_is_an_error_and_waiting_ends() {
    let reply = ask(&turns(&[json!({ "status": "failed", "error": "no GPU" })]), "a/b", false).unwrap();
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    let Body::Full(body) = reply.body else { panic!("a text") };
    assert_eq!(body, r#"{"error":{"message":"no GPU"}}"#);
    let slow =
        json!({ "status": "processing", "urls": { "get": "https://api.replicate.com/v1/predictions/p" } });
    let answers: Vec<Value> = std::iter::repeat_n(slow, 1000).collect();
    assert!(matches!(ask(&turns(&answers), "a/b", false), Err(UpstreamFailure::Timeout { .. })));
}

const CANCEL: &str = "https://api.replicate.com/v1/predictions/p/cancel";

#[test]
fn the_key_goes_to_nobody_else() {
    let elsewhere = json!({ "status": "starting", "urls": { "get": "https://replicate.com.evil.test/p",
        "stream": "https://replicate.net.evil.test/s", "cancel": "https://evil.test/p" } });
    for stream in [false, true] {
        let upstream = turns(std::slice::from_ref(&elsewhere));
        assert!(matches!(ask(&upstream, "a/b", stream), Err(UpstreamFailure::Unreadable(_))));
        assert_eq!(upstream.sent.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_stream_is_at_its_own_address() {
    for address in
        ["https://stream.replicate.com/v1/files/x", "https://stream-b.svc.ric1.c.replicate.net/v1/streams/x"]
    {
        let urls = json!({ "stream": address, "cancel": CANCEL });
        let upstream = turns(&[json!({ "status": "starting", "urls": urls }), json!({})]);
        ask(&upstream, "a/b", true).unwrap();
        let sent = upstream.sent.into_inner().unwrap();
        assert!(!sent[0].headers.contains_key("prefer"));
        assert_eq!((sent[1].method.clone(), sent[1].uri.to_string().as_str()), (Method::GET, address));
        assert_eq!(sent[1].headers["accept"], "text/event-stream");
        assert_eq!(sent.len(), 2, "it goes on");
    }
    let none = ask(&turns(&[json!({ "status": "starting" })]), "a/b", true).unwrap();
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}

#[test]
fn what_nobody_waits_for_is_told_to_stop() {
    let get = "https://api.replicate.com/v1/predictions/p";
    let slow = json!({ "status": "processing", "urls": { "get": get, "cancel": CANCEL } });
    let lost = json!({ "status": "starting", "urls": { "stream": "https://evil.test/s", "cancel": CANCEL } });
    let mute = json!({ "status": "starting", "urls": { "cancel": CANCEL } });
    for (answers, stream) in [(vec![slow; 1000], false), (vec![lost; 2], true), (vec![mute; 2], true)] {
        let upstream = turns(&answers);
        assert!(!ask(&upstream, "a/b", stream).is_ok_and(|reply| reply.status.is_success()));
        let sent = upstream.sent.into_inner().unwrap();
        let last = sent.last().unwrap();
        assert_eq!((&last.method, last.uri.to_string().as_str()), (&Method::POST, CANCEL));
        assert_eq!(last.headers["authorization"], "Bearer k");
    }
    // It is not begun a second time because nobody is where it goes on.
    let stream = "https://s.replicate.net/v1/streams/x";
    let begun = json!({ "status": "starting", "urls": { "get": get, "stream": stream, "cancel": CANCEL } });
    for stream in [false, true] {
        let upstream = turns(&[begun.clone(), json!("nobody"), json!({})]);
        assert!(matches!(ask(&upstream, "a/b", stream), Err(UpstreamFailure::Unreadable(_))));
        assert_eq!(upstream.sent.into_inner().unwrap()[2].uri, CANCEL);
    }
    let failed = json!({ "status": "failed", "urls": { "cancel": CANCEL } });
    let upstream = turns(&[failed]);
    ask(&upstream, "a/b", false).unwrap();
    assert_eq!(upstream.sent.into_inner().unwrap().len(), 1, "it has ended");
}

#[test]
fn versions_stand_in_the_body() {
    let provider = built(json!({ "kind": "replicate", "api_key": "k" }));
    let script = Script::answering(r#"{"status":"succeeded","output":"a"}"#);
    call(&*provider, &script, Operation::Chat, false, "a/b:0f1e").unwrap();
    let sent = script.sent();
    assert_eq!(sent.uri, "https://api.replicate.com/v1/predictions");
    assert!(body_of(sent).starts_with(r#"{"version":"0f1e""#));
    assert!(call(&*provider, &script, Operation::Chat, false, "a/../b").is_err());
}
