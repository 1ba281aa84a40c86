//! What is special about OpenAI accounts.

use super::*;
use crate::ProviderConfig;
use crate::conformance::{Script, built, call_in, chat, now};
use contract::words::Dialect;
use serde_json::json;

#[test]
fn organisation_and_project_are_the_operators() {
    let provider =
        built(json!({ "kind": "openai", "api_key": "k", "organization": "org-1", "project": "proj-1" }));
    let script = Script::answering("{}");
    chat(&*provider, &script, &[("openai-organization", "org-2"), ("openai-beta", "x=v1")]);
    let sent = script.sent();
    assert_eq!(sent.headers["openai-organization"], "org-1");
    assert_eq!(sent.headers["openai-project"], "proj-1");
    assert_eq!(sent.headers["openai-beta"], "x=v1");

    let without = built(json!({ "kind": "openai", "api_key": "k" }));
    chat(&*without, &script, &[("openai-organization", "org-2")]);
    assert!(!script.sent().headers.contains_key("openai-organization"));
}

#[test]
fn responses_are_spoken_as_they_are() {
    use contract::words::Dialect;
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    for (client, spoken) in [
        (Dialect::OpenaiResponses, Dialect::OpenaiResponses),
        (Dialect::OpenaiChat, Dialect::OpenaiChat),
        (Dialect::AnthropicMessages, Dialect::OpenaiChat),
        (Dialect::OpenaiEmbeddings, Dialect::OpenaiEmbeddings),
    ] {
        assert_eq!(provider.dialect(client, "gpt-5"), Some(spoken), "{client}");
    }
}

#[test]
fn responses_that_the_account_keeps_are_asked_for_by_plain_ids() {
    use contract::ports::StoredCall;
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    for (call, method, path) in [
        (StoredCall::Get, "GET", "/v1/responses/resp_1"),
        (StoredCall::Cancel, "POST", "/v1/responses/resp_1/cancel"),
        (StoredCall::Delete, "DELETE", "/v1/responses/resp_1"),
    ] {
        let script = Script::answering("{}");
        assert!(now(provider.stored(call, "resp_1", &script).unwrap()).is_ok());
        let sent = script.sent();
        assert_eq!((sent.method.as_str(), sent.uri.path()), (method, path));
        assert_eq!(sent.headers["authorization"], "Bearer k");
    }
    let script = Script::answering("{}");
    for id in ["", "..", "a/b", "a?b", "a%2Fb", "ä"] {
        assert!(provider.stored(StoredCall::Get, id, &script).is_none(), "{id}");
    }
    let house = built(json!({ "kind": "openai-compatible", "base_url": "http://house/v1" }));
    assert!(house.stored(StoredCall::Get, "resp_1", &script).is_none(), "it keeps none");
}

#[test]
fn models_that_cannot_be_called_are_not_listed() {
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    let names = [
        "gpt-5",
        "codex-mini-latest",
        "whisper-1",
        "sora-2",
        "text-embedding-3-small",
        "gpt-4o-mini-realtime-preview",
        "o3",
    ];
    let list = json!({ "data": names.map(|id| json!({ "id": id, "object": "model" })) });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let names: Vec<_> = cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(names, ["gpt-5", "codex-mini-latest", "whisper-1", "text-embedding-3-small", "o3"]);
}

#[test]
fn base_models_are_sent_a_prompt() {
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    for (client, model, spoken) in [
        (Dialect::OpenaiChat, "gpt-3.5-turbo-instruct", Dialect::OpenaiCompletions),
        (Dialect::AnthropicMessages, "babbage-002", Dialect::OpenaiCompletions),
        (Dialect::OpenaiCompletions, "gpt-5", Dialect::OpenaiCompletions),
        (Dialect::OllamaChat, "gpt-5", Dialect::OpenaiChat),
    ] {
        assert_eq!(provider.dialect(client, model), Some(spoken), "{client} {model}");
    }
    let script = Script::answering("{}");
    call_in(&*provider, &script, Dialect::OpenaiCompletions);
    assert_eq!(script.sent().uri, "https://api.openai.com/v1/completions");
}

#[test]
fn models_of_one_dialect_are_asked_in_it() {
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    let (chat, responses) = (Dialect::OpenaiChat, Dialect::OpenaiResponses);
    for (client, model, spoken) in [
        (chat, "o1-pro-2025-03-19", responses),
        (chat, "gpt-5-codex", responses),
        (chat, "gpt-5.1-codex-max", responses),
        (chat, "codex-mini-latest", responses),
        (chat, "gpt-5-pro-2025-10-06", responses),
        (Dialect::AnthropicMessages, "o3-deep-research", responses),
        (responses, "computer-use-preview", responses),
        (responses, "gpt-4o-mini-search-preview", chat),
        (responses, "gpt-audio-mini", chat),
        (responses, "gpt-5", responses),
        (chat, "gpt-5", chat),
        (chat, "o3", chat),
        (chat, "gpt-5-prompt", chat),
        (Dialect::OpenaiEmbeddings, "o1-pro", Dialect::OpenaiEmbeddings),
    ] {
        assert_eq!(provider.dialect(client, model), Some(spoken), "{client} {model}");
    }
}

#[test]
fn a_key_is_needed() {
    let mut faults = Faults::default();
    let config = ProviderConfig::Openai(Config::default());
    assert!(crate::build("openai", &config, &crate::conformance::stopped(), &mut faults).is_none());
    assert_eq!(faults.problems()[0].path, "providers.openai.api_key");
}
