//! Jina AI: vectors in OpenAI's dialect, of texts and pictures, and rerank in Cohere's.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::Faults;

use crate::openai_like::OpenaiLike;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let spoken = (quirks::SURFACES, quirks::QUIRKS);
    let provider = OpenaiLike::new(name, config.account(), &quirks::FACTS, spoken, faults)?;
    Some(Arc::new(provider.listed(None).offering(quirks::MODELS)))
}
