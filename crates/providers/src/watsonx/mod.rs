//! IBM's watsonx.ai: OpenAI's chat dialect with the model, the project and the choice of tools under names of its own; vectors
//! and relevance in a form of its own (`texts.rs`); tokens for an API key.
//!
//! A model named `deployment/{id}` is a deployment, which knows its model and project itself.

mod config;
mod quirks;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Clock, ModelCard, Outbound, Provider, ProviderReply, SharedProvider, Upstream,
    UpstreamFailure,
};
use contract::settings::{Faults, SecretText};
use contract::words::{Dialect, Operation, Secret};
use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use wire::{Edits, splice};

use crate::account::Account;
use crate::listing::{card, configured, read};
use crate::request::{Endpoint, segment, translate};
use crate::tokens::{self, Form, Tokens};
use crate::vectors::of_texts;

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// What the names of deployments begin with.
const DEPLOYMENT: &str = "deployment/";

/// An instance.
struct Watsonx {
    endpoint: Endpoint,
    /// `version=…`.
    version: String,
    /// `project_id` or `space_id`, and its value as JSON.
    payer: Option<(&'static str, String)>,
    models: Uri,
    tokens: Option<Tokens>,
}

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let before = faults.problems().len();
    let ours = config.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"));
    let given = [config.api_key.is_some(), config.access_token.is_some(), ours];
    if given.iter().filter(|given| **given).count() != 1 {
        faults.add(format!("providers.{name}.api_key"), "give one credential: api_key or access_token");
    }
    if config.project_id.is_some() && config.space_id.is_some() {
        faults.add(format!("providers.{name}"), "give project_id or space_id, not both");
    }
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    if let Some(token) = &config.access_token {
        let bearer = format!("Bearer {}", token.reveal().expose());
        headers.insert("authorization".to_owned(), SecretText::new(bearer));
    }
    // The API key never leaves but for the login.
    let account = Account { api_key: None, headers: &headers, ..config.account() };
    let endpoint = Endpoint::new(name, account, &quirks::FACTS, faults)?;
    let tokens = match config.api_key.as_ref().map(|key| login(name, key, config, faults)) {
        Some(form) => Some(Tokens::new(Box::new(form?), clock)),
        None => None,
    };
    if faults.problems().len() > before {
        return None;
    }
    let version = format!("version={}", segment(config.api_version.as_deref().unwrap_or(quirks::VERSION))?);
    let models = endpoint.url("/ml/v1/foundation_model_specs", Some(&format!("{version}&limit=200")))?;
    let json = |text: &String| Value::from(text.as_str()).to_string();
    let project = config.project_id.as_ref().map(|id| ("project_id", json(id)));
    let payer = project.or_else(|| config.space_id.as_ref().map(|id| ("space_id", json(id))));
    Some(Arc::new(Watsonx { endpoint, version, payer, models, tokens }))
}

fn login(name: &str, key: &SecretText, config: &Config, faults: &mut Faults) -> Option<Form> {
    let url = config.token_url.as_deref().unwrap_or(quirks::TOKEN_URL);
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
    let Some(uri) = uri else {
        faults.add(format!("providers.{name}.token_url"), "is not a URL");
        return None;
    };
    let fields = vec![("grant_type", Secret::new(quirks::GRANT)), ("apikey", key.reveal())];
    Some(Form { uri, fields, authorization: None, provider: None })
}

impl Watsonx {
    fn request(&self, mut call: Call<'_>) -> Result<Outbound, UpstreamFailure> {
        let (uri, deployed) = self
            .place(&call)
            .ok_or_else(|| UpstreamFailure::Build("the model's name cannot stand in a URL".to_owned()))?;
        let converses = call.dialect == Dialect::OpenaiChat;
        let body = std::mem::take(&mut call.body);
        let body = if converses { body } else { texts::body(body, call.dialect)? };
        let model = Value::from(call.model).to_string();
        let mut puts: Vec<(&str, &str)> = Vec::with_capacity(2);
        if !deployed {
            puts.push(("model_id", &model));
            puts.extend(self.payer.as_ref().map(|(name, value)| (*name, value.as_str())));
        }
        let mut renames = if converses { quirks::QUIRKS.renames.to_vec() } else { Vec::new() };
        // Only a named tool is a choice under the same name; `auto`, `none` and `required` have another.
        if wire::member(&body, "tool_choice").is_some_and(|choice| choice.starts_with(b"\"")) {
            renames.push(("tool_choice", "tool_choice_option"));
        }
        call.body = splice(body, &Edits { renames: &renames, drops: quirks::DROPS, puts: &puts });
        Ok(self.endpoint.post(uri, call))
    }

