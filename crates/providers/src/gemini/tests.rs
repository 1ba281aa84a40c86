//! What is special about Gemini accounts.

use std::collections::VecDeque;

use crate::conformance::{Script, asking, body_of, built, call, now};
use contract::ports::{Call, Timeouts};
use contract::words::{Dialect, Operation};
use http::HeaderMap;
use serde_json::json;

#[test]
fn model_and_operation_stand_in_the_path() {
    let provider = built(json!({ "kind": "gemini", "api_key": "k" }));
    let script = Script::answering("{}");
    let base = "https://generativelanguage.googleapis.com/v1beta";
    for (operation, stream, model, expected) in [
        (Operation::Chat, false, "gemini-2.5-pro", "/models/gemini-2.5-pro:generateContent"),
        (Operation::Chat, true, "gemini-2.5-pro", "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        (
            Operation::Embeddings,
            false,
            "gemini-embedding-001",
            "/models/gemini-embedding-001:batchEmbedContents",
        ),
        (Operation::CountTokens, false, "gemini-2.5-pro", "/models/gemini-2.5-pro:countTokens"),
        (
            Operation::Images,
            false,
            "gemini-2.5-flash-image",
            "/models/gemini-2.5-flash-image:generateContent",
        ),
        (Operation::Images, true, "imagen-4.0-generate-001", "/models/imagen-4.0-generate-001:predict"),
        (Operation::Chat, false, "models/gemini-2.5-pro", "/models/gemini-2.5-pro:generateContent"),
        (Operation::Chat, false, "tunedModels/mine", "/tunedModels/mine:generateContent"),
        (Operation::Chat, false, "../v1/files?x=", "/models/..%2Fv1%2Ffiles%3Fx%3D:generateContent"),
    ] {
        call(&*provider, &script, operation, stream, model).unwrap();
        assert_eq!(script.sent().uri.to_string(), format!("{base}{expected}"));
    }
    assert!(call(&*provider, &script, Operation::Chat, false, "models/..").is_err());
}

#[test]
fn both_calls_for_vectors_are_spoken() {
    let provider = built(json!({ "kind": "gemini", "api_key": "k" }));
    for (client, spoken) in [
        (Dialect::GeminiEmbedOne, Dialect::GeminiEmbedOne),
        (Dialect::GeminiEmbed, Dialect::GeminiEmbed),
        (Dialect::OpenaiEmbeddings, Dialect::GeminiEmbed),
        (Dialect::OpenaiChat, Dialect::GeminiGenerate),
    ] {
        assert_eq!(provider.dialect(client, "m"), Some(spoken));
    }
    let script = Script::answering("{}");
    let (headers, timeouts) = (HeaderMap::new(), Timeouts::default());
    let call = Call {
        dialect: Dialect::GeminiEmbedOne,
        model: "gemini-embedding-001",
        stream: false,
        body: VecDeque::new(),
        headers: &headers,
        traceparent: None,
        timeouts,
    };
    now(provider.call(call, &script)).unwrap();
    let base = "https://generativelanguage.googleapis.com/v1beta/models";
    assert_eq!(script.sent().uri.to_string(), format!("{base}/gemini-embedding-001:embedContent"));
}

#[test]
fn the_list_says_what_a_model_does() {
    let provider = built(json!({ "kind": "gemini", "api_key": "k" }));
    let list = json!({ "models": [
        { "name": "models/gemini-2.5-pro", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536, "thinking": true,
          "supportedGenerationMethods": ["generateContent", "countTokens"] },
        { "name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"] },
        { "name": "models/imagen-4", "supportedGenerationMethods": ["predict"] },
        { "name": "models/gemini-2.5-flash-image", "supportedGenerationMethods": ["generateContent"] },
        { "name": "models/veo-3", "supportedGenerationMethods": ["predictLongRunning"] },
    ] });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let names: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.operations[0])).collect();
    let expected = [
        ("gemini-2.5-pro", Operation::Chat),
        ("gemini-embedding-001", Operation::Embeddings),
        ("imagen-4", Operation::Images),
        ("gemini-2.5-flash-image", Operation::Images),
    ];
    assert_eq!(names, expected);
    assert_eq!(cards[3].operations, [Operation::Images, Operation::Chat]);
    assert_eq!((cards[0].context_window, cards[0].capabilities.reasoning), (Some(1_048_576), Some(true)));
}

#[test]
fn more_than_contents_is_counted_within_a_whole_request() {
    let (provider, script) = (built(json!({ "kind": "gemini", "api_key": "k" })), Script::answering("{}"));
    let contents = json!([{ "role": "user", "parts": [{ "text": "Hi" }] }]);
    let alone = json!({ "contents": contents });
    let flat = json!({ "contents": contents, "systemInstruction": { "parts": [{ "text": "Be brief." }] } });
    let whole = json!({ "generateContentRequest": { "model": "models/gemini-x", "contents": contents,
        "systemInstruction": { "parts": [{ "text": "Be brief." }] } } });
    let named = json!({ "generateContentRequest": { "model": "models/fast", "contents": contents,
        "systemInstruction": { "parts": [{ "text": "Be brief." }] } } });
    for (body, expected) in [(&alone, &alone), (&flat, &whole), (&named, &whole)] {
        asking(&*provider, &script, (Dialect::GeminiCount, "gemini-x"), body);
        assert_eq!(&serde_json::from_str::<serde_json::Value>(&body_of(script.sent())).unwrap(), expected);
    }
}
