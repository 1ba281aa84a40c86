//! Cloudflare's Workers AI: OpenAI's dialect, the account in the path, a list of models of its own.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::{ModelCard, SharedProvider};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde::Deserialize;

use crate::account::Account;
use crate::listing::card;
use crate::openai_like::{OpenaiLike, USUAL};
use crate::request::is_label;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let base = match (&config.base_url, &config.account_id) {
        (Some(url), _) => url.clone(),
        (None, Some(id)) if is_label(id) => {
            format!("https://api.cloudflare.com/client/v4/accounts/{id}/ai/v1")
        }
        (None, given) => {
            let says = if given.is_some() { "is not an account's id" } else { "is missing" };
            faults.add(format!("providers.{name}.account_id"), says);
            return None;
        }
    };
    let account = Account { base_url: Some(&base), ..config.account() };
    let provider = OpenaiLike::new(name, account, &quirks::FACTS, (USUAL, quirks::QUIRKS), faults)?;
    let responses = provider.endpoint.url("/responses", None)?;
    let models = provider.endpoint.url_outside("v1", "/models/search?per_page=1000")?;
    let provider = provider.speaking(Dialect::OpenaiResponses, responses, quirks::RESPONSES);
    Some(Arc::new(provider.listed(Some((models, read)))))
}

/// `GET /accounts/{id}/ai/models/search` (developers.cloudflare.com/api/resources/ai/subresources/models).
#[derive(Deserialize)]
struct List {
    result: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    task: Option<Task>,
}

#[derive(Deserialize)]
struct Task {
    name: String,
}

fn read(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let list: List = serde_json::from_slice(bytes)?;
    let callable = list.result.into_iter().filter_map(|entry| {
        let operation = match entry.task?.name.as_str() {
            "Text Generation" => Operation::Chat,
            "Text Embeddings" => Operation::Embeddings,
            _ => return None,
        };
        Some(card(entry.name, operation))
    });
    Ok(callable.collect())
}
