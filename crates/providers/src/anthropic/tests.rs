//! What is special about Anthropic accounts.

use crate::conformance::{Script, built, call, chat};
use contract::words::Operation;
use serde_json::json;

#[test]
fn tokens_are_counted_beside_the_messages() {
    let provider = built(json!({ "kind": "anthropic", "api_key": "k" }));
    let script = Script::answering("{}");
    call(&*provider, &script, Operation::CountTokens, false, "m").unwrap();
    assert_eq!(script.sent().uri, "https://api.anthropic.com/v1/messages/count_tokens");
}

#[test]
fn the_clients_version_and_betas_go_on() {
    let provider = built(json!({ "kind": "anthropic", "api_key": "k" }));
    let script = Script::answering("{}");
    chat(&*provider, &script, &[]);
    assert_eq!(script.sent().headers["anthropic-version"], "2023-06-01");

    let betas = [("anthropic-version", "2024-01-01"), ("anthropic-beta", "a"), ("anthropic-beta", "b")];
    chat(&*provider, &script, &betas);
    let sent = script.sent();
    assert_eq!(sent.headers.get_all("anthropic-version").iter().collect::<Vec<_>>(), ["2024-01-01"]);
    assert_eq!(sent.headers.get_all("anthropic-beta").iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn what_the_operator_configured_wins() {
    let headers = json!({ "Anthropic-Beta": "ours" });
    let provider = built(json!({ "kind": "anthropic", "api_key": "k", "headers": headers }));
    let script = Script::answering("{}");
    chat(&*provider, &script, &[("anthropic-beta", "theirs")]);
    assert_eq!(script.sent().headers.get_all("anthropic-beta").iter().collect::<Vec<_>>(), ["ours"]);
}

#[test]
fn the_version_may_be_left_out_of_the_base_url() {
    for base in ["https://proxy.test/anthropic", "https://proxy.test/anthropic/v1/"] {
        let provider = built(json!({ "kind": "anthropic", "api_key": "k", "base_url": base }));
        let script = Script::answering("{}");
        chat(&*provider, &script, &[]);
        assert_eq!(script.sent().uri, "https://proxy.test/anthropic/v1/messages");
    }
}

#[test]
fn the_list_says_what_a_model_can_do() {
    let provider = built(json!({ "kind": "anthropic", "api_key": "k" }));
    let list = json!({ "data": [
        { "type": "model", "id": "claude-a", "max_input_tokens": 200_000, "max_tokens": 64_000,
          "capabilities": { "image_input": { "supported": true }, "thinking": { "supported": false, "types": {} } } },
        { "type": "model", "id": "claude-b", "display_name": "B" },
    ], "has_more": false });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    assert_eq!((cards[0].context_window, cards[0].max_output), (Some(200_000), Some(64_000)));
    assert_eq!((cards[0].capabilities.images, cards[0].capabilities.reasoning), (Some(true), Some(false)));
    assert_eq!((cards[1].name.as_str(), cards[1].capabilities.images), ("claude-b", None));
}
