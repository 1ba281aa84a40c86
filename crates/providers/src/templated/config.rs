//! Settings of a model that is reached by templates: where it is, what it is sent, where its answer holds what.

use std::collections::BTreeMap;

use contract::settings::SecretText;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::{Account, TimeoutConfig, TlsConfig};
use crate::price::PriceConfig;

/// Any model behind HTTP and JSON. What a request looks like is a template of JSON, in whose texts placeholders stand
/// (`{{prompt}}`); what an answer holds is told by JSON pointers (`/choices/0/text`). It does what is configured: `chat`,
/// `embeddings`, `predict`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the model is; `{model}` stands for its name.
    pub url: String,
    /// How it is called.
    #[serde(default)]
    pub method: Verb,
    /// The credential, sent as `authorization: Bearer`. One that belongs in another header goes into `headers`.
    pub api_key: Option<SecretText>,
    /// Headers sent with every call.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretText>,
    /// Where it runs, for routing by region; any name.
    pub region: Option<String>,
    /// How long each phase of a call may take.
    #[serde(default)]
    pub timeouts: TimeoutConfig,
    /// TLS, where it differs from the rest.
    #[serde(default)]
    pub tls: TlsConfig,
    /// Models to list. Other models can still be called.
    #[serde(default)]
    pub models: Vec<String>,
    /// Prices by upstream model name; they win over the price book.
    #[serde(default)]
    pub prices: BTreeMap<String, PriceConfig>,
    /// It converses.
    pub chat: Option<ChatConfig>,
    /// It makes vectors of texts.
    pub embeddings: Option<EmbeddingsConfig>,
    /// It predicts: any JSON in, any JSON out, at `/v1/predict`.
    pub predict: Option<PredictConfig>,
    /// Where the answer to a failed call holds its message. Without it the usual places are searched.
    pub error: Option<String>,
}

/// How a model is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
            Verb::Patch => Self::PATCH,
        }
    }
}

/// A model that converses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatConfig {
    /// What it is sent. Placeholders: `{{model}}`, `{{prompt}}` (the user's last text), `{{system}}`, `{{messages}}` (all of
    /// them as OpenAI writes them), `{{temperature}}`, `{{max_tokens}}`, `{{body}}` (the request as OpenAI writes it) and
    /// `{{body:/pointer}}`.
    pub request: Value,
    /// Where its answer holds the text.
    pub text: String,
    /// Where its answer holds what it consumed.
    #[serde(default)]
    pub usage: UsageConfig,
}

/// A model that makes vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsConfig {
    /// What it is sent. Placeholders: `{{model}}`, `{{inputs}}` (the texts), `{{input}}` (the only text, for a model that
    /// takes one at a time), `{{body}}` (the request as OpenAI writes it) and `{{body:/pointer}}`.
    pub request: Value,
    /// Where its answer holds the list of vectors, or the only vector.
    pub vectors: String,
    /// Where each entry of that list holds its vector, if an entry is not the vector itself.
    pub vector: Option<String>,
    /// Where its answer holds what it consumed.
    #[serde(default)]
    pub usage: UsageConfig,
}

/// A model that predicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictConfig {
    /// What it is sent. Placeholders: `{{model}}`, `{{body}}` (all that the client sent beside `model`) and
    /// `{{body:/pointer}}`.
    pub request: Value,
    /// Where its answer holds the result; the empty pointer is the whole answer.
    #[serde(default)]
    pub result: String,
    /// Where its answer holds what it consumed.
    #[serde(default)]
    pub usage: UsageConfig,
}

/// Where an answer holds numbers of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageConfig {
    /// Tokens of input.
    pub input: Option<String>,
    /// Tokens of output.
    pub output: Option<String>,
}

impl Config {
    /// The settings that all kinds have.
    pub(crate) fn account(&self) -> Account<'_> {
        Account {
            api_key: self.api_key.as_ref(),
            base_url: Some(&self.url),
            headers: &self.headers,
            region: self.region.as_deref(),
            timeouts: &self.timeouts,
            tls: &self.tls,
            models: &self.models,
            prices: &self.prices,
        }
    }
}
