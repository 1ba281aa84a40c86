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

/// What a client of chat completions asks.
fn chat(messages: &Value) -> Value {
    json!({ "model": "claude/claude-sonnet-4-5", "messages": messages, "reasoning_effort": "low" })
}

/// Asks, and gives what reached the provider.
async fn sent(bench: &Bench, path: &str, content: &Value, request: &Value) -> Value {
    bench.upstream.then(Reply::json(200, &message(content)));
    let answer = bench.gateway.client().bearer(KEY).post(path, request).await;
    assert_eq!(answer.status, 200, "{request}");
    answer.text().await;
    bench.upstream.seen().pop().unwrap().json()
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn thoughts_of_one_conversation_come_into_no_other() {
    let bench = Bench::start().await;
    let user = |text: &str| json!({ "role": "user", "content": text });
    let yes = json!({ "role": "assistant", "content": "Yes." });
    let answer = json!([
        { "type": "thinking", "thinking": "About Ann.", "signature": SIGNATURE },
        { "type": "text", "text": "Yes." }
    ]);
    let ann = [json!({ "role": "system", "content": "For Ann." }), user("Is it open?")];
    sent(&bench, CHAT, &answer, &chat(&json!(ann))).await;

    let goes_on = |system: &str, question: &str| {
        let system = json!({ "role": "system", "content": system });
        chat(&json!([system, user(question), yes, user("Sure?")]))
    };
    for (system, question) in [("For Ann.", "Is it shut?"), ("For Bob.", "Is it open?")] {
        let reached = sent(&bench, CHAT, &json!([]), &goes_on(system, question)).await;
        assert!(!reached.to_string().contains(SIGNATURE), "{reached}");
    }
    let reached = sent(&bench, CHAT, &json!([]), &goes_on("For Ann.", "Is it open?")).await;
    assert_eq!(reached["messages"][1]["content"], answer);
}

#[tokio::test]
async fn ids_that_repeat_in_every_conversation_tell_nothing() {
    let bench = Bench::start().await;
    let id = "functions.weather:0";
    let answer = json!([
        { "type": "thinking", "thinking": "About Ann.", "signature": SIGNATURE },
        { "type": "tool_use", "id": id, "name": "weather", "input": {} }
    ]);
    let asks = |who: &str| {
        json!([{ "role": "user", "content": format!("I am {who}.") }, { "role": "assistant", "content": "Hello." },
            { "role": "user", "content": "The weather?" }])
    };
    sent(&bench, CHAT, &answer, &chat(&asks("Ann"))).await;
    for who in ["Bob", "Ann"] {
        let mut messages = asks(who);
        messages.as_array_mut().unwrap().extend([
            json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": id, "type": "function",
                "function": { "name": "weather", "arguments": "{}" } }] }),
            json!({ "role": "tool", "tool_call_id": id, "content": "rain" }),
        ]);
        let reached = sent(&bench, CHAT, &json!([]), &chat(&messages)).await;
        assert_eq!(reached.to_string().contains(SIGNATURE), who == "Ann", "{reached}");
    }
}

#[tokio::test]
async fn a_client_without_ids_gets_its_thoughts_back() {
    let bench = Bench::start().await;
    let question = json!({ "role": "user", "content": "How is the weather in Bern?" });
    let ask = |messages: Value| {
        json!({ "model": "claude/claude-sonnet-4-5", "messages": messages, "stream": false, "think": true,
            "tools": [{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }] })
    };
    let path = "/ollama/api/chat";
    sent(&bench, path, &thinking(), &ask(json!([question]))).await;
    let call = json!({ "function": { "name": "weather", "arguments": { "city": "Bern" } } });
    let second = ask(json!([question,
        { "role": "assistant", "content": "Let me look.", "tool_calls": [call] },
        { "role": "tool", "tool_name": "weather", "content": "rain" }]));
    let reached = sent(&bench, path, &thinking(), &second).await;
    assert_eq!(reached["messages"][1]["content"][0], thinking()[0], "{reached}");
}

#[tokio::test]
async fn each_target_of_a_route_gets_what_is_its_own_and_strict_mode_does_not_mind() {
    let routes = "models:\n  both: { route: { targets: [ { to: google/gemini-2.5-flash } ], \
                  fallback: [ claude/claude-sonnet-4-5 ], retry: { per_deployment: 1 } } }";
    let bench = Setup::new().section(routes).start().await;
    let (first, mut second) = turns("claude/claude-sonnet-4-5", false);
    sent(&bench, CHAT, &thinking(), &first).await;

    second["model"] = "both".into();
    bench.upstream.then(Reply::json(500, &json!({ "error": { "code": 500, "message": "No" } })));
    bench.upstream.then(Reply::json(200, &message(&thinking())));
    let client = bench.gateway.client().bearer(KEY).with("x-pathgate-strict", "true");
    let answer = client.post(CHAT, &second).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    let seen = bench.upstream.seen();
    let [.., google, claude] = seen.as_slice() else { panic!("two calls") };
    assert!(!String::from_utf8_lossy(&google.body).contains(SIGNATURE));
    assert_eq!(claude.json()["messages"][1]["content"], thinking());
}

