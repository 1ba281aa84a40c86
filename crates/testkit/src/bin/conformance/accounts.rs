//! The accounts of the gateway under test. Each recording has its own, of its provider's kind and at an address of its own, so that
//! every kind's places and quirks take part under the model's real name. What a kind does not do in the recorded dialect, and
//! providers that nobody knows, run as `openai-compatible`, or as the kind of the dialect's maker.

use std::sync::Arc;

use contract::ports::{Clock, SharedProvider};
use contract::settings::Faults;
use contract::words::Dialect;
use providers::ProviderConfig;
use serde_json::{Value, json};
use testkit::clock::VirtualClock;

use crate::corpus::Exchange;

/// An account that plays one recording.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// As it stands in the configuration.
    pub(crate) config: Value,
    /// What the model is called at the upstream.
    model: String,
    provider: SharedProvider,
}

impl Account {
    /// The model's name for clients.
    pub(crate) fn model(&self) -> String {
        format!("{}/{}", self.name, self.model)
    }

    /// Does it answer a client of this dialect in the recorded one?
    pub(crate) fn serves(&self, client: Dialect, recorded: Dialect) -> bool {
        self.provider.dialect(client, &self.model) == Some(recorded)
    }

    /// Does it take such a client as it is, so that nobody translates for it?
    pub(crate) fn takes(&self, client: Dialect) -> bool {
        self.provider.dialect(client, &self.model) == Some(client)
    }

    /// Do the provider's bytes pass?
    pub(crate) fn is_verbatim(&self, dialect: Dialect) -> bool {
        self.provider.verbatim(dialect)
    }

    /// Does it say by itself what a stream consumed, so that it is not asked to?
    pub(crate) fn tells_usage(&self, recorded: Dialect) -> bool {
        self.provider.refuses(recorded).contains(&"stream_options")
    }

    /// One that asks for its list of models.
    pub(crate) fn listing(at: usize, kind: &str, upstream: &str) -> Option<Self> {
        let name = place(at);
        let config =
            json!({"kind": kind, "base_url": format!("{upstream}/{name}"), "api_key": "sk-played-back"});
        let provider = build(&config)?;
        Some(Self { name, kind: kind.to_owned(), config, model: String::new(), provider })
    }

    /// Does it wrap the answers of models that are invoked?
    pub(crate) fn wraps(&self) -> bool {
        self.kind == "bedrock"
    }
}

/// Where the upstream plays a recording: by its place in the list.
pub(crate) fn place(at: usize) -> String {
    format!("x{at}")
}

/// The recording that a segment of a path, or of a model's name, asks for.
pub(crate) fn placed(segment: &str) -> Option<usize> {
    segment.strip_prefix('x')?.trim_end_matches(|letter: char| letter.is_ascii_lowercase()).parse().ok()
}

/// Names of the recordings that are not the kinds' own.
const ALIASES: &[(&str, &str)] = &[
    ("alibaba", "dashscope"),
    ("google", "gemini"),
    ("llamacpp", "llama-cpp"),
    ("lmstudio", "lm-studio"),
    ("nim", "nvidia"),
    ("workers-ai", "cloudflare"),
];

/// The kind that a provider is known as.
pub(crate) fn kind_of(provider: &str) -> &str {
    ALIASES.iter().find(|(name, _)| *name == provider).map_or(provider, |(_, kind)| kind)
}

/// What an account of a kind needs beside a key; some have several ways to show who they are, which differ in what they do.
fn logins(kind: &str) -> Vec<Value> {
    let key = || json!({"api_key": "sk-played-back"});
    match kind {
        "bedrock" => vec![
            json!({"region": "us-east-1", "access_key_id": "AK", "secret_access_key": "played-back"}),
            json!({"region": "us-east-1", "api_key": "sk-played-back"}),
        ],
        "vertex" => vec![json!({"project": "played-back", "access_token": "sk-played-back"})],
        "snowflake" => vec![json!({"account": "played-back", "api_key": "sk-played-back"})],
        "cloudflare" => vec![json!({"account_id": "played-back", "api_key": "sk-played-back"})],
        _ => vec![key()],
    }
}

/// The kind whose accounts speak a dialect where the provider's own do not, and the setting that says so.
fn stand_in(dialect: Dialect) -> (&'static str, bool) {
    match dialect {
        Dialect::AnthropicMessages | Dialect::AnthropicCount => ("anthropic", false),
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne | Dialect::GeminiCount => {
            ("gemini", false)
        }
        Dialect::CohereChat | Dialect::CohereEmbed => ("cohere", false),
        Dialect::BedrockConverse
        | Dialect::BedrockTitanEmbed
        | Dialect::BedrockRerank
        | Dialect::BedrockCount => ("bedrock", false),
        Dialect::VoyageRerank => ("voyage", false),
        Dialect::ReplicatePredictions => ("replicate", false),
        Dialect::OpenaiCount => ("openai", false),
        Dialect::OllamaChat | Dialect::OllamaGenerate | Dialect::OllamaEmbed | Dialect::OllamaEmbedOne => {
            ("ollama", true)
        }
        _ => ("openai-compatible", true),
    }
}

