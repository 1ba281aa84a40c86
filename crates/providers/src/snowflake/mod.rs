//! Snowflake Cortex: OpenAI's chat dialect below the account's URL, and Anthropic's for Claude; vectors in a form of its own.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::settings::{Faults, SecretText};
use contract::words::Dialect;
use serde_json::Value;

use crate::account::Account;
use crate::openai_like::OpenaiLike;
use crate::request::{below, is_label};
use crate::vectors::{list, members, of_texts, openai, reformed, rename_inputs};

pub use config::{Config, TokenType};

pub(crate) const KIND: &str = quirks::FACTS.kind;

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let base = match (&config.base_url, &config.account) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(account)) if is_label(account) => {
            Some(format!("https://{account}.snowflakecomputing.com"))
        }
        (None, Some(_)) => {
            let form =
                "is not an account's identifier: write it as in its host name, such as myorg-myaccount";
            faults.add(format!("providers.{name}.account"), form);
            return None;
        }
        (None, None) => None,
    };
    let base = base.map(|url| below(&url, quirks::PATH));
    let mut headers: BTreeMap<String, SecretText> = config.headers.clone();
    let token_type = match config.token_type {
        TokenType::Pat => "PROGRAMMATIC_ACCESS_TOKEN",
        TokenType::KeypairJwt => "KEYPAIR_JWT",
        TokenType::Oauth => "OAUTH",
    };
    headers.entry(quirks::TOKEN_TYPE.to_owned()).or_insert_with(|| SecretText::new(token_type));
    let account = Account { base_url: base.as_deref(), headers: &headers, ..config.account() };
    let surfaces = &[(Dialect::OpenaiChat, "/chat/completions")];
    let provider = OpenaiLike::new(name, account, &quirks::FACTS, (surfaces, quirks::QUIRKS), faults)?;
    let messages = provider.endpoint.url("/messages", None)?;
    let vectors = provider.endpoint.url_outside(quirks::VERSION, quirks::EMBED)?;
    let everyone: &[&str] = &[];
    let calls = provider
        .speaking(Dialect::AnthropicMessages, messages, quirks::CLAUDE)
        .speaking(Dialect::OpenaiEmbeddings, vectors, everyone)
        .listed(None);
    Some(Arc::new(Snowflake { calls }))
}

/// An account.
struct Snowflake {
    /// Its calls; those for vectors are put into Snowflake's form on their way.
    calls: OpenaiLike,
}

impl Snowflake {
    async fn embed(
        &self,
        mut call: Call<'_>,
        upstream: &dyn Upstream,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let mut members = members(std::mem::take(&mut call.body))?;
        rename_inputs(&mut members, "text");
        call.body = [Bytes::from(Value::Object(members).to_string())].into();
        reformed(self.calls.call(call, upstream).await?, |mut answer| {
            // Each vector is in a list of its own.
            let bare = |mut one: Value| one.pointer_mut("/embedding/0").map(Value::take);
            let vectors: Option<Vec<Value>> = list(&mut answer, "data").into_iter().map(bare).collect();
            let vectors = vectors.ok_or("an entry without a vector")?;
            Ok(openai(vectors, &answer["model"], answer["usage"]["total_tokens"].as_u64()))
        })
        .await
    }
}

impl Provider for Snowflake {
    fn name(&self) -> &str {
        self.calls.name()
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        self.calls.dialect(client, model)
    }

    fn verbatim(&self, dialect: Dialect) -> bool {
        dialect != Dialect::OpenaiEmbeddings
    }

    fn refuses(&self, dialect: Dialect) -> &[&'static str] {
        self.calls.refuses(dialect)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        match target {
            Dialect::OpenaiEmbeddings => of_texts(request, target, &quirks::VECTORS),
            _ => self.calls.translate(request, target),
        }
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        match call.dialect {
            Dialect::OpenaiEmbeddings => Box::pin(self.embed(call, upstream)),
            _ => self.calls.call(call, upstream),
        }
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        self.calls.discover(upstream)
    }
}
