//! What is special about GitHub Models.

use contract::words::Operation;
use serde_json::json;

use crate::conformance::{Script, built, chat};

#[test]
fn an_organisation_may_pay() {
    let provider = built(json!({ "kind": "github", "api_key": "k", "organization": "acme" }));
    let script = Script::answering("[]");
    chat(&*provider, &script, &[]);
    let sent = script.sent();
    assert_eq!(sent.uri, "https://models.github.ai/orgs/acme/inference/chat/completions");
    assert_eq!(sent.headers["x-github-api-version"], "2022-11-28");
    script.discover(&*provider).unwrap();
    assert_eq!(script.sent().uri, "https://models.github.ai/catalog/models");
}

#[test]
fn the_catalogue_says_what_a_model_can_do() {
    let provider = built(json!({ "kind": "github", "api_key": "k" }));
    let list = json!([
        { "id": "openai/gpt-x", "limits": { "max_input_tokens": 1000, "max_output_tokens": 100 },
          "capabilities": ["streaming", "tool-calling"], "supported_input_modalities": ["text", "image"],
          "supported_output_modalities": ["text"] },
        { "id": "cohere/vectors", "supported_output_modalities": ["embeddings"] },
    ]);
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    assert_eq!((cards[0].context_window, cards[0].max_output), (Some(1000), Some(100)));
    let can = &cards[0].capabilities;
    assert_eq!((can.tools, can.images, can.reasoning), (Some(true), Some(true), Some(false)));
    assert_eq!(cards[1].operations, [Operation::Embeddings]);
    assert_eq!(cards[1].capabilities.tools, None);
}
