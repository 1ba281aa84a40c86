//! Cohere's own API: dialects of its own for chat, vectors and relevance, and a list of models that says what each does.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::{ModelCard, SharedProvider};
use contract::settings::Faults;
use contract::words::Operation;
use serde::Deserialize;

use crate::account::Account;
use crate::listing::guess;
use crate::openai_like::OpenaiLike;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let account = config.account();
    let base_url = account.base_url.map(without_version);
    let account = Account { base_url, ..account };
    let spoken = (quirks::SURFACES, quirks::QUIRKS);
    let provider = OpenaiLike::new(name, account, &quirks::FACTS, spoken, faults)?;
    let models = provider.endpoint.url("/v1/models", Some("page_size=1000"))?;
    Some(Arc::new(provider.listed(Some((models, read)))))
}

/// A base URL as other clients want it ends in a version, which the paths here begin with.
fn without_version(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    ["/v1", "/v2"].iter().find_map(|version| url.strip_suffix(version)).unwrap_or(url)
}

/// `GET /v1/models`.
#[derive(Deserialize)]
struct List {
    models: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    endpoints: Option<Vec<String>>,
    /// Some are written with a point.
    context_length: Option<f64>,
}

fn read(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let list: List = serde_json::from_slice(bytes)?;
    Ok(list.models.into_iter().map(Entry::card).filter(|card| !card.operations.is_empty()).collect())
}

impl Entry {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn card(self) -> ModelCard {
        let does = |endpoint: &String| match endpoint.as_str() {
            "chat" => Some(Operation::Chat),
            "embed" | "embed_image" => Some(Operation::Embeddings),
            "rerank" => Some(Operation::Rerank),
            _ => None,
        };
        let mut operations: Vec<Operation> = match &self.endpoints {
            Some(endpoints) => endpoints.iter().filter_map(does).collect(),
            None => vec![guess(&self.name)],
        };
        operations.dedup();
        let window = self.context_length.filter(|length| (1.0..1e12).contains(length));
        ModelCard {
            operations,
            context_window: window.map(|length| length as u64),
            ..ModelCard::unknown(self.name)
        }
    }
}
