//! `GET /v1/models`, and what other services have in its place, in the shape of each dialect's clients. What a dialect has a
//! word for is said in it; the rest of what the gateway knows of a model are extra fields, the same in every list:
//! `operations`, `context_window`, `max_output`, `capabilities`, `deprecated` and `pricing`.

mod anthropic;
mod paging;
mod pricing;

use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fields::{self, missing};
use crate::fnv1a;
use crate::shape::Shape;

use self::paging::Part;

/// When a model was made, for clients that insist on a time: nobody knows.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// Writes the list.
pub(crate) fn list(dialect: Dialect, cards: &[Arc<ModelCard>]) -> Bytes {
    written(dialect, &Part::all(cards))
}

/// Writes the part of the list that the query of a URL asks for.
pub(crate) fn page(dialect: Dialect, cards: &[Arc<ModelCard>], query: Option<&str>) -> Result<Bytes, Fault> {
    Ok(written(dialect, &Part::of(dialect, cards, query)?))
}

fn written(dialect: Dialect, part: &Part<'_>) -> Bytes {
    let cards = &part.cards;
    let value = match Shape::of(dialect) {
        Shape::Ollama => json!({"models": cards.iter().map(|card| ollama(card)).collect::<Vec<_>>()}),
        Shape::Openai | Shape::Aws | Shape::Kserve => {
            let data: Vec<Value> = cards.iter().map(|card| openai(card)).collect();
            json!({"object": "list", "data": data})
        }
        Shape::Cohere => {
            let models: Vec<Value> = cards.iter().map(|card| cohere(card)).collect();
            tokened(models, ("next_page_token", part.next()))
        }
        Shape::Anthropic => {
            let data: Vec<Value> = cards.iter().map(|card| anthropic::write(card)).collect();
            json!({"data": data, "has_more": part.more,
                "first_id": cards.first().map(|card| &card.name), "last_id": cards.last().map(|card| &card.name)})
        }
        Shape::Google => {
            let models: Vec<Value> = cards.iter().map(|card| google(card)).collect();
            tokened(models, ("nextPageToken", part.next()))
        }
    };
    value.to_string().into()
}

/// A list that says what asks for the next page, if there is one.
fn tokened(models: Vec<Value>, (name, next): (&str, Option<String>)) -> Value {
    let mut out = Map::new();
    put(&mut out, "models", Some(models));
    put(&mut out, name, next);
    Value::Object(out)
}

