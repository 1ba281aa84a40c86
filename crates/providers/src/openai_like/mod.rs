//! What the kinds that speak OpenAI's dialect share: paths under one base URL, and a list of models.
//!
//! [`crate::followers`] makes most of them from data; a kind with code of its own takes what it needs of this.

mod only;

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, StoredCall, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::Dialect;
use http::{Method, Uri};
use wire::{Edits, Quirks, splice};

use crate::account::Account;
use crate::batches;
use crate::listing::{Reader, configured, openai_list, read_with};
use crate::request::{Endpoint, Facts, translate};
use crate::tokens::{self, Tokens};

pub(crate) use only::{Only, only};

/// A dialect that is spoken, and the path below the base URL where.
pub(crate) type Surface = (Dialect, &'static str);

/// What almost every server that follows OpenAI speaks.
pub(crate) const USUAL: &[Surface] = &[
    (Dialect::OpenaiChat, "/chat/completions"),
    (Dialect::OpenaiEmbeddings, "/embeddings"),
    (Dialect::OpenaiCompletions, "/completions"),
];

/// Pictures, sound and moderation, at the paths where those who follow OpenAI have them.
pub(crate) const MEDIA: &[Surface] = &[
    (Dialect::OpenaiImages, "/images/generations"),
    (Dialect::OpenaiImageEdits, "/images/edits"),
    (Dialect::OpenaiSpeech, "/audio/speech"),
    (Dialect::OpenaiTranscriptions, "/audio/transcriptions"),
    (Dialect::OpenaiTranslations, "/audio/translations"),
    (Dialect::OpenaiModerations, "/moderations"),
];

/// An account that speaks dialects of OpenAI's and its followers', each at a path of its own.
pub(crate) struct OpenaiLike {
    pub(crate) endpoint: Endpoint,
    kind: &'static str,
    quirks: Quirks,
    surfaces: Vec<Spoken>,
    listing: Option<(Uri, Reader)>,
    /// Models to list where the service has no list.
    offers: &'static [&'static str],
    /// Beginnings of names that `models` lists but no dialect here can call.
    hidden: &'static [&'static str],
    /// Models that speak one dialect of conversations alone.
    only: &'static [Only],
    /// A dialect that is spoken with an accent: what clients say in it is written anew, with these quirks.
    accent: Option<(Dialect, Quirks)>,
    /// What is edited in a body that is passed through in OpenAI's chat dialect.
    edits: Edits<'static>,
    /// Where a credential that ends comes from.
    tokens: Option<Arc<Tokens>>,
    /// Its responses cannot be asked for again.
    forgets: bool,
}

/// A dialect, its place, and the beginnings of the names of the models that speak it; all do when there are none.
struct Spoken {
    dialect: Dialect,
    uri: Uri,
    models: &'static [&'static str],
}

/// What of a dialect quirks refuse. They are written for OpenAI's chat and vectors and for Cohere's rerank; what else an account
/// speaks it speaks as its inventor does.
pub(crate) const fn refuses(quirks: &Quirks, dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings | Dialect::CohereRerank => quirks.refuses,
        _ => &[],
    }
}

