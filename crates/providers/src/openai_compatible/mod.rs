//! Any server that speaks OpenAI's dialect.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::Faults;
use contract::words::Dialect;
use http::Uri;

use crate::openai_like::{MEDIA, OpenaiLike, Surface, USUAL};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// Where vLLM, llama.cpp, OpenRouter and Together have it.
const RERANK: Surface = (Dialect::CohereRerank, "/rerank");

/// What many do not have, so that an account says so.
const NAMED: &[Surface] =
    &[(Dialect::OpenaiResponses, "/responses"), (Dialect::AnthropicMessages, "/messages")];

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let url = config.base_url.as_deref().and_then(|text| text.parse::<Uri>().ok());
    let (quirks, edits) = quirks::of(url.as_ref().and_then(Uri::host).unwrap_or_default());
    let named: &[Surface] = if config.dialects.is_empty() { &[] } else { NAMED };
    let spoken = [USUAL, MEDIA, &[RERANK], named].concat();
    let provider =
        OpenaiLike::new(name, config.account(), &quirks::FACTS, (&spoken, quirks.clone()), faults)?;
    Some(Arc::new(provider.only(&config.dialects, faults)?.editing(edits)))
}
