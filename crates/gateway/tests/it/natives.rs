//! Blocks that only their provider understands survive a conversation held in another dialect.

use serde_json::{Value, json};
use testkit::upstream::Reply;

use crate::setup::{Bench, KEY, Setup};

const SIGNATURE: &str = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk";

fn named(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}

fn thinking() -> Value {
    json!([
        { "type": "thinking", "thinking": "The weather is asked for.", "signature": SIGNATURE },
        { "type": "text", "text": "Let me look." },
        { "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Bern" } }
    ])
}

fn message(content: &Value) -> Value {
    json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 5 } })
}

/// The same answer as a stream.
fn streamed() -> Reply {
    let start = message(&json!([]));
    let mut frames = vec![named("message_start", &json!({ "type": "message_start", "message": start }))];
    for (index, block) in thinking().as_array().unwrap().iter().enumerate() {
        let (empty, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                vec![
                    json!({ "type": "thinking_delta", "thinking": block["thinking"] }),
                    json!({ "type": "signature_delta", "signature": SIGNATURE }),
                ],
            ),
            "text" => (
                json!({ "type": "text", "text": "" }),
                vec![json!({ "type": "text_delta", "text": block["text"] })],
            ),
            _ => (
                json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} }),
                vec![json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() })],
            ),
        };
        let event = |kind: &str, fields: Value| {
            let mut event = json!({ "type": kind, "index": index });
            event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            named(kind, &event)
        };
        frames.push(event("content_block_start", json!({ "content_block": empty })));
        frames
            .extend(deltas.into_iter().map(|delta| event("content_block_delta", json!({ "delta": delta }))));
        frames.push(event("content_block_stop", json!({})));
    }
    frames.push(named(
        "message_delta",
        &json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use", "stop_sequence": null },
            "usage": { "output_tokens": 5 } }),
    ));
    frames.push(named("message_stop", &json!({ "type": "message_stop" })));
    Reply::sse(frames)
}

/// A first turn, and the second with what a client of chat completions sends back of it.
fn turns(model: &str, stream: bool) -> (Value, Value) {
    let tools = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let question = json!({ "role": "user", "content": "How is the weather in Bern?" });
    let call = json!({ "id": "toolu_1", "type": "function",
        "function": { "name": "weather", "arguments": "{\"city\":\"Bern\"}" } });
    let first = json!({ "model": model, "messages": [question], "tools": tools, "stream": stream,
        "reasoning_effort": "low" });
    let mut second = first.clone();
    second["messages"] = json!([question,
        { "role": "assistant", "content": "Let me look.", "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "toolu_1", "content": "rain" }]);
    (first, second)
}

#[tokio::test]
async fn a_signed_thought_comes_back_to_its_owner_and_goes_to_nobody_else() {
    let other = "another-key-of-the-tests";
    let bench = Setup::new().key(&format!("{{ name: other, key: {other} }}")).start().await;
    for stream in [false, true] {
        let (first, second) = turns("claude/claude-sonnet-4-5", stream);
        let reply = if stream { streamed() } else { Reply::json(200, &message(&thinking())) };
        bench.upstream.then(reply);
        let answer = bench.gateway.client().bearer(KEY).post("/v1/chat/completions", &first).await;
        assert_eq!(answer.status, 200);
        let said = answer.text().await;
        assert!(said.contains("toolu_1") && !said.contains(SIGNATURE), "{said}");

        bench.upstream.then(Reply::json(200, &message(&thinking())));
        let mut second = second;
        second["stream"] = false.into();
        let answer = bench.gateway.client().bearer(KEY).post("/v1/chat/completions", &second).await;
        assert_eq!(answer.status, 200);
        let sent = bench.upstream.seen().pop().unwrap().json();
        assert_eq!(sent["messages"][1]["content"], thinking(), "streamed: {stream}");

        // Another tenant sends the same words and gets nothing of it.
        bench.upstream.then(Reply::json(200, &message(&json!([{ "type": "text", "text": "Rain." }]))));
        let answer = bench.gateway.client().bearer(other).post("/v1/chat/completions", &second).await;
        assert_eq!(answer.status, 200);
        let sent = bench.upstream.seen().pop().unwrap();
        assert!(!String::from_utf8_lossy(&sent.body).contains(SIGNATURE));
    }
    // Another provider is not shown it either, and the receipt says so.
    let (_, second) = turns("google/gemini-2.5-flash", false);
    bench.upstream.then(crate::kinds::Kind::Google.says(
        false,
        &["rain"],
        testkit::shapes::Tokens { input: 9, cached: 0, output: 5, reasoning: 0 },
    ));
    let answer = bench.gateway.client().bearer(KEY).post("/v1/chat/completions", &second).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("x-pathgate-dropped").contains("messages[1].content[0]"), "{:?}", answer.headers);
    let sent = bench.upstream.seen().pop().unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains(SIGNATURE));
}

#[tokio::test]
async fn it_comes_back_after_a_restart() {
    let mut bench = Bench::start().await;
    let (first, second) = turns("claude/claude-sonnet-4-5", false);
    bench.upstream.then(Reply::json(200, &message(&thinking())));
    bench.gateway.client().bearer(KEY).post("/v1/chat/completions", &first).await.text().await;
    bench.gateway.terminate();
    bench.gateway.exited().await;
    let Bench { gateway, upstream } = bench;
    let bench = Bench { gateway: gateway.restart().await, upstream };
    bench.upstream.then(Reply::json(200, &message(&thinking())));
    bench.gateway.client().bearer(KEY).post("/v1/chat/completions", &second).await.text().await;
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert_eq!(sent["messages"][1]["content"], thinking());
}
