//! `GET /v1/models` in the shape of each dialect's clients, with what the gateway knows of a model as extra fields.

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::shape::Shape;

/// Writes the list.
pub(crate) fn list(dialect: Dialect, cards: &[Arc<ModelCard>]) -> Bytes {
    let value = match Shape::of(dialect) {
        Shape::Openai | Shape::Ollama | Shape::Cohere | Shape::Aws | Shape::Kserve => {
            let data: Vec<Value> = cards.iter().map(|card| with_facts(openai(card), card)).collect();
            json!({"object": "list", "data": data})
        }
        Shape::Anthropic => {
            let data: Vec<Value> = cards.iter().map(|card| with_facts(anthropic(card), card)).collect();
            json!({"data": data, "has_more": false,
                "first_id": cards.first().map(|card| &card.name), "last_id": cards.last().map(|card| &card.name)})
        }
        Shape::Google => {
            json!({"models": cards.iter().map(|card| google(card)).collect::<Vec<_>>()})
        }
    };
    value.to_string().into()
}

/// Writes one entry of the list.
pub(crate) fn one(dialect: Dialect, card: &ModelCard) -> Bytes {
    let value = match Shape::of(dialect) {
        Shape::Openai | Shape::Ollama | Shape::Cohere | Shape::Aws | Shape::Kserve => {
            with_facts(openai(card), card)
        }
        Shape::Anthropic => with_facts(anthropic(card), card),
        Shape::Google => google(card),
    };
    value.to_string().into()
}

/// Nobody knows when an alias was made, and clients insist on a number: 0.
fn openai(card: &ModelCard) -> Value {
    let owner = card.name.split_once('/').map_or("pathgate", |(provider, _)| provider);
    json!({"id": card.name, "object": "model", "created": 0, "owned_by": owner})
}

fn anthropic(card: &ModelCard) -> Value {
    json!({"type": "model", "id": card.name, "display_name": card.name, "created_at": "1970-01-01T00:00:00Z"})
}

fn google(card: &ModelCard) -> Value {
    let methods: Vec<&str> = card
        .operations
        .iter()
        .flat_map(|operation| match operation {
            Operation::Chat => &["generateContent", "streamGenerateContent"][..],
            Operation::Embeddings => &["embedContent", "batchEmbedContents"][..],
            Operation::CountTokens => &["countTokens"][..],
            _ => &[],
        })
        .copied()
        .collect();
    let mut out = Map::new();
    put(&mut out, "name", Some(format!("models/{}", card.name)));
    put(&mut out, "displayName", Some(&card.name));
    put(&mut out, "inputTokenLimit", card.context_window);
    put(&mut out, "outputTokenLimit", card.max_output);
    put(&mut out, "supportedGenerationMethods", Some(methods));
    Value::Object(out)
}

/// Adds what is known; what is not known is left out.
fn with_facts(entry: Value, card: &ModelCard) -> Value {
    let Value::Object(mut out) = entry else { return entry };
    put(&mut out, "operations", Some(&card.operations));
    put(&mut out, "context_window", card.context_window);
    put(&mut out, "max_output", card.max_output);
    if let Ok(Value::Object(mut known)) = serde_json::to_value(&card.capabilities) {
        known.retain(|_, value| !value.is_null());
        put(&mut out, "capabilities", Some(known));
    }
    put(&mut out, "deprecated", card.deprecated.as_ref());
    Value::Object(out)
}

fn put<T: Serialize>(out: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ports::Capabilities;

    #[test]
    fn lists_have_the_shape_of_their_dialect_and_only_known_facts() {
        let card = ModelCard {
            name: "openai/gpt-5".to_owned(),
            operations: vec![Operation::Chat],
            context_window: Some(400_000),
            max_output: None,
            capabilities: Capabilities { tools: Some(true), ..Capabilities::default() },
            deprecated: None,
        };
        let cards = [Arc::new(card)];
        let read = |dialect| serde_json::from_slice::<Value>(&list(dialect, &cards)).unwrap();
        assert_eq!(
            read(Dialect::OpenaiChat),
            json!({"object": "list", "data": [{"id": "openai/gpt-5", "object": "model", "created": 0,
                "owned_by": "openai", "operations": ["chat"], "context_window": 400_000, "capabilities": {"tools": true}}]})
        );
        let anthropic = read(Dialect::AnthropicMessages);
        assert_eq!(anthropic["data"][0]["type"], json!("model"));
        assert_eq!((&anthropic["first_id"], &anthropic["has_more"]), (&json!("openai/gpt-5"), &json!(false)));
        assert_eq!(read(Dialect::GeminiGenerate)["models"][0]["name"], json!("models/openai/gpt-5"));
        assert_eq!(
            list(Dialect::AnthropicMessages, &[]),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
    }
}
