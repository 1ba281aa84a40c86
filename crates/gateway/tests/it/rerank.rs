//! `/v2/rerank` and `/v1/rerank`: passed through, or rewritten for those who use other names; billed by the piece or by
//! tokens. And Cohere's chat and vectors, from clients of other dialects and for them.

use serde_json::{Value, json};
use testkit::shapes::openai;
use testkit::upstream::Reply;

use crate::setup::{Bench, SECRET, Setup};

async fn bench() -> Bench {
    let mut setup = Setup::new();
    for kind in ["cohere", "voyage"] {
        let version = if kind == "voyage" { "/v1" } else { "" };
        setup = setup.provider(&format!(
            "{kind}: {{ kind: {kind}, base_url: \"{{upstream}}/{kind}{version}\", api_key: {SECRET}{kind}, models: [some] }}"
        ));
    }
    setup.start().await
}

fn ask(model: &str) -> Value {
    json!({ "model": model, "query": "q", "documents": ["a", "b"], "top_n": 1 })
}

#[tokio::test]
async fn cohere_is_passed_through_and_billed_by_the_piece() {
    let bench = bench().await;
    let said = json!({ "id": "r", "results": [{ "index": 1, "relevance_score": 0.5 }],
        "meta": { "api_version": { "version": "2" }, "billed_units": { "search_units": 1 } } });
    for path in ["/v2/rerank", "/v1/rerank"] {
        bench.upstream.then(Reply::json(200, &said));
        let answer = bench.openai().post(path, &ask("cohere/rerank-v3.5")).await;
        assert_eq!(answer.status, 200);
        // 2 USD per thousand searches.
        assert_eq!(answer.header("x-pathgate-cost"), "0.002");
        let kept = bench.kept(&answer).await;
        assert_eq!(
            (&kept.request["dialect"], &kept.request["operation"]),
            (&json!("cohere.rerank"), &json!("rerank"))
        );
        let attempt = &kept.attempts[0];
        assert_eq!(
            (&attempt["usage"]["searches"], &attempt["cost_nano_usd"]),
            (&json!(1), &json!(2_000_000))
        );
        assert_eq!(answer.json().await, said);
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, "/cohere/v2/rerank");
        assert_eq!(serde_json::from_slice::<Value>(&call.body).unwrap(), ask("rerank-v3.5"));
    }
}

#[tokio::test]
async fn objects_are_made_texts_for_cohere_whose_second_version_takes_no_others() {
    let bench = bench().await;
    let said = json!({ "id": "r", "results": [{ "index": 1, "relevance_score": 0.9 }],
        "meta": { "api_version": { "version": "2" }, "billed_units": { "search_units": 1 } } });
    bench.upstream.then(Reply::json(200, &said));
    let request = json!({ "model": "cohere/rerank-v3.5", "query": "q", "rank_fields": ["text"],
        "documents": [{ "text": "a", "n": 1 }, { "text": "b" }] });
    let answer = bench.openai().post("/v1/rerank", &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    assert_eq!(answer.json().await["results"][0]["index"], 1);
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.json(), json!({ "model": "rerank-v3.5", "query": "q", "documents": ["a", "b"] }));
}

