//! OpenAI's own API.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::{Faults, SecretText};

use crate::account::Account;
use crate::openai_like::OpenaiLike;

pub use config::Config;

pub(crate) use quirks::{MODELS, MOST_STOPS, ONLY};

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    for (header, value) in
        [("openai-organization", &config.organization), ("openai-project", &config.project)]
    {
        if let Some(value) = value {
            headers.insert(header.to_owned(), SecretText::new(value.as_str()));
        }
    }
    let account = Account { headers: &headers, ..config.account() };
    let provider =
        OpenaiLike::new(name, account, &quirks::FACTS, (quirks::SURFACES, quirks::QUIRKS), faults)?;
    Some(Arc::new(provider.hiding(quirks::HIDDEN).binding(ONLY)))
}
