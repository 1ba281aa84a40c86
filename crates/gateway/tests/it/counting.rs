//! `count_tokens` in its four dialects: answered by the provider where it can count, here where it cannot.

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::upstream::Reply;

use crate::setup::{Bench, SECRET, Setup};

const TEXT: &str = "Hello, world! Is it high tide yet?";

/// The question in each dialect: its path and its body.
fn questions(model: &str, text: &str) -> [(String, Value); 3] {
    [
        (
            "/v1/messages/count_tokens".to_owned(),
            json!({ "model": model, "messages": [{ "role": "user", "content": text }] }),
        ),
        (
            format!("/v1beta/models/{model}:countTokens"),
            json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] }),
        ),
        ("/v1/responses/input_tokens".to_owned(), json!({ "model": model, "input": text })),
    ]
}

async fn tokens(answer: Answer) -> u64 {
    let body = answer.json().await;
    ["input_tokens", "totalTokens", "inputTokens"].iter().find_map(|name| body[name].as_u64()).unwrap()
}

#[tokio::test]
async fn a_model_whose_provider_cannot_count_is_counted_here() {
    let bench = Bench::start().await;
    let converse = json!({ "messages": [{ "role": "user", "content": [{ "text": TEXT }] }] });
    let bedrock = "/bedrock/model/house%2Fllama-3.3-70b/count-tokens".to_owned();
    let others = [(bedrock, json!({ "input": { "converse": converse } }))];
    for (path, body) in questions("house/llama-3.3-70b", TEXT).into_iter().chain(others) {
        let answer = bench.openai().post(&path, &body).await;
        assert_eq!(answer.status, 200, "{path}");
        let stated = answer.header("x-pathgate-estimated").to_owned();
        let error: u64 =
            stated.strip_prefix("tokens; error=").unwrap().strip_suffix('%').unwrap().parse().unwrap();
        assert!((1..=60).contains(&error), "{stated}");
        assert_eq!(answer.header("x-pathgate-cost"), "0");
        assert_eq!(answer.header("x-pathgate-attempts"), "0");
        let kept = bench.kept(&answer).await;
        assert!(kept.attempts.is_empty());
        assert_eq!(
            (&kept.request["operation"], &kept.request["outcome"], &kept.request["cost_nano_usd"]),
            (&json!("count_tokens"), &json!("answered"), &json!(0))
        );
        let basis = kept.request["detail"].as_str().unwrap();
        assert_eq!(basis, format!("counted for house/llama-3.3-70b, estimated: error {error}%"));
        // Nine tokens of text, and what frames them.
        assert!((10..=25).contains(&tokens(answer).await), "{path}");
    }
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn texts_for_openai_s_models_are_counted_exactly() {
    let bench = Bench::start().await;
    for (path, body) in questions("house/openai/gpt-4o", TEXT) {
        let answer = bench.openai().post(&path, &body).await;
        assert_eq!((answer.status.as_u16(), answer.headers.get("x-pathgate-estimated")), (200, None));
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.request["detail"], "counted for house/openai/gpt-4o, exactly");
        assert_eq!(tokens(answer).await, 10 + 7);
    }
}

#[tokio::test]
async fn a_provider_that_counts_is_asked_before_one_that_cannot() {
    let setup = Setup::new().section(
        "models:\n  mixed:\n    route:\n      targets: [{ to: house/qwen3 }]\n      fallback: [claude/claude-sonnet-4-5]\n",
    );
    let bench = setup.start().await;
    for (path, body) in questions("mixed", TEXT) {
        bench.upstream.then(Reply::json(200, &json!({ "input_tokens": 4_321 })));
        let answer = bench.openai().post(&path, &body).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.header("x-pathgate-model"),
                answer.headers.get("x-pathgate-estimated")
            ),
            (200, "claude/claude-sonnet-4-5", None)
        );
        assert_eq!(tokens(answer).await, 4_321);
    }
    let asked = bench.upstream.seen();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|call| call.path == "/claude/v1/messages/count_tokens"));
}

#[tokio::test]
async fn openai_counts_for_clients_of_all_dialects() {
    let bench = Bench::start().await;
    for (path, body) in questions("openai/gpt-5", TEXT) {
        bench
            .upstream
            .then(Reply::json(200, &json!({ "object": "response.input_tokens", "input_tokens": 15 })));
        let answer = bench.openai().post(&path, &body).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-cost")), (200, "0"));
        assert_eq!(tokens(answer).await, 15);
        assert_eq!(bench.upstream.seen().pop().unwrap().path, "/openai/v1/responses/input_tokens");
    }
}

#[tokio::test]
async fn a_server_without_the_path_is_counted_for() {
    let bench = Bench::start().await;
    for status in [404, 405, 501] {
        for (path, body) in questions("openai/gpt-5", TEXT) {
            bench.upstream.always(Reply::json(status, &json!({ "detail": "Not Found" })));
            let answer = bench.openai().post(&path, &body).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-cost")), (200, "0"), "{status}");
            let kept = bench.kept(&answer).await;
            assert_eq!(kept.request["outcome"], "answered");
            assert_eq!(kept.request["detail"], "counted for openai/gpt-5, exactly");
            assert!(tokens(answer).await > 10);
        }
    }
    // That there is no such model is the answer.
    let unknown =
        json!({ "error": { "message": "The model `gpt-5` does not exist", "code": "model_not_found" } });
    bench.upstream.always(Reply::json(404, &unknown));
    let (path, body) = questions("openai/gpt-5", TEXT)[2].clone();
    assert_eq!(bench.openai().post(&path, &body).await.status, 404);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_here_too() {
    let bench = Bench::start().await;
    let answer = bench.openai().post("/v1/messages/count_tokens", &json!({ "model": "house/m" })).await;
    assert_eq!(answer.status, 400);
    let models =
        json!({ "model": "openai/text-embedding-3-small", "messages": [{ "role": "user", "content": "a" }] });
    let answer = bench.openai().post("/v1/messages/count_tokens", &models).await;
    assert_eq!(answer.status, 400);
    assert!(!String::from_utf8_lossy(&answer.bytes().await).contains(SECRET));
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn what_a_conversation_goes_on_from_is_counted_too() {
    let bench = Bench::start().await;
    let first = json!({ "model": "claude/claude-sonnet-4-5", "input": "word ".repeat(500) });
    bench.upstream.then(Reply::json(
        200,
        &json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{ "type": "text", "text": "ONE" }], "usage": { "input_tokens": 500, "output_tokens": 1 } }),
    ));
    let made = bench.openai().post("/v1/responses", &first).await.json().await;
    let ask = |model: &str, previous: &str| json!({ "model": model, "input": "And?", "previous_response_id": previous });
    let id = made["id"].as_str().unwrap();
    // The one counts for itself, the other would, but does not know the response.
    for model in ["house/qwen3", "openai/gpt-5"] {
        let answer = bench.openai().post("/v1/responses/input_tokens", &ask(model, id)).await;
        assert_eq!(answer.status, 200);
        let counted = tokens(answer).await;
        assert!((500..700).contains(&counted), "{model}: {counted}");
    }
    let refused = bench.openai().post("/v1/responses/input_tokens", &ask("house/qwen3", "resp_none")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("x-pathgate-error")),
        (400, "previous_response_not_found")
    );
}
