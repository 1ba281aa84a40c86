//! Google's Gemini API. The model and the operation stand in the path.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::future::ready;
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

use crate::batches;
use crate::listing::{card, configured, guess, read};
use crate::request::{Endpoint, segment, translate};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// An account that speaks `gemini.generate`, `gemini.embed` and `gemini.embed_content`, counts tokens and draws.
struct Gemini {
    endpoint: Endpoint,
    models: Uri,
}

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let endpoint = Endpoint::new(name, config.account(), &quirks::FACTS, faults)?;
    let models = endpoint.url("/models", Some("pageSize=1000"))?;
    Some(Arc::new(Gemini { endpoint, models }))
}

impl Gemini {
    fn url(&self, call: &Call<'_>) -> Option<Uri> {
        // `models/` is left out in our names, but tuned models keep their collection: `tunedModels/x`.
        let (collection, name) = call.model.split_once('/').unwrap_or(("models", call.model));
        let (collection, name) = match collection {
            "models" | "tunedModels" => (collection, segment(name)?),
            _ => ("models", segment(call.model)?),
        };
        let (method, query) = match (call.dialect, call.stream) {
            (Dialect::GeminiEmbed, _) => ("batchEmbedContents", None),
            (Dialect::GeminiCount, _) => ("countTokens", None),
            (Dialect::GeminiEmbedOne, _) => ("embedContent", None),
            (Dialect::GeminiImages, _) if wire::is_predicted(call.model) => ("predict", None),
            (Dialect::GeminiImages, _) | (_, false) => ("generateContent", None),
            (_, true) => ("streamGenerateContent", Some("alt=sse")),
        };
        self.endpoint.url(&format!("/{collection}/{name}:{method}"), query)
    }
}

impl Provider for Gemini {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        match client.operation() {
            Operation::Chat => Some(Dialect::GeminiGenerate),
            Operation::Embeddings if client == Dialect::GeminiEmbedOne => Some(client),
            Operation::Embeddings => Some(Dialect::GeminiEmbed),
            Operation::CountTokens => Some(Dialect::GeminiCount),
            Operation::Images => Some(Dialect::GeminiImages),
            _ => None,
        }
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, &quirks::QUIRKS)
    }

    fn call<'a>(
        &'a self,
        mut call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        if call.dialect == Dialect::GeminiCount {
            call.body = wire::whole_count(std::mem::take(&mut call.body), call.model);
        }
        let most = batches::most(KIND, call.dialect, call.model);
        batches::send(call, most, |call| match self.url(&call) {
            Some(url) => upstream.send(self.endpoint.post(url, call)),
            None => Box::pin(ready(Err(UpstreamFailure::Build(
                "the model's name cannot stand in a URL".to_owned(),
            )))),
        })
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
            Ok(list.models.into_iter().filter_map(Entry::card).collect())
        })
    }
}

/// `GET /v1beta/models` (ai.google.dev/api/models).
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    models: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    input_token_limit: Option<u64>,
    output_token_limit: Option<u64>,
    #[serde(default)]
    supported_generation_methods: Vec<String>,
    thinking: Option<bool>,
}

impl Entry {
    /// None for models that do nothing that is served here, such as those for film.
    fn card(self) -> Option<ModelCard> {
        let can = |method: &str| self.supported_generation_methods.iter().any(|name| name == method);
        let name = self.name.strip_prefix("models/").unwrap_or(&self.name);
        let operation = if can("predict") && wire::is_predicted(name) {
            Operation::Images
        } else if can("generateContent") {
            Operation::Chat
        } else if can("embedContent") || can("batchEmbedContents") {
            Operation::Embeddings
        } else {
            return None;
        };
        let mut made = card(name, operation);
        if operation == Operation::Chat && guess(name) == Operation::Images {
            made.operations.insert(0, Operation::Images);
        }
        Some(ModelCard {
            context_window: self.input_token_limit,
            max_output: self.output_token_limit,
            capabilities: Capabilities { reasoning: self.thinking, ..Capabilities::default() },
            ..made
        })
    }
}
