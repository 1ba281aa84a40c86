//! `providers:` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::ports::Timeouts;
use contract::settings::{SecretText, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One upstream account.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What kind of provider it is.
    pub kind: Kind,
    /// The credential. `openai`, `anthropic` and `gemini` need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretText>,
    /// Where it is reached, up to and without the operation's path: `https://api.openai.com/v1`. `openai-compatible` needs one;
    /// the other kinds know their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Headers to send with every call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// Where it runs, such as `eu`; shown in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Models to list when the provider cannot be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// How long each phase of a call may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// Certificates of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

/// Kinds of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// OpenAI itself.
    Openai,
    /// Anything that speaks OpenAI's chat completions: vLLM, llama.cpp, Groq, Mistral, …
    OpenaiCompatible,
    /// Anthropic itself.
    Anthropic,
    /// Google AI Studio.
    Gemini,
    /// Ollama.
    Ollama,
    /// The built-in model that echoes.
    Demo,
}

/// How long each phase of one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// DNS, TCP and TLS together. `5s` when left out.
    pub connect: Span,
    /// From the request sent to the response head. `120s` when left out.
    pub first_byte: Span,
    /// Between two chunks of the answer. `60s` when left out.
    pub idle: Span,
    /// The whole attempt. `600s` when left out.
    pub total: Span,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        let Timeouts { connect, first_byte, idle, total } = Timeouts::default();
        Self { connect: Span(connect), first_byte: Span(first_byte), idle: Span(idle), total: Span(total) }
    }
}

impl From<TimeoutsConfig> for Timeouts {
    fn from(config: TimeoutsConfig) -> Self {
        Self {
            connect: config.connect.0,
            first_byte: config.first_byte.0,
            idle: config.idle.0,
            total: config.total.0,
        }
    }
}

/// Certificates for one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Authorities to trust instead of the public ones (PEM).
    pub ca_file: Option<PathBuf>,
    /// The client certificate to present (PEM).
    pub client_cert: Option<PathBuf>,
    /// Its private key (PEM).
    pub client_key: Option<PathBuf>,
}

impl ProviderConfig {
    /// A provider of this kind with nothing else said.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            api_key: None,
            base_url: None,
            headers: BTreeMap::new(),
            region: None,
            models: Vec::new(),
            timeouts: TimeoutsConfig::default(),
            tls: None,
        }
    }
}
