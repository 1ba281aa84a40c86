//! What is billed where a provider does not say, or not all, what it consumed; and what the client is told then.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, anthropic, openai};
use testkit::upstream::Reply;

use crate::kinds::Kind;
use crate::setup::{Bench, SECRET, Setup, request_id};
use crate::speech::Speech;

const TOKENS: Tokens = Tokens { input: 1_000, cached: 0, output: 333, reasoning: 0 };
/// 18 bytes are 5 tokens.
const TEXT: &str = "Hello there, world";

/// The answers of both kinds with this usage, in their own names.
fn answers(usage: impl Fn(&str, &str) -> Value) -> [(Kind, Speech, Value); 2] {
    let mut chat = openai::text(TEXT, TOKENS);
    chat["usage"] = usage("prompt_tokens", "completion_tokens");
    let mut message = anthropic::text(TEXT, TOKENS);
    message["usage"] = usage("input_tokens", "output_tokens");
    [(Kind::Openai, Speech::Openai, chat), (Kind::Claude, Speech::Anthropic, message)]
}

#[tokio::test]
async fn usage_without_counts_is_no_usage_and_the_client_is_told_the_estimate() {
    let bench = Bench::start().await;
    let usages: [fn(&str, &str) -> Value; 4] = [
        |_, _| json!({}),
        |input, output| json!({ input: null, output: null }),
        |input, output| json!({ input: 0, output: 0 }),
        |_, _| json!({ "tokens_in": 9, "tokens_out": 8 }),
    ];
    for usage in usages {
        for (kind, own, body) in answers(usage) {
            for speech in Speech::ALL {
                bench.upstream.then(Reply::json(200, &body));
                let request = speech.ask(&kind.model(), "Hi", false);
                let answer = speech.client(&bench).post(speech.path(), &request).await;
                let kept = bench.kept(&answer).await;
                let attempt = &kept.attempts[0];
                let input = request.to_string().len().div_ceil(4);
                let (told_in, told_out) = (&attempt["usage"]["input"], &attempt["usage"]["output"]);
                assert_eq!((told_in, told_out), (&json!(input), &json!(5)), "{speech:?} {body}");
                assert_eq!(attempt["cost_kind"], "estimated");
                assert!(attempt["cost_nano_usd"].as_i64() > Some(0));
                if speech == own {
                    assert_eq!(answer.headers.get("x-pathgate-estimated"), None);
                    assert_eq!(answer.json().await, body, "what passes is the provider's");
                    continue;
                }
                assert_eq!(answer.header("x-pathgate-estimated"), "usage");
                let told = speech.read(&answer.json().await).usage.unwrap();
                assert_eq!((told.input, told.output), (input as u64, 5), "{speech:?}");
            }
        }
    }
}

#[tokio::test]
async fn only_what_is_missing_is_estimated() {
    let bench = Bench::start().await;
    for (kind, _, body) in answers(|input, _| json!({ input: 70 })) {
        for speech in Speech::ALL {
            bench.upstream.then(Reply::json(200, &body));
            let request = speech.ask(&kind.model(), "Hi", false);
            let kept = bench.kept(&speech.client(&bench).post(speech.path(), &request).await).await;
            let usage = &kept.attempts[0]["usage"];
            assert_eq!((&usage["input"], &usage["output"]), (&json!(70), &json!(5)), "{speech:?}");
            assert_eq!(kept.attempts[0]["usage_source"], "estimated");
        }
    }
    for (kind, _, body) in answers(|input, output| json!({ input: 70, output: 0 })) {
        for speech in Speech::ALL {
            bench.upstream.then(Reply::json(200, &body));
            let request = speech.ask(&kind.model(), "Hi", false);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.headers.get("x-pathgate-estimated"), None);
            let kept = bench.kept(&answer).await;
            assert_eq!(kept.attempts[0]["usage_source"], "reported", "it says that nothing came out");
            assert_eq!(kept.attempts[0]["usage"]["output"], 0);
        }
    }
}

#[tokio::test]
async fn the_last_frame_of_a_translated_stream_has_the_estimate() {
    let bench = Bench::start().await;
    let speech = Speech::Anthropic;
    let empty = |frame: &String| frame.replace("\"usage\":null", "\"usage\":{}");
    for frames in
        [openai::text_stream(&[TEXT], None), openai::text_stream(&[TEXT], None).iter().map(empty).collect()]
    {
        bench.upstream.then(Reply::sse(frames));
        let request = speech.ask(&Kind::Openai.model(), "Hi", true);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let id = request_id(&answer);
        let told = speech.hear(&answer.try_events().await.unwrap()).usage.unwrap();
        let usage = &bench.kept_of(&id).await.attempts[0]["usage"];
        assert_eq!((&usage["input"], &usage["output"]), (&json!(told.input), &json!(told.output)));
        assert_eq!((told.input, told.output), (request.to_string().len().div_ceil(4) as u64, 5));
    }
}