/// How to ask about a response, below the place where responses are made.
pub(crate) fn about_response(made_at: &Uri, call: StoredCall, id: &str) -> Option<(Method, Uri)> {
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
    let (path, query) = (made_at.path(), made_at.query());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = made_at.clone().into_parts();
    parts.path_and_query = format!("{path}/{id}{below}{query}").parse().ok();
    Some((method, Uri::from_parts(parts).ok()?))
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
        let everyone: &[&str] = &[];
        let spoken = |(dialect, path): &Surface| {
            Some(Spoken { dialect: *dialect, uri: endpoint.url(path, None)?, models: everyone })
        };
        Some(Self {
            kind: facts.kind,
            quirks,
            surfaces: surfaces.iter().map(spoken).collect::<Option<_>>()?,
            listing: Some((endpoint.url("/models", None)?, openai_list)),
            endpoint,
            offers: &[],
            hidden: &[],
            only: &[],
            accent: None,
            edits: Edits::default(),
            tokens: None,
            forgets: false,
        })
    }

    /// Leaves models out of the list whose names begin like this.
    pub(crate) fn hiding(self, hidden: &'static [&'static str]) -> Self {
        Self { hidden, ..self }
    }

    /// Speaks one dialect of conversations alone with some models.
    pub(crate) fn binding(self, only: &'static [Only]) -> Self {
        Self { only, ..self }
    }

    /// With more surfaces. Clients of other dialects get these rather than those it has.
    pub(crate) fn preferring(mut self, surfaces: Vec<(Dialect, Uri)>) -> Self {
        let everyone: &[&str] = &[];
        let spoken = surfaces.into_iter().map(|(dialect, uri)| Spoken { dialect, uri, models: everyone });
        self.surfaces.splice(0..0, spoken);
        self
    }

    /// Speaks one more dialect, with the models whose names begin like this; with all when there are none.
    pub(crate) fn speaking(mut self, dialect: Dialect, uri: Uri, models: &'static [&'static str]) -> Self {
        self.surfaces.push(Spoken { dialect, uri, models });
        self
    }

    /// Speaks these of its dialects alone; all of them when none is named.
    pub(crate) fn only(mut self, dialects: &[Dialect], faults: &mut Faults) -> Option<Self> {
        if !dialects.is_empty() {
            let spoken = |dialect: &Dialect| self.surfaces.iter().any(|spoken| spoken.dialect == *dialect);
            if let Some(at) = dialects.iter().position(|dialect| !spoken(dialect)) {
                let path = format!("providers.{}.dialects[{at}]", self.endpoint.name);
                faults.add(path, format!("is not a dialect that {} accounts speak", self.kind));
                return None;
            }
            self.surfaces.retain(|spoken| dialects.contains(&spoken.dialect));
        }
        Some(self)
    }

    /// Has its list of models elsewhere, in another shape, or (none) nowhere.
    pub(crate) fn listed(self, listing: Option<(Uri, Reader)>) -> Self {
        Self { listing, ..self }
    }

    /// Offers these models, though it cannot be asked.
    pub(crate) fn offering(self, offers: &'static [&'static str]) -> Self {
        Self { offers, ..self }
    }

    /// Keeps none of the responses it makes.
    pub(crate) fn forgetting(self) -> Self {
        Self { forgets: true, ..self }
    }

    /// Edits what is passed through in OpenAI's chat dialect.
    pub(crate) fn editing(self, edits: Edits<'static>) -> Self {
        Self { edits, ..self }
    }

    /// Speaks a dialect with an accent.
    pub(crate) fn accented(self, dialect: Dialect, quirks: Quirks) -> Self {
        Self { accent: Some((dialect, quirks)), ..self }
    }

    /// The quirks of a dialect that is spoken with an accent.
    fn accent(&self, dialect: Dialect) -> Option<&Quirks> {
        self.accent.as_ref().filter(|(accent, _)| *accent == dialect).map(|(_, quirks)| quirks)
    }

    /// Takes its credential from there.
    pub(crate) fn with_tokens(self, tokens: Option<Arc<Tokens>>) -> Self {
        Self { tokens, ..self }
    }

    /// The surfaces that a model speaks.
    fn spoken<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Spoken> {
        self.surfaces.iter().filter(move |spoken| {
            spoken.models.is_empty() || spoken.models.iter().any(|prefix| model.starts_with(prefix))
        })
    }

    /// Makes one call.
    fn one<'a>(
        &'a self,
        mut call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let Some(spoken) = self.spoken(call.model).find(|spoken| spoken.dialect == call.dialect) else {
            return Box::pin(ready(Err(UpstreamFailure::Build(format!("no path for {}", call.dialect)))));
        };
        if call.dialect == Dialect::OpenaiChat {
            call.body = splice(std::mem::take(&mut call.body), &self.edits);
        }
        tokens::send(self.tokens.as_deref(), self.endpoint.post(spoken.uri.clone(), call), upstream)
    }

    /// Where responses are that can be asked for again. Of what some models alone speak, nothing but the answer is to be had.
    fn kept(&self) -> Option<&Uri> {
        let all = |spoken: &&Spoken| spoken.dialect == Dialect::OpenaiResponses && spoken.models.is_empty();
        self.surfaces.iter().find(all).filter(|_| !self.forgets).map(|spoken| &spoken.uri)
    }
}

impl Provider for OpenaiLike {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        let bound = only(self.only, client, model);
        if bound.is_some() {
            return bound;
        }
        let mut alike = None;
        for Spoken { dialect, models, .. } in self.spoken(model) {
            if *dialect == client {
                return Some(client);
            }
            // Where Claude speaks its own dialect it says more than in OpenAI's: signed thoughts, caching.
            let own = !models.is_empty() && *dialect == Dialect::AnthropicMessages;
            if (alike.is_none() || own) && wire::has_way(client, *dialect) {
                alike = Some(*dialect);
            }
        }
        alike
    }

    fn verbatim(&self, dialect: Dialect) -> bool {
        // A form, or what OpenAI takes in JSON, is written anew where pictures are objects.
        let objects = || self.quirks.accepts.contains(&"image.object");
        self.accent(dialect).is_none() && !(dialect == Dialect::OpenaiImageEdits && objects())
    }

    fn refuses(&self, dialect: Dialect) -> &[&'static str] {
        refuses(&self.quirks, dialect)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, self.accent(target).unwrap_or(&self.quirks))
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let most = batches::most(self.kind, call.dialect, call.model);
        batches::send(call, most, |call| self.one(call, upstream))
    }

    fn keeps(&self) -> bool {
        self.kept().is_some()
    }

    fn stored<'a>(
        &'a self,
        call: StoredCall,
        id: &'a str,
        upstream: &'a dyn Upstream,
    ) -> Option<BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>> {
        let (method, url) = about_response(self.kept()?, call, id)?;
        Some(tokens::send(self.tokens.as_deref(), self.endpoint.ask(method, url), upstream))
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            if !self.endpoint.models.is_empty() {
                return Ok(configured(&self.endpoint.models));
            }
            let Some((uri, reader)) = &self.listing else {
                return Ok(configured(self.offers));
            };
            let asked = self.endpoint.get(uri.clone());
            let reply = tokens::send(self.tokens.as_deref(), asked, upstream).await?;
            let mut cards = read_with(reply, *reader).await?;
            cards.retain(|card| !self.hidden.iter().any(|prefix| card.name.starts_with(prefix)));
            Ok(cards)
        })
    }
}
