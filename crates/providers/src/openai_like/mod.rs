//! What the kinds that speak OpenAI's dialect share: paths under one base URL, and a list of models.

use std::future::ready;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, StoredCall, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::Dialect;
use http::{Method, Uri};
use wire::Quirks;

use crate::account::Account;
use crate::listing::{OpenaiList, configured, read};
use crate::request::{Endpoint, Facts, translate};

/// A dialect that is spoken, and the path below the base URL where.
pub(crate) type Surface = (Dialect, &'static str);

/// What almost every server that follows OpenAI speaks.
pub(crate) const USUAL: &[Surface] =
    &[(Dialect::OpenaiChat, "/chat/completions"), (Dialect::OpenaiEmbeddings, "/embeddings")];

/// An account that speaks dialects of OpenAI's and its followers', each at a path of its own.
pub(crate) struct OpenaiLike {
    pub(crate) endpoint: Endpoint,
    kind: &'static str,
    quirks: Quirks,
    surfaces: Vec<(Dialect, Uri)>,
    paths: Vec<Surface>,
    models: Uri,
    /// Beginnings of names that `models` lists but neither dialect can call.
    hidden: &'static [&'static str],
}

impl OpenaiLike {
    pub(crate) fn new(
        name: &str,
        account: Account<'_>,
        facts: &'static Facts,
        (surfaces, quirks): (&[Surface], Quirks),
        faults: &mut Faults,
    ) -> Option<Self> {
        let endpoint = Endpoint::new(name, account, facts, faults)?;
        Some(Self {
            kind: facts.kind,
            quirks,
            surfaces: surfaces
                .iter()
                .map(|(dialect, path)| Some((*dialect, endpoint.url(path, None)?)))
                .collect::<Option<_>>()?,
            paths: surfaces.to_vec(),
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

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        let spoken = self.surfaces.iter().map(|(dialect, _)| *dialect);
        let alike = spoken.clone().find(|dialect| dialect.operation() == client.operation());
        spoken.into_iter().find(|dialect| *dialect == client).or(alike)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, &self.quirks)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        match self.surfaces.iter().find(|(dialect, _)| *dialect == call.dialect) {
            Some((_, url)) => upstream.send(self.endpoint.post(url.clone(), call)),
            None => Box::pin(ready(Err(UpstreamFailure::Build(format!("no path for {}", call.dialect))))),
        }
    }

    fn stored<'a>(
        &'a self,
        call: StoredCall,
        id: &'a str,
        upstream: &'a dyn Upstream,
    ) -> Option<BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>> {
        let (_, path) = self.paths.iter().find(|(dialect, _)| *dialect == Dialect::OpenaiResponses)?;
        // An id is a segment of the path and nothing else.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if id.is_empty() || id.starts_with('.') || !id.bytes().all(plain) {
            return None;
        }
        let (method, below) = match call {
            StoredCall::Get => (Method::GET, ""),
            StoredCall::Cancel => (Method::POST, "/cancel"),
            StoredCall::Delete => (Method::DELETE, ""),
        };
        let url = self.endpoint.url(&format!("{path}/{id}{below}"), None)?;
        Some(upstream.send(self.endpoint.ask(method, url)))
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