async fn clouds() -> Bench {
    let mut setup = Setup::new();
    for account in [
        "aws: { kind: bedrock, region: us-east-1, base_url: \"{upstream}/aws\", api_key: k, models: [some] }",
        "vertex: { kind: vertex, base_url: \"{upstream}/vertex/v1\", access_token: t, project: p, models: [some] }",
    ] {
        setup = setup.provider(account);
    }
    let cohere = format!(
        "cohere: {{ kind: cohere, base_url: \"{{upstream}}/cohere\", api_key: {SECRET}cohere, models: [some] }}"
    );
    setup.provider(&cohere).start().await
}

#[tokio::test]
async fn a_rerank_that_is_billed_by_the_search_costs_one_at_least() {
    let bench = clouds().await;
    let said = json!({ "id": "r", "results": [{ "index": 1, "relevance_score": 0.5 }] });
    for (model, documents, searches, nano) in [
        ("cohere/rerank-v3.5", 2, 1, 2_000_000),
        ("cohere/rerank-v3.5", 101, 2, 4_000_000),
        ("aws/cohere.rerank-v3-5:0", 2, 1, 2_000_000),
        ("aws/amazon.rerank-v1:0", 2, 1, 1_000_000),
    ] {
        bench.upstream.then(Reply::json(200, &said));
        let ask = json!({ "model": model, "query": "q", "documents": vec!["a"; documents], "top_n": 1 });
        let answer = bench.openai().post("/v2/rerank", &ask).await;
        assert_eq!(answer.status, 200, "{model}");
        let kept = bench.kept(&answer).await;
        let attempt = &kept.attempts[0];
        assert_eq!(
            (&attempt["usage"]["searches"], &attempt["cost_nano_usd"], &attempt["cost_kind"]),
            (&json!(searches), &json!(nano), &json!("estimated")),
            "{model}"
        );
    }
}

#[tokio::test]
async fn counts_in_the_head_of_bedrock_s_answers_are_billed() {
    let bench = clouds().await;
    let said =
        json!({ "id": "e", "embeddings": { "float": [[0.5]] }, "response_type": "embeddings_by_type" });
    let count = "x-amzn-bedrock-input-token-count";
    bench.upstream.then(Reply::json(200, &said).header(count, "1000"));
    let ask = json!({ "model": "aws/cohere.embed-v4:0", "input": "a" });
    let answer = bench.openai().post("/v1/embeddings", &ask).await;
    let kept = bench.kept(&answer).await;
    let attempt = &kept.attempts[0];
    // 0.12 USD per million tokens.
    assert_eq!(
        (&attempt["usage"]["input"], &attempt["cost_nano_usd"], &attempt["cost_kind"]),
        (&json!(1_000), &json!(120_000), &json!("exact"))
    );
    assert_eq!(answer.headers.get("x-pathgate-estimated"), None);
    assert_eq!(answer.json().await["usage"]["prompt_tokens"], 1_000);

    // Two texts are two calls: what one consumed is billed though the other is refused.
    let titan = json!({ "embedding": [0.5], "inputTextTokenCount": 7 });
    bench.upstream.then(Reply::json(200, &titan));
    bench.upstream.then(Reply::json(400, &json!({ "message": "no" })));
    let ask = json!({ "model": "aws/amazon.titan-embed-text-v2:0", "input": ["a", "b"] });
    let answer = bench.openai().post("/v1/embeddings", &ask).await;
    assert_eq!(answer.status, 400);
    let kept = bench.kept(&answer).await;
    let attempt = &kept.attempts[0];
    assert_eq!(
        (&attempt["outcome"], &attempt["usage"]["input"], &attempt["cost_nano_usd"]),
        (&json!("failed"), &json!(7), &json!(140))
    );
}

#[tokio::test]
async fn vertex_bills_by_the_kind_of_traffic() {
    let bench = clouds().await;
    for (traffic, tier, nano) in [
        ("ON_DEMAND", Value::Null, 1_250_000),
        ("ON_DEMAND_FLEX", json!("flex"), 625_000),
        ("ON_DEMAND_PRIORITY", json!("priority"), 2_250_000),
    ] {
        let body = json!({
            "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Hi" }] }, "finishReason": "STOP" }],
            "usageMetadata": { "promptTokenCount": 1_000, "candidatesTokenCount": 0, "totalTokenCount": 1_000, "trafficType": traffic }
        });
        for speech in Speech::ALL {
            bench.upstream.then(Reply::json(200, &body));
            let request = speech.ask("vertex/gemini-2.5-pro", "Hi", false);
            let kept = bench.kept(&speech.client(&bench).post(speech.path(), &request).await).await;
            let attempt = &kept.attempts[0];
            assert_eq!(
                (&attempt["service_tier"], &attempt["cost_nano_usd"]),
                (&tier, &json!(nano)),
                "{speech:?}"
            );
        }
    }
}
