//! What is special about Workers AI.

use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde_json::json;

use crate::conformance::{Script, built, stopped};

#[test]
fn only_what_can_be_called_is_listed() {
    let provider = built(json!({ "kind": "cloudflare", "api_key": "k", "account_id": "0a1b" }));
    let list = json!({ "success": true, "result": [
        { "id": "1", "name": "@cf/meta/llama", "task": { "name": "Text Generation" } },
        { "id": "2", "name": "@cf/baai/bge", "task": { "name": "Text Embeddings" } },
        { "id": "3", "name": "@cf/openai/whisper", "task": { "name": "Automatic Speech Recognition" } },
        { "id": "4", "name": "@cf/new" },
    ] });
    let script = Script::answering(&list.to_string());
    let cards = script.discover(&*provider).unwrap();
    let models = "https://api.cloudflare.com/client/v4/accounts/0a1b/ai/models/search?per_page=1000";
    assert_eq!(script.sent().uri, models);
    let names: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.operations[0])).collect();
    assert_eq!(names, [("@cf/meta/llama", Operation::Chat), ("@cf/baai/bge", Operation::Embeddings)]);
    let dialect = |model| provider.dialect(Dialect::OpenaiResponses, model);
    assert_eq!(dialect("@cf/openai/gpt-oss-120b"), Some(Dialect::OpenaiResponses));
    assert_eq!(dialect("@cf/meta/llama"), Some(Dialect::OpenaiChat));
    assert!(!provider.keeps(), "it gives no response again");
}

#[test]
fn the_account_is_needed() {
    for config in [
        json!({ "kind": "cloudflare", "api_key": "k" }),
        json!({ "kind": "cloudflare", "api_key": "k", "account_id": "a/b" }),
    ] {
        let mut faults = Faults::default();
        assert!(
            crate::build("cf", &serde_json::from_value(config).unwrap(), &stopped(), &mut faults).is_none()
        );
        assert_eq!(faults.problems()[0].path, "providers.cf.account_id");
    }
}
