//! Any server that speaks OpenAI's dialect.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::Faults;
use http::Uri;

use crate::openai_like::{MEDIA, OpenaiLike, USUAL};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let url = config.base_url.as_deref().and_then(|text| text.parse::<Uri>().ok());
    let quirks = quirks::of(url.as_ref().and_then(Uri::host).unwrap_or_default());
    let spoken = (&[USUAL, MEDIA].concat()[..], quirks.clone());
    let provider = OpenaiLike::new(name, config.account(), &quirks::FACTS, spoken, faults)?;
    Some(Arc::new(provider))
}
