//! `GET /v1/models`, and what other services have in its place, in the shape of each dialect's clients, with what the
//! gateway knows of a model as extra fields.

use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fields::{self, missing};
use crate::shape::Shape;

/// Writes the list.
pub(crate) fn list(dialect: Dialect, cards: &[Arc<ModelCard>]) -> Bytes {
    let value = match Shape::of(dialect) {
        Shape::Ollama => json!({"models": cards.iter().map(|card| ollama(card)).collect::<Vec<_>>()}),
        Shape::Openai | Shape::Cohere | Shape::Aws | Shape::Kserve => {
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
        Shape::Openai | Shape::Cohere | Shape::Aws | Shape::Kserve => with_facts(openai(card), card),
        Shape::Ollama => ollama_shown(card),
        Shape::Anthropic => with_facts(anthropic(card), card),
        Shape::Google => google(card),
    };
    value.to_string().into()
}

/// Ollama's `/api/show` names the model in its body; `name` is the older word.
pub(crate) fn asked(body: &[u8]) -> Result<String, Fault> {
    let mut fields = fields::body(body)?;
    let name = fields.text("name")?;
    fields.text("model")?.or(name).ok_or_else(|| missing("model"))
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
    put(&mut out, "thinking", card.capabilities.reasoning);
    Value::Object(out)
}

/// An entry of `/api/tags`. There is no file behind a model here; clients insist on a size, a time and a digest.
fn ollama(card: &ModelCard) -> Value {
    json!({"name": card.name, "model": card.name, "modified_at": "1970-01-01T00:00:00Z", "size": 0,
        "digest": digest(&card.name), "details": details()})
}

/// `/api/show` of one model. Clients read the context window of the architecture that `model_info` names.
fn ollama_shown(card: &ModelCard) -> Value {
    let mut info = Map::new();
    put(&mut info, "general.architecture", Some("pathgate"));
    put(&mut info, "pathgate.context_length", card.context_window);
    let does = |operation| card.operations.is_empty() || card.operations.contains(&operation);
    let can = &card.capabilities;
    let abilities = [
        ("completion", does(Operation::Chat)),
        ("tools", can.tools == Some(true)),
        ("vision", can.images == Some(true)),
        ("thinking", can.reasoning == Some(true)),
        ("embedding", card.operations.contains(&Operation::Embeddings)),
    ];
    let abilities: Vec<&str> = abilities.into_iter().filter_map(|(name, can)| can.then_some(name)).collect();
    json!({"modelfile": "", "parameters": "", "template": "", "license": "", "details": details(),
        "model_info": info, "capabilities": abilities, "modified_at": "1970-01-01T00:00:00Z"})
}

fn details() -> Value {
    json!({"parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "",
        "quantization_level": ""})
}

/// 64 hexadecimal digits that a name always has: FNV-1a, four times over.
fn digest(name: &str) -> String {
    let hash = |seed: u64| {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, step)
    };
    (0..4).map(|seed| format!("{:016x}", hash(seed))).collect()
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
        let tags = read(Dialect::OllamaChat);
        let tag = &tags["models"][0];
        assert_eq!((&tag["name"], &tag["model"]), (&json!("openai/gpt-5"), &json!("openai/gpt-5")));
        assert_eq!(tag["digest"].as_str().map(str::len), Some(64));
        let shown = serde_json::from_slice::<Value>(&one(Dialect::OllamaChat, &cards[0])).unwrap();
        assert_eq!(shown["capabilities"], json!(["completion", "tools"]));
        assert_eq!(shown["model_info"]["pathgate.context_length"], json!(400_000));
        for (body, name) in [
            (r#"{"model":"a"}"#, Some("a")),
            (r#"{"name":"a","verbose":true}"#, Some("a")),
            (r#"{"name":"a","model":"b"}"#, Some("b")),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(asked(body.as_bytes()).ok().as_deref(), name, "{body}");
        }
        assert_eq!(
            list(Dialect::AnthropicMessages, &[]),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
    }
}
