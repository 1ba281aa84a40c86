//! What is special about Ollama.

use crate::conformance::{Script, built, chat};
use contract::words::Operation;
use serde_json::json;

#[test]
fn calls_go_to_v1_and_lists_to_api_tags() {
    for base in ["http://box:11434", "http://box:11434/", "http://box:11434/v1"] {
        let provider = built(json!({ "kind": "ollama", "base_url": base }));
        let tags =
            json!({ "models": [{ "name": "llama3.2:latest" }, { "name": "nomic-embed-text:latest" }] });
        let script = Script::answering(&tags.to_string());
        chat(&*provider, &script, &[]);
        assert_eq!(script.sent().uri, "http://box:11434/v1/chat/completions");
        let cards = script.discover(&*provider).unwrap();
        assert_eq!(script.sent().uri, "http://box:11434/api/tags");
        assert_eq!((cards[0].name.as_str(), cards[0].operations[0]), ("llama3.2:latest", Operation::Chat));
        assert_eq!(cards[1].operations[0], Operation::Embeddings);
    }
}
