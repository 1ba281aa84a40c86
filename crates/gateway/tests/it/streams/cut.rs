//! Streams that do not come to their end: what is billed of them, and how soon they end that failed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::upstream::{Break, Reply};

use crate::kinds::Kind;
use crate::setup::{Bench, Setup, request_id};
use crate::speech::Speech;

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// Claude's words so far: as its streams have it, a single token of output is reported at once.
fn claude(bytes: usize) -> Vec<String> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "usage": {"input_tokens": 25, "output_tokens": 1}});
    let block = json!({"type": "text", "text": ""});
    let delta = json!({"type": "text_delta", "text": "x".repeat(bytes)});
    vec![
        event(&json!({"type": "message_start", "message": message})),
        event(&json!({"type": "content_block_start", "index": 0, "content_block": block})),
        event(&json!({"type": "content_block_delta", "index": 0, "delta": delta})),
    ]
}

/// Sends this and breaks off in this way.
fn cut(frames: Vec<String>, how: Break) -> Reply {
    let len = frames.iter().map(String::len).sum();
    Reply::sse(frames).broken_at(len, how)
}

/// The attempt that is kept of a request, once its answer was read.
async fn attempt(bench: &Bench, path: &str, request: &Value) -> Value {
    let answer = bench.openai().post(path, request).await;
    let id = request_id(&answer);
    drop(answer.bytes().await);
    bench.kept_of(&id).await.attempts[0].clone()
}

fn figures(attempt: &Value) -> (&'static str, u64, u64) {
    let known = ["reported", "estimated", "none"];
    let source = known.into_iter().find(|source| attempt["usage_source"] == *source).unwrap();
    let tokens = |name: &str| attempt["usage"][name].as_u64().unwrap();
    (source, tokens("input"), tokens("output"))
}

const GOOGLE: &str = "/v1beta/models/google/gemini-2.5-flash:streamGenerateContent?alt=sse";

fn contents() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Draw"}]}]})
}

#[tokio::test]
async fn output_that_was_not_reported_before_the_end_is_estimated() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        bench.upstream.then(cut(claude(4000), Break::Close));
        let attempt = attempt(&bench, speech.path(), &speech.ask(&Kind::Claude.model(), "Hi", true)).await;
        assert_eq!(figures(&attempt), ("estimated", 25, 1000), "{speech:?}");
        assert_eq!(attempt["cost_kind"], "estimated", "{speech:?}");
    }
    let early = json!({"candidates": [{"content": {"parts": [{"text": "x".repeat(400)}]}}],
        "usageMetadata": {"promptTokenCount": 15, "totalTokenCount": 15}});
    for (path, request) in
        [(GOOGLE, contents()), (Speech::Openai.path(), Speech::Openai.ask(&Kind::Google.model(), "Hi", true))]
    {
        bench.upstream.then(cut(vec![data(&early)], Break::Close));
        assert_eq!(figures(&attempt(&bench, path, &request).await), ("estimated", 15, 100), "{path}");
    }
}

#[tokio::test]
async fn output_that_was_reported_all_along_is_exact() {
    let bench = Bench::start().await;
    let told = json!({"candidates": [{"content": {"parts": [{"text": "x".repeat(400)}]}}],
        "usageMetadata": {"promptTokenCount": 15, "candidatesTokenCount": 7}});
    for (path, request) in
        [(GOOGLE, contents()), (Speech::Openai.path(), Speech::Openai.ask(&Kind::Google.model(), "Hi", true))]
    {
        bench.upstream.then(cut(vec![data(&told)], Break::Close));
        assert_eq!(figures(&attempt(&bench, path, &request).await), ("reported", 15, 7), "{path}");
    }
}

