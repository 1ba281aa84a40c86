//! Reading the lists of models that providers give.

use contract::ports::ModelCard;
use contract::words::Operation;
use serde::Deserialize;

#[derive(Deserialize)]
struct Listed<M> {
    #[serde(alias = "models")]
    data: Vec<M>,
}

#[derive(Deserialize)]
struct ById {
    id: String,
}

#[derive(Deserialize)]
struct ByName {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeminiModel {
    name: String,
    input_token_limit: Option<u64>,
    output_token_limit: Option<u64>,
    #[serde(default)]
    supported_generation_methods: Vec<String>,
}

/// `{"data":[{"id":…}]}`
pub(crate) fn openai(body: &[u8]) -> Option<Vec<ModelCard>> {
    let list: Listed<ById> = serde_json::from_slice(body).ok()?;
    Some(list.data.into_iter().map(|model| ModelCard::unknown(model.id)).collect())
}

/// `{"data":[{"id":…}]}`; every model of it converses.
pub(crate) fn anthropic(body: &[u8]) -> Option<Vec<ModelCard>> {
    let mut cards = openai(body)?;
    for card in &mut cards {
        card.operations = vec![Operation::Chat];
    }
    Some(cards)
}

/// `{"models":[{"name":"qwen3:4b"}]}`
pub(crate) fn ollama(body: &[u8]) -> Option<Vec<ModelCard>> {
    let list: Listed<ByName> = serde_json::from_slice(body).ok()?;
    Some(list.data.into_iter().map(|model| ModelCard::unknown(model.name)).collect())
}

/// `{"models":[{"name":"models/…","supportedGenerationMethods":[…]}]}`; models that do nothing we serve are left out.
pub(crate) fn gemini(body: &[u8]) -> Option<Vec<ModelCard>> {
    let list: Listed<GeminiModel> = serde_json::from_slice(body).ok()?;
    let card = |model: GeminiModel| {
        let does = |method: &str| model.supported_generation_methods.iter().any(|name| name == method);
        let mut operations = Vec::new();
        if does("generateContent") {
            operations.push(Operation::Chat);
        }
        if does("embedContent") || does("batchEmbedContents") {
            operations.push(Operation::Embeddings);
        }
        if operations.is_empty() {
            return None;
        }
        let name = model.name.strip_prefix("models/").unwrap_or(&model.name);
        Some(ModelCard {
            operations,
            context_window: model.input_token_limit,
            max_output: model.output_token_limit,
            ..ModelCard::unknown(name)
        })
    };
    Some(list.data.into_iter().filter_map(card).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cards: Option<Vec<ModelCard>>) -> Vec<String> {
        cards.unwrap().into_iter().map(|card| card.name).collect()
    }

    #[test]
    fn each_shape_is_read() {
        assert_eq!(names(openai(br#"{"object":"list","data":[{"id":"a","object":"model"}]}"#)), ["a"]);
        assert_eq!(names(ollama(br#"{"models":[{"name":"b:4b","size":1}]}"#)), ["b:4b"]);
        let list = br#"{"models":[
            {"name":"models/g","inputTokenLimit":10,"supportedGenerationMethods":["generateContent"]},
            {"name":"models/old","supportedGenerationMethods":["predict"]}]}"#;
        let cards = gemini(list).unwrap();
        assert_eq!((cards.len(), cards[0].name.as_str(), cards[0].context_window), (1, "g", Some(10)));
        assert!(openai(b"<html>").is_none());
    }
}
