//! Thoughts that clients send back themselves, in the dialect of the provider that gets them: those of others do not end a
//! conversation.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Exchange, Reply};

use crate::kinds::Kind;
use crate::setup::{Bench, Setup};

const SIGNATURE: &str = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk";
const TOKENS: Tokens = Tokens { input: 9, cached: 0, output: 5, reasoning: 0 };

fn refused(message: &str, code: Option<&str>) -> Reply {
    Reply::json(
        400,
        &json!({"type": "error", "error": {"type": "invalid_request_error", "message": message, "code": code, "param": null}}),
    )
}

/// Claude's answer; it refuses thoughts that it has not signed.
fn claude(call: &Exchange) -> Reply {
    let body = call.json();
    let messages = body["messages"].as_array().unwrap();
    let blocks = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    if blocks.clone().any(|block| block["type"] == "thinking" && block["signature"] != SIGNATURE) {
        return refused("messages.1.content.0: Invalid `signature` in `thinking` block", None);
    }
    let content = json!([{"type": "text", "text": "Fine"}]);
    Reply::json(
        200,
        &json!({"id": "msg_2", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 2}}),
    )
}

/// A conversation with a thought in it.
fn messages(signature: &str) -> Value {
    json!({"model": Kind::Claude.model(), "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "I ponder.", "signature": signature},
                {"type": "text", "text": "Hello"}]},
            {"role": "user", "content": "and?"}]})
}

#[tokio::test]
async fn thoughts_that_nobody_signed_or_another_do_not_reach_claude() {
    let bench = Bench::start().await;
    bench.upstream.always_with(claude);
    for (signature, calls) in [(SIGNATURE, 1), ("", 1), ("c29tZWJvZHk=", 2)] {
        let before = bench.upstream.seen().len();
        let answer = bench.anthropic().post("/v1/messages", &messages(signature)).await;
        let lost = answer.header("x-pathgate-dropped").to_owned();
        assert_eq!(answer.status, 200, "{signature}");
        assert_eq!(answer.json().await["content"][0]["text"], "Fine");
        assert_eq!(bench.upstream.seen().len() - before, calls, "{signature}");
        let sent = bench.upstream.seen().pop().unwrap().json();
        if signature == SIGNATURE {
            assert_eq!(
                (sent["messages"].clone(), lost.as_str()),
                (messages(signature)["messages"].clone(), "")
            );
        } else {
            assert_eq!(sent["messages"][1]["content"], json!("Hello"), "{signature}");
            assert!(lost.contains("messages[1]"), "{lost}");
        }
    }
}

#[tokio::test]
async fn a_tool_is_answered_without_thoughts_where_there_are_none_that_count() {
    let bench = Bench::start().await;
    bench.upstream.always_with(claude);
    let mut request = messages("");
    request["tools"] = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    request["messages"][1]["content"][1] = json!({"type": "tool_use", "id": "t_1", "name": "f", "input": {}});
    request["messages"][2]["content"] =
        json!([{"type": "tool_result", "tool_use_id": "t_1", "content": "x"}]);
    let answer = bench.anthropic().post("/v1/messages", &request).await;
    assert_eq!(answer.status, 200);
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert_ne!(sent["thinking"]["type"], "enabled", "Claude wants a thought before each call: {sent}");
}

/// OpenAI's answer; it looks up items by their ids and reads its own thoughts only.
fn responses(call: &Exchange) -> Reply {
    let body = call.json();
    for item in body["input"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().unwrap_or_default();
        if id.contains("_pg") {
            let message = format!("Item with id '{id}' not found.");
            return Reply::json(
                404,
                &json!({"error": {"message": message, "type": "invalid_request_error", "param": "input", "code": null}}),
            );
        }
        if item["encrypted_content"].as_str().is_some_and(|sealed| sealed != "own") {
            return refused(
                "The encrypted content could not be verified.",
                Some("invalid_encrypted_content"),
            );
        }
    }
    Reply::json(
        200,
        &json!({"id": "resp_2", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [],
            "usage": {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}}),
    )
}

