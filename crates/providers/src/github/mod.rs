//! GitHub Models: OpenAI's dialect, on behalf of a person or an organisation, and a catalogue of its own.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::{Capabilities, ModelCard, SharedProvider};
use contract::settings::Faults;
use contract::words::Operation;
use serde::Deserialize;

use crate::account::Account;
use crate::listing::{card, guess};
use crate::openai_like::{OpenaiLike, USUAL};
use crate::request::is_label;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let base = match (&config.base_url, &config.organization) {
        (None, Some(login)) if is_label(login) => {
            Some(format!("https://models.github.ai/orgs/{login}/inference"))
        }
        (None, Some(_)) => {
            faults.add(format!("providers.{name}.organization"), "is not the login of an organisation");
            return None;
        }
        (given, _) => given.clone(),
    };
    let account = Account { base_url: base.as_deref(), ..config.account() };
    let provider = OpenaiLike::new(name, account, &quirks::FACTS, (USUAL, quirks::QUIRKS), faults)?;
    let catalog = provider.endpoint.url_at_root(quirks::CATALOG)?;
    Some(Arc::new(provider.listed(Some((catalog, read)))))
}

/// `GET /catalog/models` (docs.github.com/en/rest/models/catalog).
#[derive(Deserialize)]
struct Entry {
    id: String,
    limits: Option<Limits>,
    #[serde(default)]
    supported_input_modalities: Vec<String>,
    #[serde(default)]
    supported_output_modalities: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
}

#[derive(Deserialize)]
struct Limits {
    max_input_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
}

fn read(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let list: Vec<Entry> = serde_json::from_slice(bytes)?;
    Ok(list.into_iter().map(Entry::card).collect())
}

impl Entry {
    fn card(self) -> ModelCard {
        let has = |list: &[String], word: &str| list.iter().any(|entry| entry == word);
        let operation = match has(&self.supported_output_modalities, "embeddings") {
            true => Operation::Embeddings,
            false => guess(&self.id),
        };
        let said = !self.capabilities.is_empty();
        let capabilities = Capabilities {
            tools: said.then(|| has(&self.capabilities, "tool-calling")),
            reasoning: said.then(|| has(&self.capabilities, "reasoning")),
            images: Some(has(&self.supported_input_modalities, "image")),
            ..Capabilities::default()
        };
        ModelCard {
            context_window: self.limits.as_ref().and_then(|limits| limits.max_input_tokens),
            max_output: self.limits.as_ref().and_then(|limits| limits.max_output_tokens),
            capabilities,
            ..card(self.id, operation)
        }
    }
}