const RESPONSES: &str = "/v1/responses";

/// An answer of OpenAI's with thoughts that only its account can read.
fn sealed(id: &str, by: &str) -> Value {
    json!({ "id": id, "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-codex", "output": [
        { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": format!("sealed-by-{by}") },
        { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "Hello there", "annotations": [] }] }
    ], "usage": { "input_tokens": 5, "output_tokens": 5, "total_tokens": 10 } })
}

fn not_verified() -> Reply {
    Reply::json(
        400,
        &json!({ "error": { "message": "The encrypted content could not be verified.",
        "type": "invalid_request_error", "param": null, "code": "invalid_encrypted_content" } }),
    )
}

/// Two accounts at one provider, behind one name.
fn two_accounts() -> Setup {
    let routes = "models:\n  both: { route: { targets: [ { to: openai/gpt-5-codex } ], \
                  fallback: [ openai2/gpt-5-codex ], retry: { per_deployment: 1 } } }";
    Setup::new()
        .provider(
            "openai2: { kind: openai, base_url: \"{upstream}/openai2/v1\", api_key: k2, models: [some] }",
        )
        .section(routes)
}

fn goes_on(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" },
        { "role": "assistant", "content": "Hello there" }, { "role": "user", "content": "And now?" }] })
}

#[tokio::test]
async fn encrypted_thoughts_go_to_no_other_account() {
    let bench = two_accounts().start().await;
    bench.upstream.then(Reply::json(200, &sealed("resp_1", "openai")));
    let first = json!({ "model": "both", "messages": [{ "role": "user", "content": "Hello" }] });
    let client = bench.gateway.client().bearer(KEY);
    assert_eq!(client.post(CHAT, &first).await.status, 200);

    bench.upstream.then(Reply::json(503, &json!({ "error": { "message": "busy" } })));
    bench.upstream.then(Reply::json(200, &sealed("resp_2", "openai2")));
    let answer = bench
        .gateway
        .client()
        .bearer(KEY)
        .with("x-pathgate-strict", "true")
        .post(CHAT, &goes_on("both"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-pathgate-dropped"), "messages[1].content[0]");
    let seen = bench.upstream.seen();
    let [.., owner, other] = seen.as_slice() else { panic!("two calls") };
    assert!(String::from_utf8_lossy(&owner.body).contains("sealed-by-openai"));
    let other = other.json();
    assert!(!other.to_string().contains("sealed") && !other.to_string().contains("reasoning\""), "{other}");
}

#[tokio::test]
async fn a_kept_response_goes_to_another_account_without_its_encrypted_thoughts() {
    let bench = two_accounts().start().await;
    bench.upstream.then(Reply::json(200, &sealed("resp_1", "openai")));
    let client = bench.gateway.client().bearer(KEY);
    let first = json!({ "model": "openai/gpt-5-codex", "input": "Hello" });
    assert_eq!(client.post(RESPONSES, &first).await.status, 200);

    bench.upstream.then(Reply::json(200, &sealed("resp_2", "openai2")));
    let second =
        json!({ "model": "openai2/gpt-5-codex", "input": "And now?", "previous_response_id": "resp_1" });
    let answer = bench.gateway.client().bearer(KEY).post(RESPONSES, &second).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "previous_response_id"));
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert!(!sent.to_string().contains("sealed"), "{sent}");
    assert_eq!(sent["input"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_provider_refuses_is_sent_once_more_without_what_was_put_back() {
    let bench = two_accounts().start().await;
    bench.upstream.then(Reply::json(200, &sealed("resp_1", "openai")));
    let first =
        json!({ "model": "openai/gpt-5-codex", "messages": [{ "role": "user", "content": "Hello" }] });
    assert_eq!(bench.gateway.client().bearer(KEY).post(CHAT, &first).await.status, 200);

    // The account belongs to another organisation by now.
    bench.upstream.then(not_verified());
    bench.upstream.then(Reply::json(200, &sealed("resp_2", "openai")));
    let answer = bench.gateway.client().bearer(KEY).post(CHAT, &goes_on("openai/gpt-5-codex")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-pathgate-dropped")),
        (200, "messages[1].content[0]")
    );
    assert_eq!(answer.header("x-pathgate-attempts"), "2");
    let seen = bench.upstream.seen();
    let [.., with, without] = seen.as_slice() else { panic!("two calls") };
    assert!(String::from_utf8_lossy(&with.body).contains("sealed"));
    assert!(!String::from_utf8_lossy(&without.body).contains("sealed"));

    // Where that was not it, the client learns what is wrong, once.
    let before = bench.upstream.seen().len();
    bench.upstream.then(not_verified());
    bench.upstream.then(not_verified());
    let answer = bench.gateway.client().bearer(KEY).post(CHAT, &goes_on("openai/gpt-5-codex")).await;
    assert_eq!((answer.status.as_u16(), bench.upstream.seen().len() - before), (400, 2));
    // A request that holds nothing else than its client said is not sent again.
    bench.upstream.then(not_verified());
    assert_eq!(bench.gateway.client().bearer(KEY).post(CHAT, &first).await.status, 400);
    assert_eq!(bench.upstream.seen().len() - before, 3);
}

#[tokio::test]
async fn thoughts_of_one_server_are_not_shown_to_another() {
    let bench = Setup::new()
        .provider("gq: { kind: groq, base_url: \"{upstream}/gq/v1\", api_key: k, models: [some] }")
        .start()
        .await;
    let said = |more: Value| {
        let mut message = json!({ "role": "assistant", "content": "Plain answer" });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Reply::json(
            200,
            &json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 } }),
        )
    };
    bench.upstream.then(said(json!({ "reasoning_content": "A thought", "reasoning_details":
        [{ "type": "reasoning.encrypted", "data": "sealed" }] })));
    let question = json!({ "role": "user", "content": "Hello" });
    let first = json!({ "model": "house/qwen3", "max_tokens": 50, "messages": [question] });
    let messages = "/v1/messages";
    assert_eq!(bench.gateway.client().bearer(KEY).post(messages, &first).await.status, 200);
    for (model, mine) in
        [("gq/llama-3.3-70b-versatile", false), ("openai/gpt-4.1", false), ("house/qwen3", true)]
    {
        bench.upstream.then(said(json!({})));
        let mut second = first.clone();
        second["model"] = model.into();
        second["messages"] = json!([question, { "role": "assistant", "content": "Plain answer" },
            { "role": "user", "content": "And now?" }]);
        let answer = bench.gateway.client().bearer(KEY).post(messages, &second).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-pathgate-dropped").is_empty()),
            (200, mine),
            "{model}"
        );
        let sent = bench.upstream.seen().pop().unwrap().json();
        assert_eq!(sent["messages"][1]["reasoning_content"] == "A thought", mine, "{sent}");
        assert_eq!(sent.to_string().contains("sealed"), mine, "{sent}");
    }
}

