//! What the kinds that speak OpenAI's dialect share: two paths under one base URL, and a list of models.

use bytes::Bytes;
use contract::Fault;
use contract::canon::Receipt;
use contract::ports::{
    BoxFuture, Call, Canon, ModelCard, Provider, ProviderReply, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use http::Uri;
use wire::Quirks;

use crate::account::Account;
use crate::listing::{OpenaiList, configured, read};
use crate::request::{Endpoint, Facts, translate};

/// An account that speaks `openai.chat` and `openai.embeddings`.
pub(crate) struct OpenaiLike {
    pub(crate) endpoint: Endpoint,
    kind: &'static str,
    quirks: Quirks,
    chat: Uri,
    embeddings: Uri,
    models: Uri,
    /// Beginnings of names that `models` lists but neither dialect can call.
    hidden: &'static [&'static str],
}

impl OpenaiLike {
    pub(crate) fn new(
        name: &str,
        account: Account<'_>,
        facts: &'static Facts,
        quirks: Quirks,
        faults: &mut Faults,
    ) -> Option<Self> {
        let endpoint = Endpoint::new(name, account, facts, faults)?;
        Some(Self {
            kind: facts.kind,
            quirks,
            chat: endpoint.url("/chat/completions", None)?,
            embeddings: endpoint.url("/embeddings", None)?,
            models: endpoint.url("/models", None)?,
            endpoint,
            hidden: &[],
        })
    }

    pub(crate) fn hiding(self, hidden: &'static [&'static str]) -> Self {
        Self { hidden, ..self }
    }
}

impl Provider for OpenaiLike {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn dialect(&self, operation: Operation) -> Option<Dialect> {
        Some(match operation {
            Operation::Chat => Dialect::OpenaiChat,
            Operation::Embeddings => Dialect::OpenaiEmbeddings,
        })
    }

    fn translate(&self, request: Canon<'_>) -> Result<(Bytes, Receipt), Fault> {
        translate(request, Dialect::OpenaiChat, Some(Dialect::OpenaiEmbeddings), &self.quirks)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let url = match call.operation {
            Operation::Chat => &self.chat,
            Operation::Embeddings => &self.embeddings,
        };
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
            let list: OpenaiList = read(upstream.send(self.endpoint.get(self.models.clone())).await?).await?;
            let callable = |name: &str| !self.hidden.iter().any(|prefix| name.starts_with(prefix));
            let entries = list.entries().into_iter().filter(|entry| callable(&entry.id));
            Ok(entries.map(|entry| entry.card()).collect())
        })
    }
}
