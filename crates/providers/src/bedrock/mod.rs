//! AWS Bedrock: Converse for every model, Claude's own dialect for clients that speak it, embeddings through Invoke,
//! relevance through Rerank, counts of Claude's tokens.
//!
//! `sign.rs` signs, `claude.rs` puts Claude's dialect in Bedrock's envelope, `ranks.rs` orders documents, `models.rs`
//! reads the lists of models.

mod claude;
mod config;
mod models;
mod quirks;
mod ranks;
mod sign;
#[cfg(test)]
mod tests;
mod vectors;

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Clock, ModelCard, Outbound, Provider, ProviderReply, SharedProvider, Upstream,
    UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use http::header::ACCEPT;
use http::{HeaderValue, Uri};
use wire::Framing;

use crate::account::Account;
use crate::anthropic::FAMILY;
use crate::batches;
use crate::listing::{configured, read};
use crate::request::{Endpoint, segment, translate};
use sign::Signer;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// An AWS account in one region.
struct Bedrock {
    runtime: Endpoint,
    /// Where documents are ordered.
    ranking: Uri,
    region: String,
    foundation: Uri,
    profiles: Uri,
    /// None: the key is in the headers already.
    signer: Option<Signer>,
    clock: Arc<dyn Clock>,
}

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let Some(region) = config.region.as_deref().filter(|region| is_region(region)) else {
        faults.add(format!("providers.{name}.region"), "must be an AWS region, such as us-east-1");
        return None;
    };
    let signer = signer(name, config, region, faults);
    let (run, control) = (quirks::host("bedrock-runtime", region), quirks::host("bedrock", region));
    let endpoint = |base: &str, faults: &mut Faults| {
        // An address of the operator's own, such as a proxy, serves the lists too.
        let base_url = config.base_url.as_deref().unwrap_or(base);
        let account = Account { base_url: Some(base_url), ..config.account() };
        Endpoint::new(name, account, &quirks::FACTS, faults)
    };
    let runtime = endpoint(&run, faults)?;
    let lists = endpoint(&control, &mut Faults::default())?;
    let agents = endpoint(&quirks::host("bedrock-agent-runtime", region), &mut Faults::default())?;
    Some(Arc::new(Bedrock {
        runtime,
        ranking: agents.url("/rerank", None)?,
        region: region.to_owned(),
        foundation: lists.url("/foundation-models", None)?,
        profiles: lists.url("/inference-profiles", Some("maxResults=1000"))?,
        signer: signer?,
        clock: Arc::clone(clock),
    }))
}

/// What stands in a host's name.
fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What to sign with, if there is no API key. None: something is wrong, which has been noted.
fn signer(name: &str, config: &Config, region: &str, faults: &mut Faults) -> Option<Option<Signer>> {
    let path = |field: &str| format!("providers.{name}.{field}");
    let (id, secret) = match (&config.access_key_id, &config.secret_access_key) {
        (None, None) if config.api_key.is_some() => return Some(None),
        (None, None) => {
            let what =
                "is missing: give access_key_id and secret_access_key, or a Bedrock API key as api_key";
            faults.add(path("access_key_id"), what);
            return None;
        }
        (Some(_), Some(_)) if config.api_key.is_some() => {
            faults.add(path("api_key"), "goes without access_key_id: one of them is enough");
            return None;
        }
        (Some(id), Some(secret)) => (id, secret),
        (None, Some(_)) => {
            faults.add(path("access_key_id"), "is missing: it goes with secret_access_key");
            return None;
        }
        (Some(_), None) => {
            faults.add(path("secret_access_key"), "is missing: it goes with access_key_id");
            return None;
        }
    };
    let mut fine = true;
    let token = config.session_token.as_ref().map(contract::settings::SecretText::reveal);
    for (field, value) in [
        ("access_key_id", Some(id.reveal())),
        ("secret_access_key", Some(secret.reveal())),
        ("session_token", token.clone()),
    ] {
        let Some(value) = value else { continue };
        let text = value.expose();
        if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            faults.add(path(field), "is empty or holds a character that no credential has");
            fine = false;
        }
    }
    let session_token = token.and_then(|token| {
        let mut value = HeaderValue::from_str(token.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    });
    fine.then(|| {
        Some(Signer {
            access_key_id: id.reveal(),
            secret_access_key: secret.reveal(),
            session_token,
            region: region.to_owned(),
            service: quirks::SERVICE,
        })
    })
}