#[tokio::test]
async fn items_that_openai_does_not_know_do_not_reach_it() {
    let bench = Bench::start().await;
    bench.upstream.always_with(responses);
    let question = json!({"role": "user", "content": "hi"});
    let said = |id: &str| json!({"type": "message", "id": id, "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]});
    let plain = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]});
    let thought = |id: &str| json!({"type": "reasoning", "id": id, "summary": []});
    let sealed = |by: &str| json!({"type": "reasoning", "summary": [], "encrypted_content": by});
    for store in [false, true] {
        for (sent, got, calls) in [
            (json!([question, thought("rs_msg_7_pg0"), said("msg_msg_7_pg1")]), json!([question, plain]), 1),
            (
                json!([question, sealed("own"), said("msg_67cc")]),
                json!([question, sealed("own"), said("msg_67cc")]),
                1,
            ),
            (json!([question, sealed("other"), said("msg_67cc")]), json!([question, plain]), 2),
            (
                json!([question, thought("rs_68af_pg00"), said("msg_67cc")]),
                json!([question, said("msg_67cc")]),
                1,
            ),
        ] {
            let what = format!("{store} {sent}");
            let before = bench.upstream.seen().len();
            let request = json!({"model": Kind::Openai.model(), "store": store, "input": sent});
            let answer = bench.openai().post("/v1/responses", &request).await;
            assert_eq!(answer.status, 200, "{what}");
            assert_eq!(answer.header("x-pathgate-dropped").contains("input"), sent != got, "{what}");
            assert_eq!(bench.upstream.seen().len() - before, calls, "{what}");
            assert_eq!(bench.upstream.seen().pop().unwrap().json()["input"], got, "{what}");
        }
    }
}

/// A call of Gemini's that carries a signature, and the turn that answers it.
async fn after_a_call(bench: &Bench, model: &str) -> Value {
    let parts = json!([
        {"text": "I ponder.", "thought": true},
        {"functionCall": {"name": "f", "args": {"c": "Bern"}}, "thoughtSignature": "U0lHMQ=="}]);
    let candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"});
    bench.upstream.then(Reply::json(
        200,
        &json!({"responseId": "r1", "modelVersion": "m", "candidates": [candidate],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3}}),
    ));
    let question = json!({"role": "user", "content": "weather?"});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let mut request = json!({"model": model, "messages": [question], "tools": tools});
    let said = bench.openai().post("/v1/chat/completions", &request).await.json().await;
    let message = said["choices"][0]["message"].clone();
    let result = json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"});
    request["messages"] = json!([question, {"role": "assistant", "content": null, "tool_calls": message["tool_calls"]}, result]);
    request
}

fn google(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}))
}

#[tokio::test]
async fn the_first_refusal_counts_where_the_second_is_one_too() {
    let bench = Bench::start().await;
    let request = after_a_call(&bench, &Kind::Google.model()).await;
    bench.upstream.then(google(400, "First")).then(google(400, "Second"));
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    assert_eq!(answer.header("x-pathgate-attempts"), "2");
    assert_eq!(answer.json().await["error"]["message"], "First");

    // What says itself what it means is not asked again.
    bench.upstream.then(google(400, "The input token count exceeds the maximum"));
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (400, "1"));
}

#[tokio::test]
async fn thoughts_that_the_client_could_not_send_are_no_loss_of_its() {
    let bench = Bench::start().await;
    let request = after_a_call(&bench, &Kind::Google.model()).await;
    bench.upstream.then(Kind::Google.says(false, &["Rain"], TOKENS));
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    let sent = bench.upstream.seen().pop().unwrap();
    assert!(String::from_utf8_lossy(&sent.body).contains("U0lHMQ=="));
}

#[tokio::test]
async fn a_picture_of_an_earlier_turn_weighs_as_one() {
    let bench = Setup::new().start().await;
    let picture = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(400_000));
    let input = json!([{"role": "user", "content": [{"type": "input_image", "image_url": picture}]}]);
    let mut whole = openai::text("A cat", TOKENS);
    whole.as_object_mut().unwrap().remove("usage");
    bench.upstream.then(Reply::json(200, &whole));
    let request = json!({"model": Kind::House.model(), "input": input});
    let first = bench.openai().post("/v1/responses", &request).await.json().await;
    bench.upstream.then(Reply::json(200, &whole));
    let request = json!({"model": Kind::House.model(), "input": "and?", "previous_response_id": first["id"]});
    let answer = bench.openai().post("/v1/responses", &request).await;
    let kept = bench.kept(&answer).await;
    let input = kept.attempts[0]["usage"]["input"].as_u64().unwrap();
    assert!((1000..3000).contains(&input) && kept.attempts[0]["usage_source"] == "estimated", "{input}");
}
