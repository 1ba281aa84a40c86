//! Snowflake Cortex: OpenAI's chat dialect below the account's URL, and Anthropic's for Claude.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::{Faults, SecretText};
use contract::words::Dialect;

use crate::account::Account;
use crate::openai_like::OpenaiLike;
use crate::request::{below, is_label};

pub use config::{Config, TokenType};

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let base = match (&config.base_url, &config.account) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(account)) if is_label(account) => {
            Some(format!("https://{account}.snowflakecomputing.com"))
        }
        (None, Some(_)) => {
            let form =
                "is not an account's identifier: write it as in its host name, such as myorg-myaccount";
            faults.add(format!("providers.{name}.account"), form);
            return None;
        }
        (None, None) => None,
    };
    let base = base.map(|url| below(&url, quirks::PATH));
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    let token_type = match config.token_type {
        TokenType::Pat => "PROGRAMMATIC_ACCESS_TOKEN",
        TokenType::KeypairJwt => "KEYPAIR_JWT",
        TokenType::Oauth => "OAUTH",
    };
    headers.entry(quirks::TOKEN_TYPE.to_owned()).or_insert_with(|| SecretText::new(token_type));
    let account = Account { base_url: base.as_deref(), headers: &headers, ..config.account() };
    let surfaces = &[(Dialect::OpenaiChat, "/chat/completions")];
    let provider = OpenaiLike::new(name, account, &quirks::FACTS, (surfaces, quirks::QUIRKS), faults)?;
    let messages = provider.endpoint.url("/messages", None)?;
    Some(Arc::new(provider.speaking(Dialect::AnthropicMessages, messages, quirks::CLAUDE).listed(None)))
}
