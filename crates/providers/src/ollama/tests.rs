//! What is special about Ollama.

use crate::conformance::{Script, built, call_in, chat};
use contract::words::{Dialect, Operation};
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

#[test]
fn clients_get_their_own_dialect_and_all_others_ollamas() {
    let provider = built(json!({ "kind": "ollama", "base_url": "http://box:11434" }));
    for (client, spoken, path) in [
        (Dialect::OllamaChat, Dialect::OllamaChat, "/api/chat"),
        (Dialect::OllamaGenerate, Dialect::OllamaGenerate, "/api/generate"),
        (Dialect::OllamaEmbed, Dialect::OllamaEmbed, "/api/embed"),
        (Dialect::OllamaEmbedOne, Dialect::OllamaEmbedOne, "/api/embeddings"),
        (Dialect::OpenaiChat, Dialect::OpenaiChat, "/v1/chat/completions"),
        (Dialect::OpenaiCompletions, Dialect::OpenaiCompletions, "/v1/completions"),
        (Dialect::OpenaiEmbeddings, Dialect::OpenaiEmbeddings, "/v1/embeddings"),
        (Dialect::OpenaiResponses, Dialect::OpenaiResponses, "/v1/responses"),
        (Dialect::AnthropicMessages, Dialect::AnthropicMessages, "/v1/messages"),
        (Dialect::GeminiGenerate, Dialect::OllamaChat, "/api/chat"),
        (Dialect::GeminiEmbed, Dialect::OllamaEmbed, "/api/embed"),
    ] {
        assert_eq!(provider.dialect(client, "m"), Some(spoken), "{client}");
        let script = Script::answering("{}");
        call_in(&*provider, &script, spoken);
        let sent = script.sent();
        assert_eq!(sent.uri, format!("http://box:11434{path}").as_str());
        let lines = matches!(spoken, Dialect::OllamaChat | Dialect::OllamaGenerate);
        let accept = if lines { "application/x-ndjson" } else { "text/event-stream" };
        assert_eq!(sent.headers["accept"], accept, "{client}");
    }
    assert_eq!(provider.dialect(Dialect::CohereRerank, "m"), None);
}