    /// Where a call goes, and whether that says which model and project it is for.
    fn place(&self, call: &Call<'_>) -> Option<(Uri, bool)> {
        let method = if call.stream { "chat_stream" } else { "chat" };
        let own = texts::PLACES.iter().find(|(dialect, _)| *dialect == call.dialect);
        let (path, deployed) = match (own, call.model.strip_prefix(DEPLOYMENT)) {
            (Some((_, path)), _) => ((*path).to_owned(), false),
            (None, Some(id)) => (format!("/ml/v1/deployments/{}/text/{method}", segment(id)?), true),
            (None, None) => (format!("/ml/v1/text/{method}"), false),
        };
        Some((self.endpoint.url(&path, Some(&self.version))?, deployed))
    }
}

impl Provider for Watsonx {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        if client.operation() == Operation::Chat {
            return Some(Dialect::OpenaiChat);
        }
        // Deployments converse.
        let own = texts::PLACES.iter().filter(|_| !model.starts_with(DEPLOYMENT));
        own.map(|(dialect, _)| *dialect).find(|dialect| wire::has_way(client, *dialect))
    }

    fn verbatim(&self, dialect: Dialect) -> bool {
        dialect == Dialect::OpenaiChat
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        match target {
            Dialect::OpenaiChat => translate(request, target, &quirks::QUIRKS),
            _ => of_texts(request, target, &quirks::TEXTS),
        }
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let dialect = call.dialect;
        let request = match self.request(call) {
            Ok(request) => request,
            Err(failure) => return Box::pin(ready(Err(failure))),
        };
        let reply = tokens::send(self.tokens.as_ref(), request, upstream);
        match dialect {
            Dialect::OpenaiChat => reply,
            _ => Box::pin(async move { texts::answer(reply.await?, dialect).await }),
        }
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            if !self.endpoint.models.is_empty() {
                return Ok(configured(&self.endpoint.models));
            }
            let asked = self.endpoint.get(self.models.clone());
            let list: List = read(tokens::send(self.tokens.as_ref(), asked, upstream).await?).await?;
            Ok(list.resources.into_iter().filter_map(Entry::card).collect())
        })
    }
}

/// `GET /ml/v1/foundation_model_specs`.
#[derive(Deserialize)]
struct List {
    resources: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    model_id: String,
    #[serde(default)]
    functions: Vec<Function>,
    model_limits: Option<Limits>,
}

#[derive(Deserialize)]
struct Function {
    id: String,
}

#[derive(Deserialize)]
struct Limits {
    max_sequence_length: Option<u64>,
    max_output_tokens: Option<u64>,
}

/// What a function of a model is called, and what is served of it here.
const FUNCTIONS: [(&str, Operation); 3] =
    [("text_chat", Operation::Chat), ("embedding", Operation::Embeddings), ("rerank", Operation::Rerank)];

impl Entry {
    /// None for models that do nothing that is served here; one that says nothing may converse.
    fn card(self) -> Option<ModelCard> {
        let does = |name: &str| self.functions.iter().any(|function| function.id == name);
        let mut operations: Vec<Operation> =
            FUNCTIONS.iter().filter(|(name, _)| does(name)).map(|(_, operation)| *operation).collect();
        if self.functions.is_empty() {
            operations.push(Operation::Chat);
        }
        let first = *operations.first()?;
        Some(ModelCard {
            operations,
            context_window: self.model_limits.as_ref().and_then(|limits| limits.max_sequence_length),
            max_output: self.model_limits.as_ref().and_then(|limits| limits.max_output_tokens),
            ..card(self.model_id, first)
        })
    }
}
