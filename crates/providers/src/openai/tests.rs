//! What is special about OpenAI accounts.

use super::*;
use crate::ProviderConfig;
use crate::conformance::{Script, built, chat};
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
fn models_that_cannot_be_called_are_not_listed() {
    let provider = built(json!({ "kind": "openai", "api_key": "k" }));
    let names =
        ["gpt-5", "whisper-1", "sora-2", "text-embedding-3-small", "gpt-4o-mini-realtime-preview", "o3"];
    let list = json!({ "data": names.map(|id| json!({ "id": id, "object": "model" })) });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let names: Vec<_> = cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(names, ["gpt-5", "whisper-1", "text-embedding-3-small", "o3"]);
}

#[test]
fn a_key_is_needed() {
    let mut faults = Faults::default();
    assert!(crate::build("openai", &ProviderConfig::Openai(Config::default()), &mut faults).is_none());
    assert_eq!(faults.problems()[0].path, "providers.openai.api_key");
}
