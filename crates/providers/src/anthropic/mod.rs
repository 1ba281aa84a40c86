//! Anthropic's own API.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Capabilities, ModelCard, Provider, ProviderReply, SharedProvider, Upstream,
    UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use http::Uri;
use serde::Deserialize;

use crate::listing::{card, configured, read};
use crate::request::{Endpoint, translate};

pub use config::Config;
pub(crate) use quirks::FAMILY;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// An account that speaks `anthropic.messages` and counts their tokens.
struct Anthropic {
    endpoint: Endpoint,
    messages: Uri,
    counts: Uri,
    models: Uri,
}

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let endpoint = Endpoint::new(name, config.account(), &quirks::FACTS, faults)?;
    let messages = endpoint.url("/messages", None)?;
    let counts = endpoint.url("/messages/count_tokens", None)?;
    let models = endpoint.url("/models", Some("limit=1000"))?;
    Some(Arc::new(Anthropic { endpoint, messages, counts, models }))
}

impl Provider for Anthropic {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn family(&self, dialect: Dialect, _model: &str) -> Option<&'static str> {
        (dialect == Dialect::AnthropicMessages).then_some(FAMILY)
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        match client.operation() {
            Operation::Chat => Some(Dialect::AnthropicMessages),
            Operation::CountTokens => Some(Dialect::AnthropicCount),
            _ => None,
        }
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, &quirks::QUIRKS)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let url = if call.dialect == Dialect::AnthropicCount { &self.counts } else { &self.messages };
        upstream.send(self.endpoint.post(url.clone(), call))
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            if !self.endpoint.models.is_empty() {
                return Ok(configured(&self.endpoint.models));
            }
            let list: List = read(upstream.send(self.endpoint.get(self.models.clone())).await?).await?;
            Ok(list.data.into_iter().map(Entry::card).collect())
        })
    }
}

/// `GET /v1/models` (platform.claude.com/docs/en/api/models/list).
#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    max_input_tokens: Option<u64>,
    max_tokens: Option<u64>,
    #[serde(default)]
    capabilities: Option<Supports>,
}

#[derive(Deserialize)]
struct Supports {
    image_input: Option<Support>,
    pdf_input: Option<Support>,
    structured_outputs: Option<Support>,
    thinking: Option<Support>,
}

#[derive(Deserialize)]
struct Support {
    supported: Option<bool>,
}

impl Entry {
    fn card(self) -> ModelCard {
        let says = |support: Option<Support>| support.and_then(|support| support.supported);
        let capabilities = self.capabilities.map_or_else(Capabilities::default, |supports| Capabilities {
            images: says(supports.image_input),
            pdf: says(supports.pdf_input),
            json_schema: says(supports.structured_outputs),
            reasoning: says(supports.thinking),
            ..Capabilities::default()
        });
        ModelCard {
            context_window: self.max_input_tokens.filter(|tokens| *tokens > 0),
            max_output: self.max_tokens.filter(|tokens| *tokens > 0),
            capabilities,
            ..card(self.id, Operation::Chat)
        }
    }
}