/// The accounts that can play a recording, the best first.
pub(crate) fn all(at: usize, exchange: &Exchange, recorded: Dialect, upstream: &str) -> Vec<Account> {
    let own = kind_of(&exchange.provider);
    let (other, says) = stand_in(recorded);
    let mut found = Vec::new();
    for (kind, says) in [(own, false), (other, says), ("openai-compatible", true)] {
        for mut config in logins(kind) {
            config["kind"] = json!(kind);
            config["base_url"] = json!(format!("{upstream}/{}", place(at)));
            if says {
                config["dialects"] = json!([recorded.as_str()]);
            }
            for model in names(exchange, recorded) {
                config["models"] = json!([model]);
                let Some(provider) = build(&config).filter(|it| speaks(it, recorded, &model)) else {
                    continue;
                };
                let name = format!("{}{}", place(at), suffix(found.len()));
                found.push(Account { name, kind: kind.to_owned(), config: config.clone(), model, provider });
            }
        }
    }
    found
}

/// What tells the accounts of one recording apart.
fn suffix(count: usize) -> char {
    u8::try_from(count).ok().and_then(|count| b'a'.checked_add(count)).map_or('z', char::from)
}

/// What the model may be called: as it was recorded, or, where a name says what a model does, so that it does it.
fn names(exchange: &Exchange, recorded: Dialect) -> Vec<String> {
    let named = match recorded {
        Dialect::BedrockRerank | Dialect::CohereRerank => "amazon.rerank-v1:0",
        Dialect::BedrockCount => "anthropic.claude-sonnet-4-5-v1:0",
        Dialect::BedrockTitanEmbed => "amazon.titan-embed-text-v2:0",
        _ => "model",
    };
    let mut names: Vec<String> =
        exchange.model.iter().map(String::as_str).chain([named]).map(str::to_owned).collect();
    // The gateway may know by itself that such a model cannot do it, and not ask.
    if exchange.status >= 400 {
        names.reverse();
    }
    names
}

fn speaks(provider: &SharedProvider, recorded: Dialect, model: &str) -> bool {
    Dialect::ALL.iter().any(|client| provider.dialect(*client, model) == Some(recorded))
}

/// An account, as the gateway makes it of the same settings.
pub(crate) fn build(config: &Value) -> Option<SharedProvider> {
    let config: ProviderConfig = serde_json::from_value(config.clone()).ok()?;
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    providers::build("p", &config, &clock, &mut Faults::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(provider: &str, model: &str) -> Exchange {
        Exchange {
            id: "0".to_owned(),
            provider: provider.to_owned(),
            operation: "chat".to_owned(),
            api: String::new(),
            model: Some(model.to_owned()),
            features: Vec::new(),
            request: None,
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn kinds(provider: &str, model: &str, recorded: Dialect, client: Dialect) -> Vec<String> {
        let all = all(7, &recording(provider, model), recorded, "http://upstream.test");
        let serving = all.into_iter().filter(|account| account.serves(client, recorded));
        serving.map(|account| account.kind).collect()
    }

    #[test]
    fn a_recording_runs_as_its_own_kind_and_as_a_follower_of_openai_otherwise() {
        let chat = Dialect::OpenaiChat;
        assert_eq!(kinds("mistral", "m", chat, chat)[0], "mistral");
        assert_eq!(kinds("alibaba", "m", chat, chat)[0], "dashscope");
        assert_eq!(kinds("vertex", "claude-sonnet-4-5", Dialect::AnthropicMessages, chat)[0], "vertex");
        assert_eq!(kinds("nobody", "m", chat, Dialect::CohereChat)[0], "openai-compatible");
        assert_eq!(kinds("nobody", "m", Dialect::AnthropicMessages, chat)[0], "anthropic");
        // A kind that takes the client as it is cannot show that it is translated for.
        assert_eq!(kinds("groq", "m", chat, Dialect::OpenaiResponses)[0], "openai-compatible");
    }

    #[test]
    fn a_place_is_found_in_paths_and_names() {
        assert_eq!(placed(&place(12)), Some(12));
        assert_eq!(placed(&format!("{}b", place(3))), Some(3));
        assert_eq!((placed("v1"), placed("x"), placed("xai")), (None, None, None));
    }
}