#[tokio::test]
async fn voyage_is_asked_with_its_own_names_and_answers_in_cohere_s() {
    let bench = bench().await;
    let said = json!({ "object": "list", "data": [{ "index": 1, "relevance_score": 0.5 }],
        "model": "rerank-2.5", "usage": { "total_tokens": 1000 } });
    bench.upstream.then(Reply::json(200, &said));
    let answer = bench.openai().post("/v2/rerank", &ask("voyage/rerank-2.5")).await;
    assert_eq!(answer.status, 200);
    // 0.05 USD per million tokens.
    assert_eq!(answer.header("x-pathgate-cost"), "0.00005");
    let reply = answer.json().await;
    assert_eq!(reply["results"], json!([{ "index": 1, "relevance_score": 0.5 }]));
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.path, "/voyage/v1/rerank");
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((&body["top_k"], &body["top_n"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn vectors_of_openai_s_clients_reach_cohere_and_voyage() {
    let bench = bench().await;
    let body = |model: &str| json!({ "model": model, "input": ["one", "two"], "dimensions": 4 });
    let said = json!({ "id": "e", "embeddings": { "float": [[0.5, 1.0], [0.25, 2.0]] },
        "meta": { "billed_units": { "input_tokens": 2 } }, "response_type": "embeddings_by_type" });
    bench.upstream.then(Reply::json(200, &said));
    let answer = bench.openai().post("/v1/embeddings", &body("cohere/embed-v4.0")).await;
    let reply = answer.json().await;
    assert_eq!(
        (&reply["data"][1]["embedding"], &reply["usage"]["prompt_tokens"]),
        (&json!([0.25, 2.0]), &json!(2))
    );
    let call = bench.upstream.seen().pop().unwrap();
    let sent: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(
        (call.path.as_str(), &sent["texts"], &sent["output_dimension"]),
        ("/cohere/v2/embed", &json!(["one", "two"]), &json!(4))
    );
    bench.upstream.then(Reply::json(200, &openai::embeddings(2, 7)));
    let answer = bench.openai().post("/v1/embeddings", &body("voyage/voyage-3.5")).await;
    assert_eq!(answer.status, 200);
    let sent: Value = serde_json::from_slice(&bench.upstream.seen().pop().unwrap().body).unwrap();
    assert_eq!((&sent["output_dimension"], &sent["dimensions"]), (&json!(4), &Value::Null));
}

#[tokio::test]
async fn chat_goes_both_ways() {
    let bench = bench().await;
    let said = json!({ "id": "c", "finish_reason": "COMPLETE",
        "message": { "role": "assistant", "content": [{ "type": "text", "text": "Hello" }] },
        "usage": { "billed_units": { "input_tokens": 3, "output_tokens": 1 },
            "tokens": { "input_tokens": 300, "output_tokens": 4 } } });
    bench.upstream.then(Reply::json(200, &said));
    let request =
        json!({ "model": "cohere/command-a-03-2025", "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = bench.openai().post("/v1/chat/completions", &request).await;
    // 3 at 2.5 USD per million tokens, 1 at 10: what is billed, not what Cohere adds to a prompt.
    assert_eq!(answer.header("x-pathgate-cost"), "0.0000175");
    let reply = answer.json().await;
    assert_eq!(reply["choices"][0]["message"]["content"], json!("Hello"));
    assert_eq!(bench.upstream.seen().pop().unwrap().path, "/cohere/v2/chat");

    bench.upstream.then(Reply::json(
        400,
        &json!({ "error": { "message": "no such thing", "type": "invalid_request_error" } }),
    ));
    let request =
        json!({ "model": "openai/gpt-4.1-mini", "messages": [{ "role": "user", "content": "Hi" }] });
    let refused = bench.openai().post("/v2/chat", &request).await;
    assert_eq!(refused.status, 400);
    let body = refused.json().await;
    assert_eq!(body["message"], json!("no such thing"));
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("req_")), "{body}");
}

#[tokio::test]
async fn bedrock_orders_documents_and_counts_for_others() {
    let account = "aws: { kind: bedrock, region: us-east-1, base_url: \"{upstream}/aws\", access_key_id: A, \
        secret_access_key: S, models: [some] }";
    let bench = Setup::new().provider(account).start().await;
    let said = json!({ "results": [{ "index": 1, "relevanceScore": 0.5 }] });
    bench.upstream.then(Reply::json(200, &said));
    let answer = bench.openai().post("/v2/rerank", &ask("aws/amazon.rerank-v1:0")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().await["results"], json!([{ "index": 1, "relevance_score": 0.5 }]));
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.path, "/aws/rerank");
    let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0";
    let place = "/rerankingConfiguration/bedrockRerankingConfiguration/modelConfiguration/modelArn";
    assert_eq!(call.json().pointer(place), Some(&json!(arn)));

    // AWS's own client, which names the model deep in its body.
    let own = json!({ "queries": [{ "type": "TEXT", "textQuery": { "text": "q" } }],
        "sources": [{ "type": "INLINE", "inlineDocumentSource": { "type": "TEXT", "textDocument": { "text": "a" } } }],
        "rerankingConfiguration": { "type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
            "modelConfiguration": { "modelArn": "aws/amazon.rerank-v1:0" } } } });
    bench.upstream.then(Reply::json(200, &said));
    let answer = bench.openai().post("/bedrock/rerank", &own).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().await, said);
    assert_eq!(bench.upstream.seen().pop().unwrap().json().pointer(place), Some(&json!(arn)));

    let claude = "aws%2Fus.anthropic.claude-haiku-4-5-20251001-v1:0";
    let counted = Reply::json(200, &json!({ "inputTokens": 7 }));
    bench.upstream.then(counted);
    let body = json!({ "contents": [{ "parts": [{ "text": "Hi" }] }] });
    let answer = bench.openai().post(&format!("/v1beta/models/{claude}:countTokens"), &body).await;
    assert_eq!((answer.status.as_u16(), answer.json().await), (200, json!({ "totalTokens": 7 })));
    let call = bench.upstream.seen().pop().unwrap();
    assert!(call.path.ends_with("/count-tokens") && !call.path.contains("us."), "{}", call.path);
    assert_eq!(call.json()["input"]["converse"]["messages"][0]["content"][0]["text"], "Hi");
}
