//! What is special about Cohere.

use crate::conformance::{Script, built, call};
use contract::words::{Dialect, Operation};
use serde_json::json;

#[test]
fn every_operation_has_its_path_and_bases_may_end_in_a_version() {
    for base in ["https://c.test", "https://c.test/v1/", "https://c.test/v2"] {
        let provider = built(json!({ "kind": "cohere", "api_key": "k", "base_url": base }));
        let script = Script::answering("{}");
        for (operation, url) in [
            (Operation::Chat, "https://c.test/v2/chat"),
            (Operation::Embeddings, "https://c.test/v2/embed"),
            (Operation::Rerank, "https://c.test/v2/rerank"),
        ] {
            call(&*provider, &script, operation, false, "m").unwrap();
            assert_eq!(script.sent().uri, url);
        }
        assert_eq!(provider.dialect(Dialect::OpenaiSpeech, "m"), None);
        assert_eq!(provider.dialect(Dialect::OpenaiChat, "m"), Some(Dialect::CohereChat));
    }
}

#[test]
fn the_list_says_what_each_model_does() {
    let provider = built(json!({ "kind": "cohere", "api_key": "k" }));
    let list = json!({ "models": [
        { "name": "command-x", "endpoints": ["generate", "chat", "summarize"], "context_length": 128000.0 },
        { "name": "embed-x", "endpoints": ["embed", "classify"], "context_length": 0 },
        { "name": "rerank-x", "endpoints": ["rerank"] },
        { "name": "sound-x", "endpoints": ["transcribe"] },
        { "name": "rerank-y" }] });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let does: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.operations[0])).collect();
    assert_eq!(
        does,
        [
            ("command-x", Operation::Chat),
            ("embed-x", Operation::Embeddings),
            ("rerank-x", Operation::Rerank),
            ("rerank-y", Operation::Rerank)
        ]
    );
    assert_eq!((cards[0].context_window, cards[1].context_window), (Some(128_000), None));
}
