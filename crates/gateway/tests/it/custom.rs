//! Models of one's own: tensors that pass and tensors that are made, templates filled and answers found.

use std::process::Command;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::upstream::Reply;

use crate::setup::{Bench, KEY, Setup, request_id};

const INFER: &str = "/v2/models/triton/resnet/infer";
const PREDICT: &str = "/v1/predict";

async fn start() -> Bench {
    Setup::new()
        .provider("triton: { kind: kserve, base_url: \"{upstream}/triton\", models: [resnet], embeddings: { input: TEXT, output: VECTOR } }")
        .provider(
            "score: { kind: http, url: \"{upstream}/score/{model}/run\", api_key: sk-score, models: [m], error: /why, \
             chat: { request: { ask: \"{{prompt}}\", rules: \"{{system}}\", heat: \"{{temperature}}\" }, \
             text: /said, usage: { input: /in, output: /out } }, \
             embeddings: { request: { texts: \"{{inputs}}\" }, vectors: /rows, vector: /v }, \
             predict: { request: { instances: \"{{body:/rows}}\", name: \"{{model}}\" }, result: /predictions } }",
        )
        .section("models: { credit: { route: { targets: [ { to: score/m } ] } } }")
        .start()
        .await
}

#[tokio::test]
async fn tensors_pass_as_they_are_and_binary_ones_too() {
    let bench = start().await;
    let json = "{ \"inputs\" : [ ] ,\"id\":\"7\" }";
    bench.upstream.then(Reply::text(200, "application/json", "{\"model_name\":\"resnet\", \"outputs\":[]}"));
    let answer = bench.openai().send(Method::POST, INFER, Bytes::from(json)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-model")), (200, "triton/resnet"));
    let kept = bench.kept(&answer).await;
    assert_eq!(
        (&kept.request["dialect"], &kept.request["operation"], &kept.request["outcome"]),
        (&json!("kserve.infer"), &json!("predict"), &json!("answered"))
    );
    assert_eq!(kept.attempts[0]["usage_source"], "none");
    assert_eq!(answer.text().await, "{\"model_name\":\"resnet\", \"outputs\":[]}");
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!((call.path.as_str(), call.body.as_ref()), ("/triton/v2/models/resnet/infer", json.as_bytes()));

    let body = [&b"{\"inputs\":[]}"[..], &[0, 0xff, 0xfe, b'"', b'{', 10]].concat();
    let reply = [&b"{\"outputs\":[]}"[..], &[0x80, 0, 0xc0]].concat();
    bench.upstream.then(
        Reply::text(200, "application/octet-stream", reply.clone())
            .header("inference-header-content-length", "14"),
    );
    let client = bench
        .openai()
        .with("content-type", "application/octet-stream")
        .with("inference-header-content-length", "13");
    let path = "/v2/models/triton%2Fresnet/versions/3/infer";
    let answer = client.send(Method::POST, path, Bytes::from(body.clone())).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "1"));
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("inference-header-content-length"), "14");
    assert_eq!(answer.bytes().await, reply);
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.path, "/triton/v2/models/resnet/versions/3/infer");
    assert_eq!(
        (call.header("content-type"), call.body.as_ref()),
        ("application/octet-stream", body.as_slice())
    );
    assert_eq!(call.header("inference-header-content-length"), "13");
    assert!(!format!("{:?}", call.headers).contains(KEY));
}

