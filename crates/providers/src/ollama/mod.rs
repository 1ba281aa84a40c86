//! Ollama: its own dialects, those of OpenAI and Anthropic that it speaks too, its own list of models.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::Dialect;
use http::Uri;
use serde::Deserialize;

use crate::listing::{card, configured, guess, read};
use crate::openai_like::{OpenaiLike, Surface};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// An Ollama server.
struct Ollama {
    calls: OpenaiLike,
    tags: Uri,
}

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let surfaces = (quirks::BORROWED, quirks::QUIRKS);
    let calls = OpenaiLike::new(name, config.account(), &quirks::FACTS, surfaces, faults)?;
    let native = |(dialect, path): &Surface| Some((*dialect, calls.endpoint.url_outside("v1", path)?));
    let native = quirks::NATIVE.iter().map(native).collect::<Option<_>>()?;
    let calls = calls.preferring(native).only(&config.dialects, faults)?;
    let tags = calls.endpoint.url_outside("v1", "/api/tags")?;
    Some(Arc::new(Ollama { calls, tags }))
}

impl Provider for Ollama {
    fn name(&self) -> &str {
        self.calls.name()
    }

    fn kind(&self) -> &'static str {
        self.calls.kind()
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        self.calls.dialect(client, model)
    }

    fn refuses(&self, dialect: Dialect) -> &[&'static str] {
        self.calls.refuses(dialect)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        self.calls.translate(request, target)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        self.calls.call(call, upstream)
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            let endpoint = &self.calls.endpoint;
            if !endpoint.models.is_empty() {
                return Ok(configured(&endpoint.models));
            }
            let tags: Tags = read(upstream.send(endpoint.get(self.tags.clone())).await?).await?;
            let cards = tags.models.into_iter().map(|tag| {
                let operation = guess(&tag.name);
                card(tag.name, operation)
            });
            Ok(cards.collect())
        })
    }
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
