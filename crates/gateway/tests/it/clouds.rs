//! Services with ways of their own, as their clients and the ledger see them: vectors and ranks in a service's own form, pictures
//! on Vertex AI, streams that tell usage unasked, predictions that are followed or told to stop.

use serde_json::{Value, json};
use testkit::upstream::{Exchange, Reply};

use crate::setup::{Bench, Setup, request_id};

async fn start() -> Bench {
    let accounts = [
        "mistral: { kind: mistral, base_url: \"{upstream}/mistral/v1\", api_key: k, models: [some] }",
        "replicate: { kind: replicate, base_url: \"{upstream}/replicate/v1\", api_key: k, models: [some] }",
        "snowflake: { kind: snowflake, base_url: \"{upstream}/snowflake\", api_key: k, models: [some] }",
        "vertex: { kind: vertex, base_url: \"{upstream}/vertex/v1\", access_token: t, project: p, models: [some] }",
        "watsonx: { kind: watsonx, base_url: \"{upstream}/watsonx\", access_token: t, project_id: p, models: [some] }",
    ];
    let setup = accounts.into_iter().fold(Setup::new().without_accounts(), Setup::provider);
    setup.start().await
}

fn strict(bench: &Bench) -> testkit::client::Client {
    bench.openai().with("x-pathgate-strict", "true")
}

/// Mistral takes ids of its own form, and no word of the user's after results.
fn mistral(call: &Exchange) -> Reply {
    let body = call.json();
    let messages = body["messages"].as_array().unwrap();
    let strange = |message: &Value| message["tool_call_id"].as_str().is_some_and(|id| id.len() != 9);
    let refusal = |message: &str, code: &str| {
        Reply::json(
            400,
            &json!({ "object": "error", "message": message, "type": "invalid", "param": null, "code": code }),
        )
    };
    if messages.iter().any(strange) {
        return refusal("Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.", "3280");
    }
    if messages.windows(2).any(|pair| pair[0]["role"] == "tool" && pair[1]["role"] == "user") {
        return refusal("Unexpected role 'user' after role 'tool'", "3230");
    }
    Reply::json(
        200,
        &json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            { "index": 0, "message": { "role": "assistant", "content": "Fine" }, "finish_reason": "stop" }] }),
    )
}

#[tokio::test]
async fn what_another_called_goes_on_at_mistral() {
    let bench = start().await;
    bench.upstream.always_with(mistral);
    for (id, then, calls) in [("call_1", "user", 2), ("D681PevKs", "user", 2), ("D681PevKs", "assistant", 1)]
    {
        let before = bench.upstream.seen().len();
        let call = json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
        let asks = json!({ "model": "mistral/m", "messages": [
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": id, "content": "1" },
            { "role": then, "content": "so" }, { "role": "user", "content": "and" }] });
        let answer = bench.openai().post("/v1/chat/completions", &asks).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""), "{id}");
        assert_eq!(answer.json().await["choices"][0]["message"]["content"], "Fine");
        assert_eq!(bench.upstream.seen().len() - before, calls, "{id} {then}");
    }
}

