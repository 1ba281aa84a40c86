//! `/v1/embeddings`: passed through or translated, as floats or base64, priced like everything else.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::shapes::{gemini, openai};
use testkit::upstream::Reply;

use crate::setup::{Bench, KEY, SECRET, Setup};

const PATH: &str = "/v1/embeddings";

/// The vector of the shapes, as little-endian 32-bit floats in base64.
const BASE64: &str = "AAAAPwAAgL4AAAA+AACAPw==";

fn ask(model: &str) -> Value {
    json!({ "model": model, "input": ["one", "two"], "user": "u" })
}

#[tokio::test]
async fn the_same_dialect_passes_untouched() {
    let bench = Bench::start().await;
    let reply = openai::embeddings(2, 7).to_string().replace("0.5", "0.50000000001").replace(',', " ,\n");
    for (account, model) in
        [("openai", "text-embedding-3-small"), ("house", "bge-m3"), ("local", "nomic-embed-text")]
    {
        bench.upstream.then(Reply::text(200, "application/json", reply.clone()));
        let body = "{ \"input\" : [ \"one\",\"tw\\u006f\" ], \"x\":1.0, \"encoding_format\":\"base64\",\"model\" :MODEL}";
        let sent = body.replace("MODEL", &format!("\"{account}/{model}\""));
        let answer = bench.openai().send(Method::POST, PATH, Bytes::from(sent)).await;
        assert_eq!(answer.status, 200, "{account}");
        assert_eq!(answer.header("x-pathgate-model"), format!("{account}/{model}"));
        let kept = bench.kept(&answer).await;
        assert_eq!(
            (&kept.request["dialect"], &kept.request["operation"]),
            (&json!("openai.embeddings"), &json!("embeddings"))
        );
        let usage = &kept.attempts[0]["usage"];
        assert_eq!((&usage["input"], &usage["output"]), (&json!(7), &json!(0)), "{account}");
        if account == "openai" {
            // 0.02 USD per million tokens.
            assert_eq!(
                (answer.header("x-pathgate-cost"), &kept.attempts[0]["cost_nano_usd"]),
                ("0.00000014", &json!(140))
            );
        }
        assert_eq!(answer.text().await, reply, "{account}");
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, format!("/{account}/v1/embeddings"));
        assert_eq!(call.header("authorization"), format!("Bearer {SECRET}{account}"));
        assert_eq!(call.body, body.replace("MODEL", &format!("\"{model}\"")));
    }
}

#[tokio::test]
async fn gemini_is_asked_in_its_own_words() {
    let bench = Bench::start().await;
    for (format, vector) in [
        (None, json!([0.5, -0.25, 0.125, 1.0])),
        (Some("float"), json!([0.5, -0.25, 0.125, 1.0])),
        (Some("base64"), json!(BASE64)),
    ] {
        bench.upstream.then(Reply::json(200, &gemini::embeddings(2)));
        let mut request = ask("google/gemini-embedding-001");
        request["dimensions"] = json!(4);
        if let Some(format) = format {
            request["encoding_format"] = json!(format);
        }
        let answer = bench.openai().post(PATH, &request).await;
        assert_eq!(answer.status, 200, "{format:?}");
        assert_eq!(answer.header("x-pathgate-dropped"), "user");
        let reply = answer.json().await;
        assert_eq!((&reply["object"], reply["data"].as_array().map(Vec::len)), (&json!("list"), Some(2)));
        for index in 0..2 {
            let entry = &reply["data"][index];
            assert_eq!((&entry["index"], &entry["embedding"]), (&json!(index), &vector), "{format:?}");
        }
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, "/google/v1beta/models/gemini-embedding-001:batchEmbedContents");
        assert_eq!(call.header("x-goog-api-key"), format!("{SECRET}google"));
        assert!(!format!("{:?}{}", call.headers, call.json()).contains(KEY));
        let asked = &call.json()["requests"];
        for (index, text) in ["one", "two"].into_iter().enumerate() {
            assert_eq!(asked[index]["content"]["parts"][0]["text"], text);
            assert_eq!(asked[index]["outputDimensionality"], 4);
        }
    }
}

#[tokio::test]
async fn what_gemini_cannot_embed_is_refused() {
    let bench = Bench::start().await;
    for (request, status, code) in [
        (
            json!({ "model": "google/gemini-embedding-001", "input": [[1, 2, 3]] }),
            400,
            "unsupported_capability",
        ),
        (json!({ "model": "google/gemini-embedding-001" }), 400, "invalid_request"),
        (json!({ "model": "google/gemini-embedding-001", "input": [] }), 400, "invalid_request"),
        (
            json!({ "model": "google/gemini-embedding-001", "input": "x", "encoding_format": "hex" }),
            400,
            "invalid_request",
        ),
        (json!({ "model": "nobody/x", "input": "x" }), 404, "model_not_found"),
    ] {
        let answer = bench.openai().post(PATH, &request).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (status, code), "{request}");
        assert_eq!(answer.json().await["error"]["code"], code, "{request}");
    }
    let strict = bench.openai().with("x-pathgate-strict", "true");
    let answer = strict.post(PATH, &ask("google/gemini-embedding-001")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "not_translatable"));
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn failures_fall_back_across_dialects() {
    let routes = "models:\n  vectors: { route: { targets: [ { to: openai/text-embedding-3-small } ], \
                  fallback: [ google/gemini-embedding-001, house/bge-m3 ], retry: { per_deployment: 1 } } }\n";
    let bench = Setup::new().section(routes).start().await;
    bench.upstream.then(openai::error(500, "server_error", None, "No"));
    bench.upstream.then(gemini::error(429, "RESOURCE_EXHAUSTED", "Quota"));
    bench.upstream.then(Reply::json(200, &openai::embeddings(2, 7)));
    let answer = bench.openai().post(PATH, &ask("vectors")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "3"));
    let kept = bench.kept(&answer).await;
    let deployments: Vec<&Value> = kept.attempts.iter().map(|attempt| &attempt["deployment"]).collect();
    assert_eq!(deployments, ["openai/text-embedding-3-small", "google/gemini-embedding-001", "house/bge-m3"]);
    // The last one has no known price, so neither has the whole.
    assert_eq!(
        (&kept.attempts[2]["cost_kind"], &kept.request["cost_nano_usd"]),
        (&json!("unknown_price"), &Value::Null)
    );

    bench.upstream.always(gemini::error(400, "INVALID_ARGUMENT", "Too long"));
    let answer = bench.openai().post(PATH, &ask("google/gemini-embedding-001")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "upstream_rejected"));
    assert_eq!(answer.json().await["error"]["message"], "Too long");
}

#[tokio::test]
async fn the_demo_embeds_too() {
    let bench = Bench::start().await;
    for (format, float) in [("float", true), ("base64", false)] {
        let request = json!({ "model": "demo/embed", "input": "one two", "encoding_format": format });
        let answer = bench.openai().post(PATH, &request).await;
        assert_eq!(answer.status, 200);
        let reply = answer.json().await;
        let vector = &reply["data"][0]["embedding"];
        assert_eq!((vector.is_array(), vector.is_string()), (float, !float), "{reply}");
        assert_eq!(reply["usage"]["prompt_tokens"], 2);
    }
}
