//! Accounts of services for vectors and relevance that have no list of models: what they offer is data of the kind.

use std::future::ready;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{BoxFuture, Call, ModelCard, Provider, ProviderReply, Upstream, UpstreamFailure};
use contract::words::Dialect;

use crate::listing::{card, configured, guess};
use crate::openai_like::{OpenaiLike, Surface};

/// What almost all of these services speak.
pub(crate) const USUAL: &[Surface] =
    &[(Dialect::OpenaiEmbeddings, "/embeddings"), (Dialect::CohereRerank, "/rerank")];

/// Such an account.
pub(crate) struct Offered {
    pub(crate) calls: OpenaiLike,
    /// Models to list.
    pub(crate) models: &'static [&'static str],
    /// Dialects it speaks with names of its own: what clients say in them is written anew.
    pub(crate) accents: &'static [Dialect],
}

impl Provider for Offered {
    fn name(&self) -> &str {
        self.calls.name()
    }

    fn kind(&self) -> &'static str {
        self.calls.kind()
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        self.calls.dialect(client, model)
    }

    fn verbatim(&self, dialect: Dialect) -> bool {
        !self.accents.contains(&dialect)
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
        _upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        let named = &self.calls.endpoint.models;
        let cards = match named.is_empty() {
            true => self.models.iter().map(|name| card(*name, guess(name))).collect(),
            false => configured(named),
        };
        Box::pin(ready(Ok(cards)))
    }
}
