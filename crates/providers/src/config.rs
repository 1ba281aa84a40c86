//! `providers.<name>`: one variant per kind, told apart by `kind`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::followers::{self, Follower};
use crate::{
    anthropic, azure, bedrock, cloudflare, cohere, databricks, demo, gemini, github, jina, kserve, ollama,
    openai, openai_compatible, replicate, snowflake, templated, vertex, voyage, watsonx,
};

/// Declares the kinds: those with a folder of their own, and those that are a row of [`followers`].
macro_rules! kinds {
    (
        own { $($(#[$about:meta])* $own:ident = $folder:ident,)* }
        followers { $($(#[$says:meta])* $follower:ident = $row:ident,)* }
    ) => {
        /// An upstream account.
        #[expect(clippy::large_enum_variant, reason = "a handful, made when a configuration is read")]
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum ProviderConfig {
            $($(#[$about])* $own($folder::Config),)*
            $($(#[$says])* $follower(followers::Config),)*
        }

        impl ProviderConfig {
            /// The kind, as `kind:` names it.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$own(_) => $folder::KIND,)*
                    $(Self::$follower(_) => followers::$row.facts.kind,)*
                }
            }

            /// The settings that all kinds have; for `demo`, which has none, those of nothing configured.
            #[must_use]
            pub fn account(&self) -> Account<'_> {
                match self {
                    $(Self::$own(config) => config.account(),)*
                    $(Self::$follower(config) => config.account(),)*
                }
            }

            /// The row of a kind that is one.
            pub(crate) const fn follower(&self) -> Option<(&'static Follower, &followers::Config)> {
                match self {
                    $(Self::$own(_) => None,)*
                    $(Self::$follower(config) => Some((&followers::$row, config)),)*
                }
            }

            /// An account of a row's kind.
            pub(crate) fn following(row: &Follower, config: followers::Config) -> Option<Self> {
                match row.facts.kind {
                    $(kind if kind == followers::$row.facts.kind => Some(Self::$follower(config)),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    own {
        /// OpenAI's own API.
        Openai = openai,
        /// Any server that speaks OpenAI's dialect and has no kind of its own: SGLang, LiteLLM, another gateway.
        OpenaiCompatible = openai_compatible,
        /// Anthropic's own API.
        Anthropic = anthropic,
        /// Google's Gemini API (AI Studio keys).
        Gemini = gemini,
        /// AWS Bedrock.
        Bedrock = bedrock,
        /// A local or remote Ollama.
        Ollama = ollama,
        /// Cohere's own API: chat, vectors and rerank.
        Cohere = cohere,
        /// Voyage AI: vectors and rerank.
        Voyage = voyage,
        /// Jina AI: vectors and rerank.
        Jina = jina,
        /// Azure OpenAI and Microsoft Foundry.
        Azure = azure,
        /// Google's Vertex AI: Gemini, Claude, and open models as a service.
        Vertex = vertex,
        /// IBM's watsonx.ai.
        Watsonx = watsonx,
        /// Snowflake Cortex.
        Snowflake = snowflake,
        /// Databricks' model serving.
        Databricks = databricks,
        /// Cloudflare's Workers AI.
        Cloudflare = cloudflare,
        /// GitHub Models.
        Github = github,
        /// Replicate's language models.
        Replicate = replicate,
        /// A server that speaks the Open Inference Protocol: KServe, Triton, MLServer.
        Kserve = kserve,
        /// Any model behind HTTP and JSON, reached by templates.
        Http = templated,
        /// Answers inside the gateway, for first steps and tests: the models `echo` and `embed`.
        Demo = demo,
    }
    followers {
        /// Mistral AI.
        Mistral = MISTRAL,
        /// Groq.
        Groq = GROQ,
        /// DeepSeek.
        Deepseek = DEEPSEEK,
        /// xAI (Grok).
        Xai = XAI,
        /// OpenRouter.
        Openrouter = OPENROUTER,
        /// Together AI.
        Together = TOGETHER,
        /// Fireworks AI.
        Fireworks = FIREWORKS,
        /// Perplexity's Sonar models.
        Perplexity = PERPLEXITY,
        /// Cerebras.
        Cerebras = CEREBRAS,
        /// Hugging Face's router of inference providers.
        Huggingface = HUGGINGFACE,
        /// NVIDIA NIM: the hosted API, or containers of one's own by `base_url`.
        Nvidia = NVIDIA,
        /// SambaNova.
        Sambanova = SAMBANOVA,
        /// Moonshot AI (Kimi).
        Moonshot = MOONSHOT,
        /// Z.ai (GLM).
        Zai = ZAI,
        /// Alibaba Cloud's Model Studio (Qwen).
        Dashscope = DASHSCOPE,
        /// MiniMax.
        Minimax = MINIMAX,
        /// A vLLM server.
        Vllm = VLLM,
        /// A llama.cpp server.
        LlamaCpp = LLAMA_CPP,
        /// An LM Studio server.
        LmStudio = LM_STUDIO,
    }
}

impl ProviderConfig {
    /// Does it offer what somebody put on a machine of their own, or under names of their own, so that nobody else can say
    /// what that is?
    #[must_use]
    pub const fn is_self_hosted(&self) -> bool {
        match self.follower() {
            Some((row, _)) => row.own,
            None => matches!(self, Self::Ollama(_) | Self::Azure(_)),
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
            let named = kind["properties"]["kind"]["const"].clone();
            if let Ok(config) = read(json!({ "kind": named })) {
                assert_eq!(named, config.kind(), "the kind is what it is called");
            }
            assert_eq!(kind["additionalProperties"], json!(false), "{kind}");
            assert!(kind["required"].as_array().unwrap().contains(&json!("kind")), "{kind}");
            names.push(kind["properties"]["kind"]["const"].as_str().unwrap());
        }
        for name in ["openai", "openai-compatible", "azure", "mistral", "llama-cpp", "lm-studio", "demo"] {
            assert_eq!(names.iter().filter(|kind| **kind == name).count(), 1, "{name}");
        }
        let described = |kind: &Value| kind["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(kinds.iter().all(described));
        assert_eq!(names.len(), 20 + crate::followers::ALL.len());
    }
}
