//! Google's Vertex AI: Gemini, Claude, Mistral's models and open ones, each in the dialect and at the place of its publisher;
//! tokens for a service account.

mod config;
mod login;
mod models;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Clock, ModelCard, Provider, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::settings::{Faults, SecretText};
use contract::words::Dialect;

use crate::account::Account;
use crate::anthropic::FAMILY;
use crate::batches;
use crate::listing::configured;
use crate::openai_like::refuses;
use crate::request::{Endpoint, is_label, translate};
use crate::tokens::{self, Tokens};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// A project at a location.
struct Vertex {
    endpoint: Endpoint,
    /// `/projects/…/locations/…`.
    home: String,
    tokens: Option<Tokens>,
}

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let before = faults.problems().len();
    let at = |field: &str| format!("providers.{name}.{field}");
    let known = match config.credentials.as_ref().map(|text| login::read(text.reveal().expose())) {
        Some(Ok(known)) => Some(known),
        Some(Err(reason)) => {
            faults.add(at("credentials"), reason);
            None
        }
        None => None,
    };
    check_credential(name, config, faults);
    let project = config.project.clone().or_else(|| known.as_ref().and_then(|known| known.project.clone()));
    let location = config.location.as_deref().unwrap_or("global");
    match &project {
        // A project may be of a domain: `example.com:project`.
        Some(project)
            if project.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) => {}
        Some(_) => faults.add(at("project"), "is not a project's id"),
        None => faults.add(at("project"), "is missing"),
    }
    if !is_label(location) {
        faults.add(at("location"), "is not a location: write one such as global or europe-west1");
        return None;
    }
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    if let Some(token) = &config.access_token {
        let bearer = format!("Bearer {}", token.reveal().expose());
        headers.insert("authorization".to_owned(), SecretText::new(bearer));
    }
    let usual = base(location);
    let account = config.account();
    let account = Account { base_url: account.base_url.or(Some(&usual)), headers: &headers, ..account };
    let endpoint = Endpoint::new(name, account, &quirks::FACTS, faults)?;
    if faults.problems().len() > before {
        return None;
    }
    let home = format!("/projects/{}/locations/{location}", project?);
    let tokens = known.map(|known| Tokens::new(known.login, clock));
    Some(Arc::new(Vertex { endpoint, home, tokens }))
}

/// Is it the JSON of a credential that we know how to use?
pub(crate) fn can_use(credentials: &str) -> bool {
    login::read(credentials).is_ok()
}

fn check_credential(name: &str, config: &Config, faults: &mut Faults) {
    if config.api_key.is_some() {
        faults.add(format!("providers.{name}.api_key"), "is not used: give credentials or access_token");
    }
    let ours = config.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"));
    let given = [config.credentials.is_some(), config.access_token.is_some(), ours];
    if given.iter().filter(|given| **given).count() != 1 {
        faults.add(format!("providers.{name}"), "give one credential: credentials or access_token");
    }
}

/// The host of a location (docs: "Deployments and endpoints").
fn base(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com/v1".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com/v1"),
        region => format!("https://{region}-aiplatform.googleapis.com/v1"),
    }
}

impl Vertex {
    /// Makes one call.
    fn one<'a>(
        &'a self,
        mut call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let model = models::of(call.model);
        let Some(uri) = model.url(&self.endpoint, &self.home, (call.dialect, call.stream)) else {
            let says = "the model's name cannot stand in a URL".to_owned();
            return Box::pin(ready(Err(UpstreamFailure::Build(says))));
        };
        call.body = model.body(std::mem::take(&mut call.body), call.dialect);
        let mut request = self.endpoint.post(uri, call);
        quirks::BETAS.filter(&mut request.headers);
        tokens::send(self.tokens.as_ref(), request, upstream)
    }
}

impl Provider for Vertex {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn family(&self, dialect: Dialect, _model: &str) -> Option<&'static str> {
        (dialect == Dialect::AnthropicMessages).then_some(FAMILY)
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        models::of(model).dialect(client)
    }

    fn refuses(&self, dialect: Dialect) -> &[&'static str] {
        refuses(&quirks::OPEN_QUIRKS, dialect)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        let quirks = match (request, target) {
            (Asked::Chat(chat), Dialect::OpenaiChat)
                if matches!(models::of(&chat.model), models::Model::Mistral(_)) =>
            {
                &quirks::MISTRAL_QUIRKS
            }
            (_, Dialect::OpenaiChat) => &quirks::OPEN_QUIRKS,
            _ => &quirks::QUIRKS,
        };
        translate(request, target, quirks)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let most = batches::most(KIND, call.dialect, call.model);
        batches::send(call, most, |call| self.one(call, upstream))
    }

    /// What a project may call is not listed anywhere; what the price book knows is offered.
    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(ready(Ok(configured(&self.endpoint.models))))
    }
}
