//! What the rows have in common, and what is special about some.

use contract::canon::{Asked, Message, Part, Provenance, Request, Role, Sampling};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde_json::json;

use super::*;
use crate::ProviderConfig;
use crate::conformance::{Script, body_of, built, calling, stopped};

#[test]
fn rows_differ_and_are_found_by_their_domains() {
    for (at, row) in ALL.iter().enumerate() {
        assert!(ALL[at + 1..].iter().all(|other| other.facts.kind != row.facts.kind));
        let host = row.facts.base_url.unwrap().parse::<http::Uri>().unwrap();
        let found = super::at(host.host().unwrap()).map(|found| found.facts.kind);
        assert_eq!(found, (!row.own).then_some(row.facts.kind));
        assert_eq!(row.surfaces[0].0, Dialect::OpenaiChat, "the dialect to translate to comes first");
        assert_eq!(row.variable.is_some(), !row.own);
    }
    assert!(super::at("groq.com.evil.test").is_none());
    assert!(super::at("max.ai").is_none(), "only whole labels count");
}

#[test]
fn a_key_is_needed_but_at_home() {
    for row in ALL {
        let mut faults = Faults::default();
        let config = ProviderConfig::following(row, Config::default()).unwrap();
        let built = crate::build("acme", &config, &stopped(), &mut faults);
        assert_eq!(built.is_some(), row.facts.keyless, "{}: {faults}", row.facts.kind);
        assert_eq!(config.kind(), row.facts.kind);
        assert_eq!(config.is_self_hosted(), row.own);
    }
}

/// Where an account speaks a dialect.
fn place(config: serde_json::Value, dialect: Dialect) -> Option<String> {
    let (provider, script) = (built(config), Script::answering("{}"));
    (provider.dialect(dialect, "m") == Some(dialect)).then(|| {
        let (headers, timeouts) = (http::HeaderMap::new(), contract::ports::Timeouts::default());
        let (model, stream, traceparent) = ("m", false, None);
        let body = std::collections::VecDeque::from([bytes::Bytes::from_static(b"{}")]);
        let call =
            contract::ports::Call { dialect, model, stream, body, headers: &headers, traceparent, timeouts };
        crate::conformance::now(provider.call(call, &script)).unwrap();
        script.sent().uri.to_string()
    })
}

#[test]
fn other_dialects_have_places_of_their_own() {
    let (messages, responses, rerank) =
        (Dialect::AnthropicMessages, Dialect::OpenaiResponses, Dialect::CohereRerank);
    for (kind, dialect, expected) in [
        ("deepseek", messages, Some("https://api.deepseek.com/anthropic/v1/messages")),
        ("deepseek", responses, Some("https://api.deepseek.com/responses")),
        ("moonshot", messages, Some("https://api.moonshot.ai/anthropic/v1/messages")),
        ("zai", messages, Some("https://api.z.ai/api/anthropic/v1/messages")),
        ("minimax", messages, Some("https://api.minimax.io/anthropic/v1/messages")),
        ("dashscope", messages, Some("https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages")),
        ("openrouter", messages, Some("https://openrouter.ai/api/v1/messages")),
        ("openrouter", rerank, Some("https://openrouter.ai/api/v1/rerank")),
        ("together", rerank, Some("https://api.together.xyz/v1/rerank")),
        ("xai", responses, Some("https://api.x.ai/v1/responses")),
        ("groq", responses, Some("https://api.groq.com/openai/v1/responses")),
        ("groq", messages, None),
        ("groq", Dialect::OpenaiTranscriptions, Some("https://api.groq.com/openai/v1/audio/transcriptions")),
        ("groq", Dialect::OpenaiTranslations, Some("https://api.groq.com/openai/v1/audio/translations")),
        ("mistral", Dialect::OpenaiTranscriptions, Some("https://api.mistral.ai/v1/audio/transcriptions")),
        ("mistral", Dialect::OpenaiTranslations, None),
        ("together", Dialect::OpenaiTranslations, Some("https://api.together.xyz/v1/audio/translations")),
        ("mistral", responses, None),
        ("vllm", messages, Some("http://127.0.0.1:8000/v1/messages")),
        ("vllm", Dialect::OpenaiTranscriptions, Some("http://127.0.0.1:8000/v1/audio/transcriptions")),
        ("vllm", Dialect::OpenaiTranslations, Some("http://127.0.0.1:8000/v1/audio/translations")),
        ("llama-cpp", Dialect::OpenaiTranscriptions, None),
        (
            "sambanova",
            Dialect::OpenaiTranscriptions,
            Some("https://api.sambanova.ai/v1/audio/transcriptions"),
        ),
        ("sambanova", Dialect::OpenaiTranslations, Some("https://api.sambanova.ai/v1/audio/translations")),
        ("zai", Dialect::OpenaiImages, Some("https://api.z.ai/api/paas/v4/images/generations")),
        ("llama-cpp", rerank, Some("http://127.0.0.1:8080/v1/rerank")),
    ] {
        let config = json!({ "kind": kind, "api_key": "k" });
        assert_eq!(place(config, dialect).as_deref(), expected, "{kind} {dialect}");
    }
}

