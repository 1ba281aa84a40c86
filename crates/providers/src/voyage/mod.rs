//! Voyage AI: vectors in OpenAI's dialect with names of its own, and rerank in its own.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::Faults;
use contract::words::Dialect;

use crate::openai_like::OpenaiLike;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let spoken = (quirks::SURFACES, quirks::QUIRKS);
    let provider = OpenaiLike::new(name, config.account(), &quirks::FACTS, spoken, faults)?;
    // OpenAI's clients send `dimensions` and `encoding_format: float`: neither is known here.
    let provider = provider.accented(Dialect::OpenaiEmbeddings, quirks::QUIRKS);
    Some(Arc::new(provider.listed(None).offering(quirks::MODELS)))
}
