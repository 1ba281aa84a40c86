//! Servers that speak the Open Inference Protocol, Triton among them. The model and its version stand in the path.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use contract::{Body, Fault};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde::Deserialize;
use wire::Quirks;
use wire::kserve::{Tensors, write_texts};

use crate::listing::{card, read};
use crate::request::{Endpoint, segment, translate};

pub use config::Config;
use config::TensorConfig;

pub(crate) const KIND: &str = quirks::FACTS.kind;

struct Kserve {
    endpoint: Endpoint,
    /// Triton's list of models.
    index: Uri,
    version: Option<String>,
    tensors: Option<Tensors>,
}

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let before = faults.problems().len();
    let mut needed = |field: &str, text: &str| {
        if text.is_empty() {
            faults.add(format!("providers.{name}.{field}"), "is empty");
        }
    };
    if let Some(tensors) = &config.embeddings {
        needed("embeddings.input", &tensors.input);
        needed("embeddings.output", &tensors.output);
    }
    if let Some(version) = &config.model_version {
        needed("model_version", version);
    }
    let endpoint = Endpoint::new(name, config.account(), &quirks::FACTS, faults)?;
    let index = endpoint.url("/repository/index", None)?;
    let tensors = config.embeddings.clone();
    let tensors = tensors.map(|TensorConfig { input, output, column }| Tensors { input, output, column });
    let version = config.model_version.clone();
    (faults.problems().len() == before)
        .then(|| Arc::new(Kserve { endpoint, index, version, tensors }) as SharedProvider)
}

impl Kserve {
    fn url(&self, call: &Call<'_>) -> Option<Uri> {
        let (name, version) = match call.model.rsplit_once("/versions/") {
            Some((name, version)) => (name, Some(version)),
            None => (call.model, self.version.as_deref()),
        };
        let name = segment(name)?;
        let path = match version {
            Some(version) => format!("/models/{name}/versions/{}/infer", segment(version)?),
            None => format!("/models/{name}/infer"),
        };
        self.endpoint.url(&path, None)
    }

    fn card(&self, name: &str) -> ModelCard {
        let vectors = self.tensors.is_some().then_some(Operation::Embeddings);
        // Which of them are made for what, the server does not say.
        let operations = std::iter::once(Operation::Predict).chain(vectors).collect();
        ModelCard { operations, ..card(name, Operation::Predict) }
    }
}

impl Provider for Kserve {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        match client {
            Dialect::KserveInfer => Some(client),
            _ if client.operation() == Operation::Embeddings => {
                self.tensors.is_some().then_some(Dialect::KserveInfer)
            }
            _ => None,
        }
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        match (request, &self.tensors) {
            (Asked::Embed(request), Some(tensors)) => {
                let mut receipt = Receipt::default();
                let bytes = write_texts(request, tensors, &mut receipt)?;
                Ok((bytes, receipt))
            }
            _ => translate(request, target, &Quirks::NONE),
        }
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        match self.url(&call) {
            Some(url) => upstream.send(self.endpoint.post(url, call)),
            None => Box::pin(ready(Err(UpstreamFailure::Build(
                "the model's name cannot stand in a URL".to_owned(),
            )))),
        }
    }

    /// The protocol has no list of models; Triton's extension has one.
    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            let listed = &self.endpoint.models;
            if !listed.is_empty() {
                return Ok(listed.iter().map(|name| self.card(name)).collect());
            }
            let mut ask = self.endpoint.get(self.index.clone());
            ask.method = Method::POST;
            ask.body = Body::from("{\"ready\":true}");
            ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let reply = upstream.send(ask).await?;
            if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
                return Ok(Vec::new());
            }
            let entries: Vec<Entry> = read(reply).await?;
            let names: BTreeSet<String> = entries.into_iter().map(|entry| entry.name).collect();
            Ok(names.iter().map(|name| self.card(name)).collect())
        })
    }
}

/// `POST /v2/repository/index` (Triton's `extension_model_repository.md`): one entry for each version of a model.
#[derive(Deserialize)]
struct Entry {
    name: String,
}
