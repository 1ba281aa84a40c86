//! What models of a kind are not sent, seen in the requests that are translated for them.

use contract::canon::Receipt;
use contract::words::Dialect;
use serde_json::{Value, json};

use crate::conformance::built;

/// What a client of Anthropic's dialect gets through to a model, and what it loses.
fn sent(kind: &str, model: &str, settings: &Value) -> (Value, Receipt) {
    let provider = built(json!({ "kind": kind, "api_key": "k" }));
    let mut body =
        json!({ "model": model, "max_tokens": 4000, "messages": [{ "role": "user", "content": "Hi" }] });
    body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let asked = wire::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
    let target = provider.dialect(Dialect::AnthropicMessages, model).unwrap();
    let (body, receipt) = provider.translate(&asked, target).unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    body.as_object_mut().unwrap().retain(|name, _| {
        ["reasoning_effort", "reasoning", "temperature", "top_p", "stop"].contains(&name.as_str())
    });
    (body, receipt)
}

#[test]
fn models_that_think_are_not_told_how_to_draw() {
    let all = json!({ "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["x"] });
    let stays = json!({ "temperature": 0.5, "top_p": 0.9, "stop": ["x"] });
    let drawing = json!({ "temperature": 0.5, "top_p": 0.9 });
    let stop = json!({ "stop": ["x"] });
    for (kind, model, expected) in [
        ("openai", "gpt-4o-mini", &stays),
        ("openai", "gpt-5-chat-latest", &stays),
        ("openai", "o3-mini", &stop),
        ("openai", "o3", &json!({})),
        ("openai", "gpt-5-mini-2025-08-07", &json!({})),
        ("openai", "gpt-5.2", &drawing),
        ("openai", "gpt-5.5", &stays),
        ("openai", "gpt-5.3-codex", &json!({})),
        ("github", "openai/gpt-5", &json!({})),
        ("xai", "grok-4.3", &drawing),
        ("xai", "grok-3", &stays),
    ] {
        let (body, receipt) = sent(kind, model, &all);
        assert_eq!(&body, expected, "{kind}/{model}");
        let lost = 3 - body.as_object().unwrap().len();
        assert_eq!(receipt.entries().len(), lost, "{kind}/{model}: {receipt}");
    }
    // What a model does anyway is no loss.
    let (body, receipt) = sent("openai", "gpt-5", &json!({ "temperature": 1 }));
    assert!(body == json!({}) && receipt.is_empty(), "{receipt}");
}

#[test]
fn one_that_need_not_think_takes_it_while_it_does_not() {
    let thinking = |on: bool| {
        let thinking = if on {
            json!({ "type": "enabled", "budget_tokens": 3000 })
        } else {
            json!({ "type": "disabled" })
        };
        json!({ "temperature": 1, "top_p": 0.95, "thinking": thinking })
    };
    let (body, receipt) = sent("openai", "gpt-5.1", &thinking(true));
    assert_eq!((body, receipt.to_string().as_str()), (json!({ "reasoning_effort": "low" }), "top_p"));
    let (body, receipt) = sent("openai", "gpt-5.1", &thinking(false));
    assert_eq!(body, json!({ "reasoning_effort": "none", "temperature": 1.0, "top_p": 0.95 }));
    assert!(receipt.is_empty(), "{receipt}");
}

#[test]
fn levels_are_those_that_a_model_has() {
    let on = json!({ "thinking": { "type": "enabled", "budget_tokens": 3000 } });
    let off = json!({ "thinking": { "type": "disabled" } });
    for (kind, model, asked, level) in [
        ("openai", "gpt-4o-2024-11-20", &on, None),
        ("openai", "gpt-4o-2024-11-20", &off, None),
        ("openai", "gpt-5", &off, Some("minimal")),
        ("openai", "gpt-5-pro", &on, Some("high")),
        ("openai", "o4-mini", &off, Some("low")),
        ("mistral", "mistral-small-latest", &on, Some("high")),
        ("mistral", "mistral-medium-3-5", &off, Some("none")),
        ("mistral", "magistral-medium-latest", &on, None),
        ("xai", "grok-4", &on, None),
        ("xai", "grok-4-1-fast-non-reasoning", &on, None),
        ("xai", "grok-3-mini", &on, Some("low")),
        ("xai", "grok-4.3", &off, Some("none")),
        ("groq", "openai/gpt-oss-120b", &off, Some("low")),
    ] {
        let (body, receipt) = sent(kind, model, asked);
        let sent_as = body.get("reasoning_effort").or_else(|| body.pointer("/reasoning/effort"));
        assert_eq!(sent_as.and_then(Value::as_str), level, "{kind}/{model}");
        let same = matches!((level, asked == &on), (Some("low"), true) | (Some("none"), false))
            || (model.starts_with("gpt-4") && asked == &off);
        assert_eq!(receipt.to_string(), if same { "" } else { "reasoning_effort" }, "{kind}/{model}");
    }
}

#[test]
fn more_texts_that_end_an_answer_than_openai_takes_are_named() {
    let five = json!({ "stop_sequences": ["a", "b", "c", "d", "e"] });
    let (body, receipt) = sent("openai", "gpt-4.1", &five);
    assert_eq!((body, receipt.to_string().as_str()), (json!({ "stop": ["a", "b", "c", "d"] }), "stop"));
    let (body, _) = sent("together", "a", &five);
    assert_eq!(body["stop"].as_array().unwrap().len(), 5);
}
