//! Databricks: OpenAI's dialect for all endpoints of a workspace, the makers' own for some, a token or a service principal.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::ports::{Clock, ModelCard, SharedProvider};
use contract::settings::Faults;
use contract::words::{Dialect, Operation, Secret};
use http::HeaderValue;
use serde::Deserialize;

use crate::account::Account;
use crate::listing::{card, guess};
use crate::openai_like::{OpenaiLike, USUAL};
use crate::request::{Endpoint, below};
use crate::tokens::{Form, Tokens};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    if config.client_id.is_some() != config.client_secret.is_some() {
        faults.add(format!("providers.{name}"), "client_id and client_secret go together");
        return None;
    }
    let oauth = config.client_id.is_some();
    if oauth && config.api_key.is_some() {
        faults.add(format!("providers.{name}"), "give api_key or client_id and client_secret, not both");
        return None;
    }
    let base = config.base_url.as_deref().map(|url| below(url, quirks::PATH));
    let account = Account { base_url: base.as_deref(), ..config.account() };
    let facts = if oauth { &quirks::FACTS_OAUTH } else { &quirks::FACTS };
    let provider = OpenaiLike::new(name, account, facts, (USUAL, quirks::QUIRKS), faults)?;
    let endpoint = &provider.endpoint;
    let responses = endpoint.url("/responses", None)?;
    let messages = endpoint.url("/anthropic/v1/messages", None)?;
    let models = endpoint.url_at_root(quirks::LIST_PATH)?;
    let tokens = match login(config, endpoint) {
        Some(form) => Some(Arc::new(Tokens::new(Box::new(form?), clock))),
        None => None,
    };
    let provider = provider.speaking(Dialect::OpenaiResponses, responses, quirks::GPT).speaking(
        Dialect::AnthropicMessages,
        messages,
        quirks::CLAUDE,
    );
    Some(Arc::new(provider.listed(Some((models, read))).with_tokens(tokens)))
}

/// The service principal's login, if there is one; within, none when it cannot be written down.
fn login(config: &Config, endpoint: &Endpoint) -> Option<Option<Form>> {
    let (id, secret) = (config.client_id.as_ref()?, config.client_secret.as_ref()?.reveal());
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{}", secret.expose())));
    let form = || {
        let mut authorization = HeaderValue::from_str(&basic).ok()?;
        authorization.set_sensitive(true);
        Some(Form {
            uri: endpoint.url_at_root(quirks::TOKEN_PATH)?,
            fields: vec![
                ("grant_type", Secret::new("client_credentials")),
                ("scope", Secret::new("all-apis")),
            ],
            authorization: Some(authorization),
            provider: Some(Arc::clone(&endpoint.name)),
        })
    };
    Some(form())
}

/// `GET /api/2.0/serving-endpoints` (docs.databricks.com/api/workspace/servingendpoints/list).
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    endpoints: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    task: Option<String>,
}

/// The endpoints that converse or embed; one that says no task may be either.
fn read(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let list: List = serde_json::from_slice(bytes)?;
    let callable = list.endpoints.into_iter().filter_map(|entry| {
        let operation = match entry.task.as_deref() {
            Some("llm/v1/chat" | "llm/v1/completions") => Operation::Chat,
            Some("llm/v1/embeddings") => Operation::Embeddings,
            Some("") | None => guess(&entry.name),
            Some(_) => return None,
        };
        Some(card(entry.name, operation))
    });
    Ok(callable.collect())
}