#[tokio::test]
async fn pictures_are_no_text_in_an_estimate() {
    let bench = Bench::start().await;
    let picture = "A".repeat(200_000);
    let frame = json!({"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": picture}}]}}]});
    for (path, request) in [
        (GOOGLE, contents()),
        (Speech::Openai.path(), Speech::Openai.ask(&Kind::Google.model(), "Draw", true)),
    ] {
        bench.upstream.then(cut(vec![data(&frame)], Break::Close));
        let (source, _, output) = figures(&attempt(&bench, path, &request).await);
        assert_eq!((source, output), ("estimated", 1000), "{path}");
    }
    let item =
        json!({"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": picture});
    let response = json!({"id": "resp_1", "status": "in_progress", "model": "m", "output": []});
    bench.upstream.then(cut(
        vec![
            event(&json!({"type": "response.created", "response": response})),
            event(&json!({"type": "response.output_item.done", "output_index": 0, "item": item})),
        ],
        Break::Close,
    ));
    let request = json!({"model": Kind::Openai.model(), "input": "Draw", "stream": true, "store": false});
    let (source, _, output) = figures(&attempt(&bench, "/v1/responses", &request).await);
    assert!(source == "estimated" && output <= 1000, "{output}");
}

#[tokio::test]
async fn thoughts_under_two_names_are_counted_once() {
    let bench = Bench::start().await;
    let delta = json!({"reasoning": "x".repeat(400), "reasoning_content": "x".repeat(400)});
    let frame = json!({"choices": [{"index": 0, "delta": delta}]});
    for speech in Speech::ALL {
        bench.upstream.then(cut(vec![data(&frame)], Break::Close));
        let request = speech.ask(&Kind::House.model(), "Hi", true);
        let (source, _, output) = figures(&attempt(&bench, speech.path(), &request).await);
        assert_eq!((source, output), ("estimated", 100), "{speech:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a real connection is timed")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn an_error_is_the_end_of_a_stream() {
    let bench = Setup::new().accounts("timeouts: { idle: 20s }").start().await;
    let failed = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}});
    let response = |status: &str| json!({"id": "resp_1", "object": "response", "status": status, "model": "m", "output": []});
    let created = event(&json!({"type": "response.created", "response": response("in_progress")}));
    let mut last = response("failed");
    last["error"] = json!({"code": "server_error", "message": "Busy"});
    last["usage"] = json!({"input_tokens": 700, "output_tokens": 900, "total_tokens": 1600});
    let bare = event(&json!({"type": "error", "code": "server_error", "message": "Busy", "param": null}));
    let last = event(&json!({"type": "response.failed", "response": last}));
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "Hi"}}]});
    let error = json!({"error": {"message": "Busy", "type": "server_error", "code": 503}});
    let part = json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]});
    let google = json!({"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}});
    let responses = json!({"model": Kind::Openai.model(), "input": "Hi", "stream": true, "store": false});
    let ask = |speech: Speech, kind: Kind| (speech.path(), speech.ask(&kind.model(), "Hi", true));
    let claude = [claude(4), vec![event(&failed)]].concat();
    let cases = [
        (ask(Speech::Anthropic, Kind::Claude), claude.clone(), None),
        (ask(Speech::Openai, Kind::Claude), claude, None),
        (ask(Speech::Openai, Kind::House), vec![data(&chunk), data(&error)], None),
        ((GOOGLE, contents()), vec![data(&part), data(&google)], None),
        (("/v1/responses", responses.clone()), vec![created.clone(), bare.clone()], None),
        (("/v1/responses", responses.clone()), vec![created.clone(), last.clone()], Some((700, 900))),
        (("/v1/responses", responses), vec![created, bare, last], Some((700, 900))),
    ];
    for ((path, request), frames, usage) in cases {
        let what = format!("{path} {}", frames.last().unwrap());
        bench.upstream.then(cut(frames, Break::Hang));
        let from = now();
        let answer = bench.openai().post(path, &request).await;
        let id = request_id(&answer);
        let text = answer.text().await;
        assert!(text.contains("Busy"), "{what}: {text}");
        assert!(from.elapsed() < Duration::from_secs(5), "{what}");
        let kept = bench.kept_of(&id).await;
        assert_eq!(
            (&kept.request["outcome"], &kept.request["error"]),
            (&json!("interrupted"), &json!("upstream_error")),
            "{what}"
        );
        if let Some((input, output)) = usage {
            assert_eq!(figures(&kept.attempts[0]), ("reported", input, output), "{what}");
        }
        bench.upstream.seen().pop().unwrap().gone().await;
    }
}