#[tokio::test]
async fn mistral_tells_usage_unasked() {
    let bench = start().await;
    let chunk = |delta: Value, end: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": end });
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
    };
    let mut last = chunk(json!({ "content": "" }), json!("stop"));
    last["usage"] = json!({ "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9 });
    let frames = [
        format!("data: {}\n\n", chunk(json!({ "role": "assistant", "content": "Hi" }), Value::Null)),
        format!("data: {last}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    for options in [Value::Null, json!({ "include_usage": true })] {
        let mut ask = json!({ "model": "mistral/m", "stream": true, "messages": messages });
        if options.is_object() {
            ask["stream_options"] = options;
        }
        for client in [bench.openai(), strict(&bench)] {
            bench.upstream.then(Reply::sse(frames.clone()));
            let answer = client.post("/v1/chat/completions", &ask).await;
            assert_eq!((answer.status.as_u16(), answer.headers.get("x-pathgate-dropped")), (200, None));
            let id = request_id(&answer);
            assert!(answer.text().await.contains("\"total_tokens\":9"));
            let usage = &bench.kept_of(&id).await.attempts[0]["usage"];
            assert_eq!((&usage["input"], &usage["output"]), (&json!(7), &json!(2)));
            assert_eq!(bench.upstream.seen().pop().unwrap().json().get("stream_options"), None);
        }
    }
}

#[tokio::test]
async fn vectors_come_from_services_with_a_form_of_their_own() {
    let bench = start().await;
    let ibm = json!({ "model_id": "m", "input_token_count": 7, "results": [{ "embedding": [0.5, -0.25, 0.125, 1.0] }] });
    let snow = json!({ "object": "list", "model": "m", "usage": { "total_tokens": 7 },
        "data": [{ "index": 0, "embedding": [[0.5, -0.25, 0.125, 1.0]] }] });
    for (account, reply, path) in [
        ("watsonx", ibm, "/watsonx/ml/v1/text/embeddings?version=2025-10-01"),
        ("snowflake", snow, "/snowflake/api/v2/cortex/inference:embed"),
    ] {
        for (format, vector) in
            [("float", json!([0.5, -0.25, 0.125, 1.0])), ("base64", json!("AAAAPwAAgL4AAAA+AACAPw=="))]
        {
            bench.upstream.then(Reply::json(200, &reply));
            let ask =
                json!({ "model": format!("{account}/embed"), "input": "one", "encoding_format": format });
            let answer = strict(&bench).post("/v1/embeddings", &ask).await;
            assert_eq!(answer.status, 200, "{account}");
            assert_eq!(bench.kept(&answer).await.attempts[0]["usage"]["input"], 7);
            assert_eq!(answer.json().await["data"][0]["embedding"], vector, "{account} {format}");
            assert_eq!(bench.upstream.seen().pop().unwrap().path, path);
        }
    }
    let refused = json!({ "errors": [{ "code": "model_not_supported", "message": "No such model" }] });
    bench.upstream.then(Reply::json(404, &refused));
    let answer =
        bench.openai().post("/v1/embeddings", &json!({ "model": "watsonx/x", "input": "one" })).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().await.contains("No such model"));
}

#[tokio::test]
async fn ibm_ranks_for_clients_of_cohere() {
    let bench = start().await;
    let reply = json!({ "model_id": "m", "input_token_count": 9, "results": [{ "index": 1, "score": 0.5 }] });
    bench.upstream.then(Reply::json(200, &reply));
    let ask = json!({ "model": "watsonx/m", "query": "q", "documents": ["a", "b"], "top_n": 1 });
    let answer = strict(&bench).post("/v2/rerank", &ask).await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.kept(&answer).await.attempts[0]["usage"]["input"], 9);
    assert_eq!(answer.json().await["results"], json!([{ "index": 1, "relevance_score": 0.5 }]));
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.path, "/watsonx/ml/v1/text/rerank?version=2025-10-01");
    assert_eq!(call.json()["inputs"], json!([{ "text": "a" }, { "text": "b" }]));
}

#[tokio::test]
async fn vertex_draws() {
    let bench = start().await;
    let picture = json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } });
    let gemini = json!({ "candidates": [{ "content": { "parts": [picture] } }] });
    let imagen = json!({ "predictions": [{ "bytesBase64Encoded": "AAAA", "mimeType": "image/png" }] });
    for (model, reply, method) in [
        ("gemini-2.5-flash-image", gemini, "generateContent"),
        ("imagen-4.0-generate-001", imagen, "predict"),
    ] {
        bench.upstream.then(Reply::json(200, &reply));
        let ask = json!({ "model": format!("vertex/{model}"), "prompt": "a cat" });
        let answer = strict(&bench).post("/v1/images/generations", &ask).await;
        assert_eq!(answer.json().await["data"], json!([{ "b64_json": "AAAA" }]));
        let home = "/vertex/v1/projects/p/locations/global/publishers/google/models";
        assert_eq!(bench.upstream.seen().pop().unwrap().path, format!("{home}/{model}:{method}"));
    }
}

#[tokio::test]
async fn a_prediction_is_followed_or_told_to_stop() {
    let bench = start().await;
    let own = bench.upstream.url();
    let begun = |stream: &str| {
        let urls = json!({ "stream": stream, "cancel": format!("{own}/replicate/v1/predictions/p/cancel") });
        Reply::json(201, &json!({ "id": "p", "status": "starting", "urls": urls }))
    };
    let ask = json!({ "model": "replicate/acme/m", "stream": true, "messages": [{ "role": "user", "content": "Hi" }] });
    bench.upstream.then(begun(&format!("{own}/replicate/streams/x")));
    bench.upstream.then(Reply::sse(["event: output\ndata: Hello\n\n", "event: done\ndata: {}\n\n"]));
    let answer = bench.openai().post("/v1/chat/completions", &ask).await;
    assert!(answer.text().await.contains("Hello"));
    assert_eq!(bench.upstream.seen().len(), 2);

    bench.upstream.then(begun("https://streams.evil.test/x"));
    bench.upstream.then(Reply::json(200, &json!({ "status": "canceled" })));
    let answer = bench.openai().post("/v1/chat/completions", &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, "upstream_invalid"));
    let last = bench.upstream.seen().pop().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str()), ("POST", "/replicate/v1/predictions/p/cancel"));
    // What it began may have cost something.
    assert_eq!(bench.kept(&answer).await.attempts[0]["usage_source"], "estimated");
}
