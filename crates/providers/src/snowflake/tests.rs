//! What is special about Snowflake accounts.

use contract::settings::Faults;
use contract::words::Dialect;
use serde_json::json;

use crate::conformance::{Script, body_of, built, chat, now, stopped};

#[test]
fn the_account_or_its_url_says_where() {
    for config in [
        json!({ "kind": "snowflake", "api_key": "k", "account": "org-acct" }),
        json!({ "kind": "snowflake", "api_key": "k", "base_url": "https://org-acct.snowflakecomputing.com/" }),
        json!({ "kind": "snowflake", "api_key": "k",
            "base_url": "https://org-acct.snowflakecomputing.com/api/v2/cortex/v1" }),
    ] {
        let (provider, script) = (built(config), Script::answering("{}"));
        chat(&*provider, &script, &[]);
        let sent = script.sent();
        assert_eq!(sent.uri, "https://org-acct.snowflakecomputing.com/api/v2/cortex/v1/chat/completions");
        assert_eq!(sent.headers["x-snowflake-authorization-token-type"], "PROGRAMMATIC_ACCESS_TOKEN");
    }
    let mut faults = Faults::default();
    let config =
        serde_json::from_value(json!({ "kind": "snowflake", "api_key": "k", "account": "a.b/c" })).unwrap();
    assert!(crate::build("flake", &config, &stopped(), &mut faults).is_none());
    assert_eq!(faults.problems()[0].path, "providers.flake.account");
}

#[test]
fn other_tokens_are_named() {
    let config = json!({ "kind": "snowflake", "api_key": "k", "account": "a", "token_type": "keypair-jwt" });
    let (provider, script) = (built(config), Script::answering("{}"));
    chat(&*provider, &script, &[]);
    assert_eq!(script.sent().headers["x-snowflake-authorization-token-type"], "KEYPAIR_JWT");
}

#[test]
fn only_claude_speaks_anthropics_dialect() {
    let provider = built(json!({ "kind": "snowflake", "api_key": "k", "account": "a" }));
    let dialect = |model| provider.dialect(Dialect::AnthropicMessages, model);
    assert_eq!(dialect("claude-sonnet-4-5"), Some(Dialect::AnthropicMessages));
    assert_eq!(dialect("llama3.1-70b"), Some(Dialect::OpenaiChat));
    // Who speaks neither gets Claude's own, which says more.
    let translated = |model| provider.dialect(Dialect::OpenaiResponses, model);
    assert_eq!(translated("claude-sonnet-4-5"), Some(Dialect::AnthropicMessages));
    assert_eq!(translated("llama3.1-70b"), Some(Dialect::OpenaiChat));
    assert_eq!(provider.dialect(Dialect::OpenaiChat, "claude-sonnet-4-5"), Some(Dialect::OpenaiChat));
}

#[test]
fn vectors_have_a_form_of_their_own() {
    let provider = built(json!({ "kind": "snowflake", "api_key": "k", "account": "a" }));
    let vectors = Dialect::OpenaiEmbeddings;
    assert_eq!(provider.dialect(Dialect::GeminiEmbedOne, "e5-base-v2"), Some(vectors));
    assert!(!provider.verbatim(vectors) && provider.verbatim(Dialect::OpenaiChat));
    let asked = json!({ "model": "e5-base-v2", "input": "a", "encoding_format": "base64", "user": "u" });
    let asked = wire::read_request(vectors, asked.to_string().as_bytes()).unwrap();
    let (body, lost) = provider.translate(&asked, vectors).unwrap();
    assert_eq!(lost.to_string(), "user");
    let answer = json!({ "object": "list", "model": "e5-base-v2", "usage": { "total_tokens": 4 },
        "data": [{ "object": "embedding", "index": 0, "embedding": [[0.5, -0.25]] }] });
    let sent_with = |answer: &str| {
        let script = Script::answering(answer);
        let (headers, timeouts) = (http::HeaderMap::new(), contract::ports::Timeouts::default());
        let (model, stream, body) = ("e5-base-v2", false, [body.clone()].into());
        let call = contract::ports::Call {
            dialect: vectors,
            model,
            stream,
            body,
            headers: &headers,
            traceparent: None,
            timeouts,
        };
        (now(provider.call(call, &script)), script.sent())
    };
    let (reply, sent) = sent_with(&answer.to_string());
    assert_eq!(sent.uri, "https://a.snowflakecomputing.com/api/v2/cortex/inference:embed");
    let body: serde_json::Value = serde_json::from_str(&body_of(sent)).unwrap();
    assert_eq!(body, json!({ "model": "e5-base-v2", "text": ["a"] }));
    let contract::Body::Full(told) = reply.unwrap().body else { panic!("a text") };
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        (&told["data"][0]["embedding"], &told["usage"]["prompt_tokens"]),
        (&json!([0.5, -0.25]), &json!(4))
    );
    assert!(sent_with(r#"{"data":[{}]}"#).0.is_err());
}
