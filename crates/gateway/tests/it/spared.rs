//! What a model does not take is not sent to it in another dialect, or not a second time, and the client learns of it.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Exchange, Reply};

use crate::setup::{Bench, Setup};

const TOKENS: Tokens = Tokens { input: 9, cached: 0, output: 5, reasoning: 0 };

/// A turn as agents of Anthropic's dialect send it.
fn turn(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 8000, "stream": false, "temperature": 0.5,
        "thinking": { "type": "enabled", "budget_tokens": 5000 },
        "tools": [{ "name": "look", "description": "d", "input_schema": { "type": "object", "properties": {} } }],
        "messages": [{ "role": "user", "content": "Hello" }] })
}

fn refusing(message: &str, param: Option<&str>) -> Reply {
    Reply::json(
        400,
        &json!({ "error": { "message": message, "type": "invalid_request_error", "param": param } }),
    )
}

/// A model that takes none of these fields and says so, one at a time.
fn picky(fields: &'static [&'static str]) -> impl Fn(&Exchange) -> Reply + Send + 'static {
    move |call| match fields.iter().find(|field| call.json().get(**field).is_some()) {
        Some(field) => refusing(&format!("Unsupported parameter: '{field}' is not supported."), Some(field)),
        None => Reply::json(200, &openai::text("Fine", TOKENS)),
    }
}

fn sent(bench: &Bench) -> Vec<Value> {
    bench.upstream.seen().iter().map(Exchange::json).collect()
}

#[tokio::test]
async fn models_known_not_to_think_are_not_told_how_hard_to() {
    let groq = "gq: { kind: groq, base_url: \"{upstream}/gq/v1\", api_key: k, models: [some] }";
    let bench = Setup::new().provider(groq).start().await;
    bench.upstream.always(Reply::json(200, &openai::text("Fine", TOKENS)));
    for model in ["openai/gpt-4o-mini", "gq/llama-3.3-70b-versatile"] {
        let answer = bench.anthropic().post("/v1/messages", &turn(model)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-pathgate-dropped")),
            (200, "thinking"),
            "{model}"
        );
        let asked = json!({ "model": model, "input": "Hello", "reasoning": { "effort": "high" },
            "text": { "verbosity": "low" } });
        if model.starts_with("gq") {
            continue;
        }
        // A client of its own dialect is believed.
        let answer = bench.openai().post("/v1/responses", &asked).await;
        assert_eq!((answer.header("x-pathgate-attempts"), answer.header("x-pathgate-dropped")), ("1", ""));
    }
    for body in sent(&bench).iter().filter(|body| body.get("messages").is_some()) {
        assert!(body.get("reasoning_effort").is_none(), "{body}");
        assert_eq!(body["temperature"], 0.5);
    }
    // One that thinks is told.
    bench.anthropic().post("/v1/messages", &turn("openai/gpt-5")).await;
    let last = sent(&bench).pop().unwrap();
    assert_eq!(last["reasoning_effort"], "medium");
    assert!(last.get("temperature").is_none());
}

#[tokio::test]
async fn a_setting_that_a_provider_refuses_is_left_out_in_one_more_try() {
    let bench = Bench::start().await;
    bench.upstream.always_with(picky(&["reasoning_effort"]));
    let answer = bench.anthropic().post("/v1/messages", &turn("house/nobody-knows")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "thinking"));
    assert_eq!(answer.header("x-pathgate-attempts"), "2");
    let kept = bench.kept(&answer).await;
    let outcomes: Vec<&str> = kept.attempts.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["failed", "answered"]);
    let lost = json!({ "field": "thinking", "reason": "the provider refused the request with this field" });
    assert!(kept.request["dropped"].as_array().unwrap().contains(&lost), "{}", kept.request["dropped"]);
    let bodies = sent(&bench);
    assert_eq!(bodies[0]["reasoning_effort"], "medium");
    assert!(bodies[1].get("reasoning_effort").is_none() && bodies[1]["temperature"] == 0.5);

    // Who wants to lose nothing learns what is wrong.
    let strict = bench.anthropic().with("x-pathgate-strict", "true");
    assert_eq!(strict.post("/v1/messages", &turn("house/nobody-knows")).await.status, 400);
    assert_eq!(bench.upstream.seen().len(), 3);
    // So does who speaks the dialect of the model.
    let own = json!({ "model": "house/nobody-knows", "reasoning_effort": "low",
        "messages": [{ "role": "user", "content": "Hello" }] });
    assert_eq!(bench.openai().post("/v1/chat/completions", &own).await.status, 400);
    assert_eq!(bench.upstream.seen().len(), 4);
}

#[tokio::test]
async fn refusals_come_to_an_end() {
    let bench = Bench::start().await;
    bench.upstream.always_with(picky(&["reasoning_effort", "temperature", "stop"]));
    let mut all = turn("house/nobody-knows");
    all["stop_sequences"] = json!(["x"]);
    let answer = bench.anthropic().post("/v1/messages", &all).await;
    let lost = answer.header("x-pathgate-dropped").to_owned();
    assert_eq!(answer.status, 200);
    assert_eq!(lost, "thinking, temperature, stop_sequences");
    assert_eq!(answer.header("x-pathgate-attempts"), "4");

    // A server that names the same field again, and one that finds fault with what is not there, are believed at once.
    let before = bench.upstream.seen().len();
    bench
        .upstream
        .always(refusing("Unsupported parameter: 'temperature' is not supported.", Some("temperature")));
    let answer = bench.anthropic().post("/v1/messages", &all).await;
    assert_eq!((answer.status.as_u16(), bench.upstream.seen().len() - before), (400, 2));
    let before = bench.upstream.seen().len();
    bench
        .upstream
        .always(refusing("Unsupported parameter: 'verbosity' is not supported.", Some("verbosity")));
    assert_eq!(bench.anthropic().post("/v1/messages", &all).await.status, 400);
    assert_eq!(bench.upstream.seen().len() - before, 1);
}
