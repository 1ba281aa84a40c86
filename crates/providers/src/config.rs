//! `providers.<name>`: one variant per kind, told apart by `kind`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::{anthropic, demo, gemini, kserve, ollama, openai, openai_compatible, templated};

/// An upstream account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProviderConfig {
    /// OpenAI's own API.
    Openai(openai::Config),
    /// Any server that speaks OpenAI's dialect: vLLM, llama.cpp, Mistral, Groq, OpenRouter, another gateway.
    OpenaiCompatible(openai_compatible::Config),
    /// Anthropic's own API.
    Anthropic(anthropic::Config),
    /// Google's Gemini API (AI Studio keys).
    Gemini(gemini::Config),
    /// A local or remote Ollama.
    Ollama(ollama::Config),
    /// A server that speaks the Open Inference Protocol: KServe, Triton, MLServer.
    Kserve(kserve::Config),
    /// Any model behind HTTP and JSON, reached by templates.
    Http(Box<templated::Config>),
    /// Answers inside the gateway, for first steps and tests: the models `echo` and `embed`.
    Demo(demo::Config),
}

impl ProviderConfig {
    /// The kind, as `kind:` names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Openai(_) => openai::KIND,
            Self::OpenaiCompatible(_) => openai_compatible::KIND,
            Self::Anthropic(_) => anthropic::KIND,
            Self::Gemini(_) => gemini::KIND,
            Self::Ollama(_) => ollama::KIND,
            Self::Kserve(_) => kserve::KIND,
            Self::Http(_) => templated::KIND,
            Self::Demo(_) => demo::KIND,
        }
    }

    /// Does it offer what somebody put on a machine of their own, so that only it can say what that is?
    #[must_use]
    pub const fn is_self_hosted(&self) -> bool {
        matches!(self, Self::Ollama(_))
    }

    /// The settings that all kinds have; for `demo`, which has none, those of nothing configured.
    #[must_use]
    pub fn account(&self) -> Account<'_> {
        match self {
            Self::Openai(config) => config.account(),
            Self::OpenaiCompatible(config) => config.account(),
            Self::Anthropic(config) => config.account(),
            Self::Gemini(config) => config.account(),
            Self::Ollama(config) => config.account(),
            Self::Kserve(config) => config.account(),
            Self::Http(config) => config.account(),
            Self::Demo(_) => Account::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<ProviderConfig, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_kind_picks_the_settings() {
        let config = read(
            json!({ "kind": "openai-compatible", "base_url": "http://127.0.0.1:8000/v1", "region": "eu",
            "timeouts": { "first_byte": "5m" }, "headers": { "x-team": "a" }, "models": ["qwen3"] }),
        )
        .unwrap();
        assert_eq!(config.kind(), "openai-compatible");
        let account = config.account();
        assert_eq!((account.region, account.models), (Some("eu"), &["qwen3".to_owned()][..]));
        assert_eq!(account.timeouts.limits().first_byte.as_secs(), 300);
        assert_eq!(read(json!({ "kind": "demo" })).unwrap().kind(), "demo");
    }

    #[test]
    fn unknown_kinds_and_fields_are_refused() {
        assert!(read(json!({ "kind": "opnai" })).is_err());
        let error = read(json!({ "kind": "openai", "api_kye": "x" })).unwrap_err();
        assert!(error.contains("api_kye"), "{error}");
        assert!(read(json!({ "kind": "demo", "api_key": "x" })).is_err());
    }

    #[test]
    fn a_printed_configuration_shows_no_secret() {
        let config =
            read(json!({ "kind": "openai", "api_key": "sk-1234", "headers": { "x-key": "hush" } })).unwrap();
        for text in [format!("{config:?}"), serde_json::to_string(&config).unwrap()] {
            assert!(!text.contains("sk-1234") && !text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn the_schema_closes_every_kind_and_names_it() {
        let schema = schemars::schema_for!(ProviderConfig).to_value();
        let kinds = schema["oneOf"].as_array().unwrap();
        let mut names = Vec::new();
        for kind in kinds {
            assert_eq!(kind["additionalProperties"], json!(false), "{kind}");
            assert!(kind["required"].as_array().unwrap().contains(&json!("kind")), "{kind}");
            names.push(kind["properties"]["kind"]["const"].as_str().unwrap());
        }
        assert_eq!(
            names,
            ["openai", "openai-compatible", "anthropic", "gemini", "ollama", "kserve", "http", "demo"]
        );
    }
}