#[tokio::test]
async fn signatures_hold_among_those_who_offer_the_model_alone() {
    let bench = Setup::new()
        .provider(
            "claude2: { kind: anthropic, base_url: \"{upstream}/claude2\", api_key: k, models: [some] }",
        )
        .provider("snow: { kind: snowflake, base_url: \"{upstream}/snow\", api_key: k, models: [some] }")
        .start()
        .await;
    let answer = json!([{ "type": "thinking", "thinking": "Is it?", "signature": SIGNATURE },
        { "type": "text", "text": "Yes." }]);
    for (from, to, goes) in [
        ("claude", "claude2", true),
        ("snow", "snow", true),
        ("snow", "claude", false),
        ("claude", "snow", false),
    ] {
        // Each its own conversation.
        let question = json!({ "role": "user", "content": format!("From {from} to {to}") });
        let yes = json!({ "role": "assistant", "content": "Yes." });
        let sure = json!({ "role": "user", "content": "Sure?" });
        for (account, input) in [(from, json!([question])), (to, json!([question, yes, sure]))] {
            bench.upstream.then(Reply::json(200, &message(&answer)));
            let model = format!("{account}/claude-sonnet-4-5");
            let asked =
                json!({ "model": model, "input": input, "store": false, "reasoning": { "effort": "low" } });
            let answer = bench.gateway.client().bearer(KEY).post(RESPONSES, &asked).await;
            assert_eq!(answer.status, 200, "{from} {to}");
        }
        let sent = bench.upstream.seen().pop().unwrap().json();
        assert_eq!(sent.to_string().contains(SIGNATURE), goes, "{from} {to}: {sent}");
    }
}

#[tokio::test]
async fn thoughts_stand_first_in_an_answer_that_comes_back_as_two_messages() {
    let bench = Bench::start().await;
    let (first, mut second) = turns("claude/claude-sonnet-4-5", false);
    sent(&bench, CHAT, &thinking(), &first).await;
    let whole = second["messages"][1].clone();
    second["messages"] = json!([second["messages"][0], { "role": "assistant", "content": whole["content"] },
        { "role": "assistant", "content": null, "tool_calls": whole["tool_calls"] }, second["messages"][2]]);
    let reached = sent(&bench, CHAT, &thinking(), &second).await;
    assert_eq!(reached["messages"][1]["content"], thinking());
    assert_eq!(reached["thinking"]["type"], "enabled");
    // Where they are not found, the model does not think: it would refuse to go on without them.
    second["messages"][0]["content"] = "Another question".into();
    let reached = sent(&bench, CHAT, &thinking(), &second).await;
    assert_eq!(reached["messages"][1]["content"][0]["type"], "text");
    assert_eq!(reached.get("thinking"), None);
}