#[test]
fn behind_a_proxy_only_what_is_below_the_base_url_is_known() {
    let proxied =
        |kind: &str| json!({ "kind": kind, "api_key": "k", "base_url": "https://proxy.test/up/v1" });
    assert_eq!(place(proxied("moonshot"), Dialect::AnthropicMessages), None);
    let chat = place(proxied("moonshot"), Dialect::OpenaiChat);
    assert_eq!(chat.as_deref(), Some("https://proxy.test/up/v1/chat/completions"));
    let china = json!({ "kind": "moonshot", "api_key": "k", "base_url": "https://api.moonshot.cn/v1" });
    let messages = place(china, Dialect::AnthropicMessages);
    assert_eq!(messages.as_deref(), Some("https://api.moonshot.cn/anthropic/v1/messages"));
}

#[test]
fn what_passes_through_gets_the_names_they_know() {
    let body = json!({ "model": "m", "max_completion_tokens": 5, "seed": 1, "stream_options": { "include_usage": true } });
    let sent = |config| {
        let (provider, script) = (built(config), Script::answering("{}"));
        calling(&*provider, &script, "m", &body);
        serde_json::from_str::<serde_json::Value>(&body_of(script.sent())).unwrap()
    };
    let mistral = json!({ "model": "m", "max_tokens": 5, "random_seed": 1 });
    assert_eq!(sent(json!({ "kind": "mistral", "api_key": "k" })), mistral);
    let known =
        json!({ "kind": "openai-compatible", "api_key": "k", "base_url": "https://api.mistral.ai/v1" });
    assert_eq!(sent(known), mistral);
    assert_eq!(sent(json!({ "kind": "groq", "api_key": "k" })), body);
    assert_eq!(sent(json!({ "kind": "openai-compatible", "base_url": "https://box.test" })), body);
}

#[test]
fn usage_of_streams_is_told_without_a_loss() {
    for row in ALL {
        let provider = built(json!({ "kind": row.facts.kind, "api_key": "k" }));
        assert!(!provider.refuses(Dialect::OpenaiChat).contains(&"stream_options"), "{}", row.facts.kind);
    }
    let message = Message::new(Role::User, vec![Part::text("hello", Provenance::User)]);
    let request =
        Request { model: "m".to_owned(), messages: vec![message], stream: true, ..Request::default() };
    let (mistral, script) = (built(json!({ "kind": "mistral", "api_key": "k" })), Script::answering("{}"));
    let (bytes, lost) = mistral.translate(&Asked::Chat(Box::new(request)), Dialect::OpenaiChat).unwrap();
    assert!(lost.is_empty(), "{lost}");
    calling(&*mistral, &script, "m", &serde_json::from_slice(&bytes).unwrap());
    assert!(!body_of(script.sent()).contains("stream_options"));
}

#[test]
fn what_is_translated_leaves_out_what_they_refuse() {
    let message = Message::new(Role::Developer, vec![Part::text("hello", Provenance::System)]);
    let sampling = Sampling { seed: Some(7), top_k: Some(3), ..Sampling::default() };
    let request = Request {
        model: "m".to_owned(),
        messages: vec![message],
        sampling,
        user: Some("u".to_owned()),
        max_output: Some(5),
        ..Request::default()
    };
    let asked = Asked::Chat(Box::new(request));
    let written = |kind: &str| {
        let provider = built(json!({ "kind": kind, "api_key": "k" }));
        let (bytes, receipt) = provider.translate(&asked, Dialect::OpenaiChat).unwrap();
        (serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(), receipt.to_string())
    };
    let (body, lost) = written("mistral");
    assert_eq!((&body["random_seed"], &body["max_tokens"]), (&json!(7), &json!(5)));
    assert_eq!(body["messages"][0]["role"], "system");
    assert!(lost.contains("top_k") && lost.contains("user"), "{lost}");
    let (body, lost) = written("zai");
    assert_eq!(body["user_id"], "u");
    assert!(lost.contains("seed"), "{lost}");
    assert_eq!(written("vllm").0["top_k"], 3);
}