impl Bedrock {
    /// The request for a call, not signed yet.
    fn request(&self, mut call: Call<'_>) -> Result<Outbound, UpstreamFailure> {
        let method = match (call.dialect, call.stream) {
            (Dialect::BedrockRerank, _) => return Ok(self.rank(call)),
            (Dialect::BedrockCount | Dialect::AnthropicCount, _) => "count-tokens",
            (Dialect::BedrockConverse, false) => "converse",
            (Dialect::BedrockConverse, true) => "converse-stream",
            (_, false) => "invoke",
            (_, true) => "invoke-with-response-stream",
        };
        let model = if method == "count-tokens" { claude::bare(call.model) } else { call.model };
        let url =
            segment(model).and_then(|model| self.runtime.url(&format!("/model/{model}/{method}"), None));
        let url =
            url.ok_or_else(|| UpstreamFailure::Build("the model's name cannot stand in a URL".to_owned()))?;
        let (dialect, stream) = (call.dialect, call.stream);
        if dialect == Dialect::CohereRerank {
            call.body = ranks::invoked(std::mem::take(&mut call.body), call.model);
        }
        let mut request = self.runtime.post(url, call);
        if stream {
            let kind = HeaderValue::from_static(Framing::EventStream.media_type());
            request.headers.insert(ACCEPT, kind);
        }
        match dialect {
            Dialect::AnthropicMessages => claude::wrap(&mut request)?,
            Dialect::AnthropicCount => claude::wrap_count(&mut request)?,
            _ => {}
        }
        Ok(request)
    }

    async fn send(
        &self,
        mut request: Outbound,
        upstream: &dyn Upstream,
    ) -> Result<ProviderReply, UpstreamFailure> {
        if let Some(signer) = &self.signer
            && signer.sign(&mut request, self.clock.now()).is_none()
        {
            return Err(UpstreamFailure::Build("the request cannot be signed".to_owned()));
        }
        upstream.send(request).await
    }

    /// Makes one call.
    fn one<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let dialect = call.dialect;
        let request = match self.request(call) {
            Ok(request) => request,
            Err(failure) => return Box::pin(ready(Err(failure))),
        };
        match dialect {
            Dialect::AnthropicMessages => {
                Box::pin(async move { Ok(claude::unwrap(self.send(request, upstream).await?).await) })
            }
            Dialect::AnthropicCount => {
                Box::pin(async move { claude::unwrap_count(self.send(request, upstream).await?).await })
            }
            Dialect::BedrockConverse
            | Dialect::BedrockCount
            | Dialect::BedrockRerank
            | Dialect::CohereRerank => Box::pin(self.send(request, upstream)),
            _ => Box::pin(self.embed(request, upstream)),
        }
    }
}

impl Provider for Bedrock {
    fn name(&self) -> &str {
        &self.runtime.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn family(&self, _dialect: Dialect, model: &str) -> Option<&'static str> {
        claude::is_claude(model).then_some(FAMILY)
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        match client.operation() {
            Operation::Chat if client == Dialect::AnthropicMessages && claude::is_claude(model) => {
                Some(client)
            }
            Operation::Chat => Some(Dialect::BedrockConverse),
            Operation::Embeddings => vectors::dialect(model),
            Operation::Rerank => ranks::dialect(model, self.signer.is_some()),
            Operation::CountTokens if !claude::is_claude(model) => None,
            Operation::CountTokens if client == Dialect::AnthropicCount => Some(client),
            Operation::CountTokens => Some(Dialect::BedrockCount),
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
        let most = batches::most(KIND, call.dialect, call.model);
        batches::send(call, most, |call| self.one(call, upstream))
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            if !self.runtime.models.is_empty() {
                return Ok(configured(&self.runtime.models));
            }
            let list = self.send(self.runtime.get(self.foundation.clone()), upstream).await?;
            let list: models::Models = read(list).await?;
            // A credential may see the models but not the profiles.
            let profiles = self.send(self.runtime.get(self.profiles.clone()), upstream).await?;
            let profiles = match read(profiles).await {
                Ok(profiles) => profiles,
                Err(UpstreamFailure::Status(_)) => models::Profiles::default(),
                Err(failure) => return Err(failure),
            };
            Ok(models::cards(&list, &profiles))
        })
    }
}
