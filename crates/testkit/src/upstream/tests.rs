//! The upstreams themselves, seen through the client.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::*;
use crate::client::{Client, Raw};
use crate::shapes::{Tokens, anthropic, gemini, openai};

#[tokio::test]
async fn answers_in_order_then_stands_and_keeps_what_came() {
    let upstream = Upstream::start().await;
    upstream.then(openai::rate_limited(Some(3))).always(Reply::json(200, &json!({ "ok": true })));
    let client = Client::new(upstream.address()).bearer("sk-one");
    let refused = client.post("/v1/chat/completions", &json!({ "model": "m" })).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "3"));
    assert_eq!(refused.json().await["error"]["code"], "rate_limit_exceeded");
    assert_eq!(client.get("/v1/models?limit=2").await.json().await, json!({ "ok": true }));
    let seen = upstream.seen();
    assert_eq!(seen[0].json(), json!({ "model": "m" }));
    assert_eq!(seen[0].header("authorization"), "Bearer sk-one");
    assert_eq!((seen[1].method.as_str(), seen[1].path.as_str()), ("GET", "/v1/models?limit=2"));
    assert_eq!(upstream.connections(), 2);
    assert!(matches!(seen[1].end().await, Fate::Answered(_)));
}

#[tokio::test]
async fn a_gate_holds_back_each_frame() {
    let upstream = Upstream::start().await;
    let gate = Gate::new();
    upstream.always(Reply::sse(["data: 1\n\n", "data: 2\n\n"]).gated(&gate));
    let mut answer = Client::new(upstream.address()).get("/").await;
    assert_eq!(upstream.request(0).await.fate(), Fate::Open);
    gate.release();
    assert_eq!(answer.event().await.as_deref(), Some("data: 1"));
    gate.open();
    assert_eq!(answer.event().await.as_deref(), Some("data: 2"));
    assert_eq!(answer.event().await, None);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let upstream = Upstream::start().await;
    upstream.always(Reply::sse(["data: 1\n\n"; 3]).gated(&Gate::new()));
    let client = Client::new(upstream.address());
    drop(client.get("/").await);
    upstream.request(0).await.gone().await;

    upstream.always(Reply::silent(Break::Hang));
    let call = client.try_send(Method::GET, "/", Bytes::new());
    tokio::select! {
        _ = call => panic!("there is no answer"),
        _ = upstream.request(1) => {}
    }
    upstream.request(1).await.gone().await;
}

#[tokio::test]
async fn streams_break_where_they_are_told_to() {
    let upstream = Upstream::start().await;
    let reply = Reply::sse(["data: one\n\n", "data: two\n\n"]);
    let client = Client::new(upstream.address());
    for how in [Break::Close, Break::Reset] {
        for at in 0..=reply.body_len() {
            let broken = reply.clone().broken_at(at, how);
            upstream.then(broken);
            let mut answer = client.get("/").await;
            let mut read = 0;
            let torn = loop {
                match answer.try_frame().await {
                    Ok(Some(bytes)) => read += bytes.len(),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert!(torn && (how == Break::Reset || read == at), "{how:?} at {at}: read {read}");
        }
    }
}

#[tokio::test]
async fn heads_that_are_none() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    for reply in [Reply::silent(Break::Close), Reply::silent(Break::Reset), Reply::raw("SSH-2.0-OpenSSH\r\n")]
    {
        upstream.then(reply);
        assert!(client.try_send(Method::GET, "/", Bytes::new()).await.is_err());
    }
    upstream.then(Reply::text(200, "application/json", "{}").declared_len(10));
    assert!(client.get("/").await.try_bytes().await.is_err());
    let nobody = Client::new(Upstream::nobody().await);
    assert!(nobody.try_send(Method::GET, "/", Bytes::new()).await.is_err());
}

#[tokio::test]
async fn accepts_when_it_is_let() {
    let gate = Gate::new();
    let upstream = Upstream::accepting(&gate).await;
    upstream.always(Reply::text(200, "text/plain", "late"));
    let client = Client::new(upstream.address());
    let mut call = Box::pin(client.get("/"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
    assert_eq!(upstream.connections(), 0);
    gate.release();
    assert_eq!(call.await.text().await, "late");
}

#[tokio::test]
async fn chunked_requests_and_pipelined_ones_are_read() {
    let upstream = Upstream::start().await;
    upstream.always(Reply::text(200, "text/plain", "ok"));
    let mut raw = Raw::connect(upstream.address()).await;
    let chunked = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert!(raw.write(chunked).await);
    assert!(raw.write(b"GET /b HTTP/1.1\r\n\r\n").await);
    assert_eq!(upstream.request(0).await.body, "abcde");
    assert_eq!(upstream.request(1).await.path, "/b");
    raw.finish().await;
    let answers = String::from_utf8(raw.read_all().await).unwrap();
    assert_eq!(answers.matches("200 Scripted").count(), 2, "{answers}");
}

#[test]
fn shapes_are_what_their_apis_send() {
    let tokens = Tokens { input: 10, cached: 4, output: 7, reasoning: 2 };
    assert_eq!(openai::text("hi", tokens)["usage"]["total_tokens"], 17);
    assert_eq!(anthropic::text("hi", tokens)["usage"]["input_tokens"], 6);
    assert_eq!(gemini::text("hi", tokens)["usageMetadata"]["candidatesTokenCount"], 5);
    assert_eq!(openai::text_stream(&["a", "b"], None).len(), 5);
    assert_eq!(openai::text_stream(&["a", "b"], Some(tokens)).len(), 6);
    assert_eq!(gemini::text_stream(&["a", "b"], tokens).len(), 2);
    let frames = anthropic::text_stream(&["a"], tokens);
    assert!(frames.iter().all(|frame| frame.starts_with("event: ") && frame.ends_with("\n\n")));
}