#[test]
fn calls_made_elsewhere_go_to_mistral_in_its_form() {
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "call_1", "content": "1" },
        { "role": "user", "content": "so" }] });
    let asked = wire::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
    for (kind, own) in [("mistral", true), ("groq", false)] {
        let provider = built(json!({ "kind": kind, "api_key": "k" }));
        let (bytes, lost) = provider.translate(&asked, Dialect::OpenaiChat).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let id = written["messages"][2]["tool_call_id"].as_str().unwrap();
        assert_eq!((id == "call_1", id.len() == 9), (!own, own), "{id}");
        assert_eq!(written["messages"][3]["role"], if own { "assistant" } else { "user" });
        assert!(lost.is_empty(), "{lost}");
    }
}

#[test]
fn pictures_are_changed_in_json_at_xai() {
    let provider = built(json!({ "kind": "xai", "api_key": "k" }));
    let edits = Dialect::OpenaiImageEdits;
    assert_eq!(provider.dialect(edits, "m"), Some(edits));
    assert!(!provider.verbatim(edits) && provider.verbatim(Dialect::OpenaiImages));
    let form = json!({ "model": "m", "prompt": "a hat", "image": "data:image/png;base64,AAAA" });
    let asked = wire::read_request(edits, form.to_string().as_bytes()).unwrap();
    let (bytes, receipt) = provider.translate(&asked, edits).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(body["image"], json!({ "url": "data:image/png;base64,AAAA", "type": "image_url" }));
    assert!(receipt.is_empty());
}

#[test]
fn what_they_list_is_read() {
    let provider = built(json!({ "kind": "together", "api_key": "k" }));
    let list = json!([
        { "id": "a", "type": "chat", "context_length": 8192 },
        { "id": "b", "type": "rerank" },
        { "id": "c", "type": "image" },
        { "id": "d-embed", "object": "model", "meta": { "n_ctx": 512 } },
    ]);
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let operations: Vec<_> = cards.iter().map(|card| card.operations[0]).collect();
    let expected = [Operation::Chat, Operation::Rerank, Operation::Images, Operation::Embeddings];
    assert_eq!(operations, expected);
    assert_eq!((cards[0].context_window, cards[3].context_window), (Some(8192), Some(512)));

    let sonar = built(json!({ "kind": "perplexity", "api_key": "k" }));
    let script = Script::failing(500);
    assert_eq!(script.discover(&*sonar).unwrap().len(), 4);
    assert!(script.nothing_sent());
}

#[test]
fn codestral_fills_in_the_middle_in_words_of_its_own() {
    let (mistral, client) = (built(json!({ "kind": "mistral", "api_key": "k" })), Dialect::OpenaiCompletions);
    assert_eq!(mistral.dialect(client, "mistral-small-latest"), Some(Dialect::OpenaiChat));
    assert_eq!(mistral.dialect(client, "codestral-latest"), Some(client));
    assert_eq!(mistral.dialect(Dialect::OpenaiChat, "codestral-latest"), Some(Dialect::OpenaiChat));
    assert!(!mistral.verbatim(client) && mistral.verbatim(Dialect::OpenaiChat));
    let body = json!({"model": "codestral-latest", "prompt": "fn a(", "suffix": "}", "max_tokens": 9, "seed": 1, "n": 2,
        "stream": true});
    let asked = wire::read_request(client, body.to_string().as_bytes()).unwrap();
    let (written, receipt) = mistral.translate(&asked, client).unwrap();
    let expected = json!({"model": "codestral-latest", "prompt": "fn a(", "suffix": "}", "max_tokens": 9,
        "random_seed": 1, "stream": true});
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), expected);
    assert_eq!(receipt.to_string(), "n");
}
