//! What is special about servers that only speak the dialect.

use super::*;
use crate::conformance::{Script, built, call, chat};
use serde_json::json;

#[test]
fn hosts_are_known_by_their_domain() {
    assert_eq!(quirks::of("api.groq.com").0.refuses.len(), 3);
    assert_eq!(quirks::of("groq.com").0.refuses.len(), 3);
    assert_eq!(quirks::of("notgroq.com").0.refuses.len(), 0);
    assert_eq!(quirks::of("groq.com.evil.test").0.refuses.len(), 0);
    assert_eq!(quirks::of("").0.renames.len(), 1);
    assert!(quirks::of("").1.renames.is_empty());
}

#[test]
fn without_a_key_none_is_sent() {
    let provider = built(json!({ "kind": "openai-compatible", "base_url": "http://127.0.0.1:8000/v1" }));
    let script = Script::answering("{}");
    chat(&*provider, &script, &[("authorization", "Bearer of the client")]);
    let sent = script.sent();
    assert_eq!(sent.uri, "http://127.0.0.1:8000/v1/chat/completions");
    assert!(!sent.headers.contains_key("authorization"));
}

#[test]
fn rerank_is_beside_the_rest() {
    let provider = built(json!({ "kind": "openai-compatible", "base_url": "http://127.0.0.1:8000/v1" }));
    let script = Script::answering("{}");
    call(&*provider, &script, contract::words::Operation::Rerank, false, "m").unwrap();
    assert_eq!(script.sent().uri, "http://127.0.0.1:8000/v1/rerank");
}

#[test]
fn lists_come_in_several_shapes() {
    let provider = built(json!({ "kind": "openai-compatible", "base_url": "http://127.0.0.1:8000/v1" }));
    for list in [
        json!({ "object": "list", "data": [{ "id": "qwen3", "max_model_len": 32768 }, { "id": "bge-m3" }] }),
        json!([{ "id": "qwen3", "context_length": 32768, "max_completion_tokens": null }, { "id": "bge-m3" }]),
    ] {
        let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
        assert_eq!((cards[0].name.as_str(), cards[0].context_window), ("qwen3", Some(32768)));
        assert_eq!(cards[1].operations, [contract::words::Operation::Embeddings]);
    }
}

#[test]
fn a_configured_list_is_not_asked_for() {
    let provider = built(
        json!({ "kind": "openai-compatible", "base_url": "http://a.test", "models": ["sonar", "e5-large"] }),
    );
    let script = Script::failing(500);
    let cards = script.discover(&*provider).unwrap();
    assert_eq!(cards.len(), 2);
    assert!(script.nothing_sent());
}

#[test]
fn an_account_says_which_dialects_it_speaks() {
    let made = |dialects: serde_json::Value| {
        built(json!({ "kind": "openai-compatible", "base_url": "http://a.test/v1", "dialects": dialects }))
    };
    let usual = made(json!([]));
    assert_eq!(usual.dialect(Dialect::OpenaiResponses, "m"), Some(Dialect::OpenaiChat));
    let provider = made(json!(["openai.responses"]));
    assert_eq!(provider.dialect(Dialect::OpenaiChat, "m"), Some(Dialect::OpenaiResponses));
    assert_eq!(provider.dialect(Dialect::OpenaiEmbeddings, "m"), None);
    let script = Script::answering("{}");
    crate::conformance::call_in(&*provider, &script, Dialect::OpenaiResponses);
    assert_eq!(script.sent().uri, "http://a.test/v1/responses");
}
