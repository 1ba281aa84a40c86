//! Azure OpenAI and Microsoft Foundry: the v1 API, the dated one with the deployment in the path, and the one for models of
//! other makers; a key, or a token of Entra ID.
//!
//! Which API an account has follows from its settings: `api_version` means the dated one, a base URL that ends in `/models`
//! the one of other makers. Claude deployments (named like `claude…`) speak Anthropic's dialect only.

mod config;
mod places;
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
    BoxFuture, Call, Clock, ModelCard, Provider, ProviderReply, SharedProvider, StoredCall, Upstream,
    UpstreamFailure,
};
use contract::settings::{Faults, SecretText};
use contract::words::{Dialect, Secret};
use http::{HeaderValue, Uri};
use wire::Quirks;

use crate::account::Account;
use crate::batches;
use crate::listing::configured;
use crate::openai_like::{about_response, refuses};
use crate::request::{Endpoint, is_label, translate};
use crate::tokens::{self, Form, Tokens};

use places::Api;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// A resource.
struct Azure {
    endpoint: Endpoint,
    api: Api,
    tokens: Option<Tokens>,
}

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let before = faults.problems().len();
    check_credential(name, config, faults);
    let given = match (&config.base_url, &config.resource) {
        (Some(url), _) => url.clone(),
        (None, Some(resource)) if is_label(resource) => format!("https://{resource}.openai.azure.com"),
        (None, given) => {
            let says = if given.is_some() { "is not a resource's name" } else { "is missing" };
            faults.add(format!("providers.{name}.resource"), says);
            return None;
        }
    };
    let (base, api) = places::of(&given, config.api_version.as_deref());
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    if let Some(token) = &config.access_token {
        let bearer = format!("Bearer {}", token.reveal().expose());
        headers.insert("authorization".to_owned(), SecretText::new(bearer));
    }
    let account = Account { base_url: Some(&base), headers: &headers, ..config.account() };
    let endpoint = Endpoint::new(name, account, &quirks::FACTS, faults)?;
    if faults.problems().len() > before {
        return None;
    }
    let tokens = match login(name, config, faults) {
        Some(form) => Some(Tokens::new(Box::new(form?), clock)),
        None => None,
    };
    Some(Arc::new(Azure { endpoint, api, tokens }))
}

fn check_credential(name: &str, config: &Config, faults: &mut Faults) {
    let principal = [config.tenant_id.is_some(), config.client_id.is_some(), config.client_secret.is_some()];
    let whole = principal.iter().all(|given| *given);
    if !whole && principal.contains(&true) {
        faults.add(format!("providers.{name}"), "tenant_id, client_id and client_secret go together");
    }
    let ours = config
        .headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("api-key") || name.eq_ignore_ascii_case("authorization"));
    let given = [config.api_key.is_some(), config.access_token.is_some(), principal.contains(&true), ours];
    if given.iter().filter(|given| **given).count() != 1 {
        let says = "give one credential: api_key, access_token, or tenant_id, client_id and client_secret";
        faults.add(format!("providers.{name}"), says);
    }
}

/// The service principal's login, if there is one; within, none when its place is no URL.
fn login(name: &str, config: &Config, faults: &mut Faults) -> Option<Option<Form>> {
    let (tenant, id) = (config.tenant_id.as_ref()?, config.client_id.as_ref()?);
    let secret = config.client_secret.as_ref()?.reveal();
    let authority = config.authority.as_deref().unwrap_or(quirks::AUTHORITY).trim_end_matches('/');
    let uri = format!("{authority}/{tenant}/oauth2/v2.0/token").parse::<Uri>().ok();
    let Some(uri) = uri.filter(|uri| uri.scheme().is_some() && uri.host().is_some()) else {
        faults.add(format!("providers.{name}.authority"), "does not make a URL with tenant_id");
        return Some(None);
    };
    let fields = vec![
        ("grant_type", Secret::new("client_credentials")),
        ("client_id", Secret::new(id.as_str())),
        ("client_secret", secret),
        ("scope", Secret::new(quirks::SCOPE)),
    ];
    Some(Some(Form { uri, fields, authorization: None, provider: None }))
}

impl Azure {
    const fn quirks(&self) -> &'static Quirks {
        if matches!(self.api, Api::Inference { .. }) { &quirks::INFERENCE_QUIRKS } else { &quirks::QUIRKS }
    }

    /// Makes one call.
    fn one<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let dialect = call.dialect;
        let Some(uri) = self.api.url(&self.endpoint, dialect, call.model) else {
            let says = format!("no place for {dialect} with the model {}", call.model);
            return Box::pin(ready(Err(UpstreamFailure::Build(says))));
        };
        let mut request = self.endpoint.post(uri, call);
        if dialect == Dialect::AnthropicMessages {
            let (header, version) = quirks::ANTHROPIC_VERSION;
            request.headers.entry(header).or_insert(HeaderValue::from_static(version));
        }
        tokens::send(self.tokens.as_ref(), request, upstream)
    }
}

impl Provider for Azure {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        self.api.dialect(client, model)
    }

    fn refuses(&self, dialect: Dialect) -> &[&'static str] {
        refuses(self.quirks(), dialect)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, self.quirks())
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let most = batches::most(KIND, call.dialect, call.model);
        batches::send(call, most, |call| self.one(call, upstream))
    }

    fn keeps(&self) -> bool {
        self.api.keeps()
    }

    fn stored<'a>(
        &'a self,
        call: StoredCall,
        id: &'a str,
        upstream: &'a dyn Upstream,
    ) -> Option<BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>> {
        let made_at = self.keeps().then(|| self.api.url(&self.endpoint, Dialect::OpenaiResponses, ""))??;
        let (method, url) = about_response(&made_at, call, id)?;
        Some(tokens::send(self.tokens.as_ref(), self.endpoint.ask(method, url), upstream))
    }

    /// Deployments are listed by Azure's management API alone, which an inference credential does not open.
    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(ready(Ok(configured(&self.endpoint.models))))
    }
}