/// Writes one entry of the list.
pub(crate) fn one(dialect: Dialect, card: &ModelCard) -> Bytes {
    let value = match Shape::of(dialect) {
        Shape::Openai | Shape::Aws | Shape::Kserve => openai(card),
        Shape::Cohere => cohere(card),
        Shape::Ollama => ollama_shown(card),
        Shape::Anthropic => anthropic::write(card),
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
    let mut out = Map::new();
    put(&mut out, "id", Some(&card.name));
    put(&mut out, "object", Some("model"));
    put(&mut out, "created", Some(0));
    put(&mut out, "owned_by", Some(owner));
    put(&mut out, "shutdown_date", card.deprecated.as_ref());
    facts(&mut out, card);
    abilities(&mut out, card);
    Value::Object(out)
}

/// docs.cohere.com/reference/list-models.
fn cohere(card: &ModelCard) -> Value {
    let endpoint = |operation: &Operation| match operation {
        Operation::Chat => Some("chat"),
        Operation::Embeddings => Some("embed"),
        Operation::Rerank => Some("rerank"),
        _ => None,
    };
    let can = &card.capabilities;
    let features = [
        ("json_schema", can.json_schema),
        ("tools", can.tools),
        ("vision", can.images),
        ("reasoning", can.reasoning),
    ];
    let features: Vec<&str> =
        features.into_iter().filter_map(|(name, can)| (can == Some(true)).then_some(name)).collect();
    let mut out = Map::new();
    put(&mut out, "name", Some(&card.name));
    put(&mut out, "endpoints", Some(card.operations.iter().filter_map(endpoint).collect::<Vec<_>>()));
    put(&mut out, "finetuned", Some(false));
    put(&mut out, "is_deprecated", Some(card.deprecated.is_some()));
    put(&mut out, "context_length", card.context_window);
    put(&mut out, "features", Some(features));
    put(&mut out, "default_endpoints", Some(Vec::<&str>::new()));
    facts(&mut out, card);
    abilities(&mut out, card);
    Value::Object(out)
}

/// ai.google.dev/api/models.
fn google(card: &ModelCard) -> Value {
    let methods: Vec<&str> = operations(card)
        .iter()
        .flat_map(|operation| match operation {
            Operation::Chat => &["generateContent", "streamGenerateContent", "countTokens"][..],
            Operation::Embeddings => &["embedContent", "batchEmbedContents"][..],
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
    facts(&mut out, card);
    abilities(&mut out, card);
    Value::Object(out)
}

/// An entry of `/api/tags`. There is no file behind a model here; clients insist on a size, a time and a digest.
fn ollama(card: &ModelCard) -> Value {
    let mut out = Map::new();
    put(&mut out, "name", Some(&card.name));
    put(&mut out, "model", Some(&card.name));
    put(&mut out, "modified_at", Some(EPOCH));
    put(&mut out, "size", Some(0));
    put(&mut out, "digest", Some(digest(&card.name)));
    put(&mut out, "details", Some(details()));
    put(&mut out, "capabilities", Some(ollama_abilities(card)));
    facts(&mut out, card);
    Value::Object(out)
}

/// `/api/show` of one model. Clients read the context window of the architecture that `model_info` names.
fn ollama_shown(card: &ModelCard) -> Value {
    let mut info = Map::new();
    put(&mut info, "general.architecture", Some("pathgate"));
    put(&mut info, "pathgate.context_length", card.context_window);
    let mut out = Map::new();
    for name in ["modelfile", "parameters", "template", "license"] {
        put(&mut out, name, Some(""));
    }
    put(&mut out, "details", Some(details()));
    put(&mut out, "model_info", Some(info));
    put(&mut out, "capabilities", Some(ollama_abilities(card)));
    put(&mut out, "modified_at", Some(EPOCH));
    facts(&mut out, card);
    Value::Object(out)
}

fn ollama_abilities(card: &ModelCard) -> Vec<&'static str> {
    let does = |operation| operations(card).contains(&operation);
    let can = &card.capabilities;
    let abilities = [
        ("completion", does(Operation::Chat)),
        ("tools", can.tools == Some(true)),
        ("vision", can.images == Some(true)),
        ("audio", can.audio == Some(true)),
        ("thinking", can.reasoning == Some(true)),
        ("embedding", does(Operation::Embeddings)),
    ];
    abilities.into_iter().filter_map(|(name, can)| can.then_some(name)).collect()
}

/// What it does. Clients leave out a model that is said to do nothing; one of which nobody knows is taken to converse.
fn operations(card: &ModelCard) -> &[Operation] {
    if card.operations.is_empty() { &[Operation::Chat] } else { &card.operations }
}

fn details() -> Value {
    json!({"parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "",
        "quantization_level": ""})
}

/// 64 hexadecimal digits that a name always has: FNV-1a, four times over.
fn digest(name: &str) -> String {
    (0..4).map(|seed| format!("{:016x}", fnv1a(seed, name.as_bytes()))).collect()
}

/// Adds what is known; what is not known is left out. `capabilities` is a word of some dialects: see [`abilities`].
fn facts(out: &mut Map<String, Value>, card: &ModelCard) {
    put(out, "operations", Some(&card.operations));
    put(out, "context_window", card.context_window);
    put(out, "max_output", card.max_output);
    put(out, "deprecated", card.deprecated.as_ref());
    put(out, "pricing", card.price.as_deref().map(pricing::write));
}

/// Adds what it can do where the dialect has no `capabilities` of its own.
fn abilities(out: &mut Map<String, Value>, card: &ModelCard) {
    if let Ok(Value::Object(mut known)) = serde_json::to_value(card.capabilities) {
        known.retain(|_, value| !value.is_null());
        put(out, "capabilities", Some(known));
    }
}

fn put<T: Serialize>(out: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests;
