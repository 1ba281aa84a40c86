//! Ollama: its own dialects, those of OpenAI and Anthropic that it speaks too, its own list of models.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::{ModelCard, SharedProvider};
use contract::settings::Faults;
use serde::Deserialize;

use crate::listing::{card, guess};
use crate::openai_like::{OpenaiLike, Surface};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let surfaces = (quirks::BORROWED, quirks::QUIRKS);
    let calls = OpenaiLike::new(name, config.account(), &quirks::FACTS, surfaces, faults)?;
    let native = |(dialect, path): &Surface| Some((*dialect, calls.endpoint.url_outside("v1", path)?));
    let native = quirks::NATIVE.iter().map(native).collect::<Option<_>>()?;
    let calls = calls.preferring(native).only(&config.dialects, faults)?;
    let tags = calls.endpoint.url_outside("v1", "/api/tags")?;
    Some(Arc::new(calls.listed(Some((tags, read))).forgetting()))
}

/// `GET /api/tags` (docs.ollama.com/api/tags).
#[derive(Deserialize)]
struct Tags {
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

fn read(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let tags: Tags = serde_json::from_slice(bytes)?;
    let cards = tags.models.into_iter().map(|tag| {
        let operation = guess(&tag.name);
        card(tag.name, operation)
    });
    Ok(cards.collect())
}