#[tokio::test]
async fn failures_of_tensors_are_told_in_the_protocols_words() {
    let bench = start().await;
    bench.upstream.then(Reply::json(400, &json!({ "error": "unexpected shape" })));
    let answer = bench.openai().post(INFER, &json!({ "inputs": [] })).await;
    assert_eq!((answer.status.as_u16(), answer.json().await), (400, json!({ "error": "unexpected shape" })));
    for (path, status, code) in [
        ("/v2/models/nobody/infer", 404, "model_not_found"),
        ("/v2/models/openai/gpt-5/infer", 400, "unsupported_capability"),
        ("/v2/models/score/m/infer", 400, "unsupported_capability"),
    ] {
        let answer = bench.openai().post(path, &json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (status, code), "{path}");
        assert!(answer.json().await["error"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn embeddings_come_from_tensors() {
    let bench = start().await;
    let rows = json!([0.5, -0.25, 0.125, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let outputs = json!([{ "name": "VECTOR", "datatype": "FP32", "shape": [2, 4], "data": rows }]);
    for (format, first) in
        [("float", json!([0.5, -0.25, 0.125, 1.0])), ("base64", json!("AAAAPwAAgL4AAAA+AACAPw=="))]
    {
        bench.upstream.then(Reply::json(200, &json!({ "model_name": "bge", "outputs": outputs })));
        let request = json!({ "model": "triton/bge", "input": ["one", "two"], "dimensions": 4, "encoding_format": format });
        let answer = bench.openai().post("/v1/embeddings", &request).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "dimensions"));
        let reply = answer.json().await;
        assert_eq!(
            (&reply["data"][0]["embedding"], reply["data"].as_array().map(Vec::len)),
            (&first, Some(2))
        );
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, "/triton/v2/models/bge/infer");
        let tensor = json!({ "name": "TEXT", "shape": [2], "datatype": "BYTES", "data": ["one", "two"] });
        assert_eq!(call.json(), json!({ "inputs": [tensor], "outputs": [{ "name": "VECTOR" }] }));
    }
    bench.upstream.then(Reply::json(200, &json!({ "outputs": [] })));
    let answer = bench.openai().post("/v1/embeddings", &json!({ "model": "triton/bge", "input": "x" })).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, "upstream_invalid"));
}

fn question() -> Value {
    let messages =
        json!([{ "role": "system", "content": "Be brief" }, { "role": "user", "content": "Say \"hello\"}" }]);
    json!({ "model": "score/m", "messages": messages, "temperature": 0.5 })
}

#[tokio::test]
async fn a_template_converses_in_every_dialect() {
    let bench = start().await;
    bench.upstream.always(Reply::json(200, &json!({ "said": "Hello", "in": 7, "out": 2 })));
    let mut request = question();
    request["seed"] = json!(7);
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "seed"));
    let kept = bench.kept(&answer).await;
    assert_eq!(
        (&kept.attempts[0]["usage"]["input"], &kept.attempts[0]["usage"]["output"]),
        (&json!(7), &json!(2))
    );
    let reply = answer.json().await;
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello");
    assert_eq!((&reply["usage"]["total_tokens"], &reply["object"]), (&json!(9), &json!("chat.completion")));
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!((call.path.as_str(), call.header("authorization")), ("/score/m/run", "Bearer sk-score"));
    assert_eq!(call.json(), json!({ "ask": "Say \"hello\"}", "rules": "Be brief", "heat": 0.5 }));

    let ask =
        json!({ "model": "score/m", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = bench.anthropic().post("/v1/messages", &ask).await;
    assert_eq!(answer.header("x-pathgate-dropped"), "max_tokens");
    assert_eq!(answer.json().await["content"][0]["text"], "Hello");
    assert_eq!(bench.upstream.seen().pop().unwrap().json(), json!({ "ask": "Hi" }));

    request["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "unsupported_capability"));
}

#[tokio::test]
async fn a_client_that_wants_a_stream_gets_one() {
    let bench = start().await;
    bench.upstream.always(Reply::json(200, &json!({ "said": "Hello", "in": 7, "out": 2 })));
    for usage in [false, true] {
        let mut request = question();
        request["stream"] = json!(true);
        request["stream_options"] = json!({ "include_usage": usage });
        let answer = bench.openai().post("/v1/chat/completions", &request).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        let id = request_id(&answer);
        let events = answer.try_events().await.unwrap();
        assert!(events.iter().any(|event| event.contains("\"content\":\"Hello\"")), "{events:?}");
        assert_eq!(events.iter().any(|event| event.contains("\"total_tokens\":9")), usage, "{events:?}");
        assert!(events.last().unwrap().contains("[DONE]"), "{events:?}");
        assert_eq!(bench.kept_of(&id).await.attempts[0]["usage"]["output"], 2);
    }
    let ask = json!({ "model": "score/m", "max_tokens": 9, "stream": true,
        "messages": [{ "role": "user", "content": "Hi" }] });
    let events = bench.anthropic().post("/v1/messages", &ask).await.try_events().await.unwrap();
    assert!(events.iter().any(|event| event.contains("Hello")), "{events:?}");
    assert!(events.last().unwrap().contains("message_stop"), "{events:?}");
}

#[tokio::test]
async fn templates_embed_and_predict() {
    let bench = start().await;
    bench
        .upstream
        .then(Reply::json(200, &json!({ "rows": [{ "v": [0.5, -0.25, 0.125, 1.0] }, { "v": [1, 2] }] })));
    let request = json!({ "model": "score/m", "input": ["one", "two"], "encoding_format": "base64" });
    let answer = bench.openai().post("/v1/embeddings", &request).await;
    assert_eq!(answer.json().await["data"][0]["embedding"], "AAAAPwAAgL4AAAA+AACAPw==");
    assert_eq!(bench.upstream.seen().pop().unwrap().json(), json!({ "texts": ["one", "two"] }));

    bench.upstream.then(Reply::json(200, &json!({ "predictions": [0.12], "more": 1 })));
    let request = json!({ "model": "credit", "rows": [[5, 3.2]], "unit": "eur", "stream": true });
    let answer = bench.openai().post(PREDICT, &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "unit, stream"));
    let kept = bench.kept(&answer).await;
    assert_eq!(
        (&kept.request["dialect"], &kept.request["operation"]),
        (&json!("pathgate.predict"), &json!("predict"))
    );
    assert_eq!(answer.json().await, json!({ "model": "m", "result": [0.12] }));
    assert_eq!(bench.upstream.seen().pop().unwrap().json(), json!({ "instances": [[5, 3.2]], "name": "m" }));
    let strict = bench.openai().with("x-pathgate-strict", "true").post(PREDICT, &request).await;
    assert_eq!((strict.status.as_u16(), strict.header("x-pathgate-error")), (400, "not_translatable"));
}

#[tokio::test]
async fn what_was_not_described_is_a_failure_and_errors_keep_their_message() {
    let bench = start().await;
    bench.upstream.then(Reply::json(200, &json!({ "text": "Hello" })));
    let answer = bench.openai().post("/v1/chat/completions", &question()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, "upstream_invalid"));
    bench.upstream.then(Reply::json(422, &json!({ "why": "no such row" })));
    let answer = bench.openai().post(PREDICT, &json!({ "model": "score/m", "rows": [] })).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (422, "upstream_rejected"));
    assert_eq!(answer.json().await["error"]["message"], "no such row");
    for (model, code) in [("triton/resnet", "unsupported_capability"), ("nobody/x", "model_not_found")] {
        let answer = bench.openai().post(PREDICT, &json!({ "model": model })).await;
        assert_eq!(answer.header("x-pathgate-error"), code);
    }
}

#[test]
fn a_bad_template_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pathgate.yaml");
    let yaml = "providers:\n  score:\n    kind: http\n    url: http://score.test/{name}\n    chat:\n      \
                request: { q: [ \"{{promt}}\" ] }\n      text: said\n";
    std::fs::write(&file, yaml).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_pathgate")).arg("check").arg(&file).output().expect("pathgate runs");
    assert_eq!(output.status.code(), Some(2));
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for fault in [
        ":6:23: providers.score.chat.request.q[0]: no placeholder {{promt}} here",
        ":7:13: providers.score.chat.text: `said` is not a JSON pointer",
        ":4:10: providers.score.url: only {model} can stand in a URL",
    ] {
        assert!(told.contains(fault), "{fault}\n{told}");
    }
}
