//! Providers that the environment names, for a start without a configuration file.

use contract::settings::SecretText;

use crate::config::{Kind, ProviderConfig};

struct Known {
    name: &'static str,
    kind: Kind,
    key: &'static [&'static str],
    /// For kinds that have no base URL of their own.
    base_url: Option<&'static str>,
    /// The variable that overrides the base URL.
    base: Option<&'static str>,
}

const fn compatible(name: &'static str, key: &'static [&'static str], base_url: &'static str) -> Known {
    Known { name, kind: Kind::OpenaiCompatible, key, base_url: Some(base_url), base: None }
}

// tidy: table
const KNOWN: &[Known] = &[
    Known {
        name: "openai",
        kind: Kind::Openai,
        key: &["OPENAI_API_KEY"],
        base_url: None,
        base: Some("OPENAI_BASE_URL"),
    },
    Known {
        name: "anthropic",
        kind: Kind::Anthropic,
        key: &["ANTHROPIC_API_KEY"],
        base_url: None,
        base: Some("ANTHROPIC_BASE_URL"),
    },
    Known {
        name: "gemini",
        kind: Kind::Gemini,
        key: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        base_url: None,
        base: None,
    },
    compatible("mistral", &["MISTRAL_API_KEY"], "https://api.mistral.ai/v1"),
    compatible("groq", &["GROQ_API_KEY"], "https://api.groq.com/openai/v1"),
    compatible("deepseek", &["DEEPSEEK_API_KEY"], "https://api.deepseek.com"),
    compatible("xai", &["XAI_API_KEY"], "https://api.x.ai/v1"),
    compatible("openrouter", &["OPENROUTER_API_KEY"], "https://openrouter.ai/api/v1"),
    compatible("together", &["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"], "https://api.together.xyz/v1"),
    compatible("fireworks", &["FIREWORKS_API_KEY"], "https://api.fireworks.ai/inference/v1"),
    compatible("cerebras", &["CEREBRAS_API_KEY"], "https://api.cerebras.ai/v1"),
    compatible("perplexity", &["PERPLEXITY_API_KEY"], "https://api.perplexity.ai"),
    compatible("moonshot", &["MOONSHOT_API_KEY"], "https://api.moonshot.ai/v1"),
];

/// The providers whose keys are in the environment, and Ollama at `OLLAMA_HOST` or its usual place. Ollama is always among
/// them: it is asked for its models when they are listed, whether it runs yet or not.
#[must_use]
pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Vec<(String, ProviderConfig)> {
    let set = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut found = Vec::new();
    for known in KNOWN {
        let Some(key) = known.key.iter().find_map(|name| set(name)) else { continue };
        let mut config = ProviderConfig::of(known.kind);
        config.api_key = Some(SecretText::new(key));
        config.base_url = known.base.and_then(set).or_else(|| known.base_url.map(str::to_owned));
        found.push((known.name.to_owned(), config));
    }
    let mut ollama = ProviderConfig::of(Kind::Ollama);
    ollama.base_url = set("OLLAMA_HOST").map(|host| ollama_url(&host));
    found.push(("ollama".to_owned(), ollama));
    found
}

/// `OLLAMA_HOST` may lack scheme and port, and names the address to listen on: `0.0.0.0` means this machine.
fn ollama_url(host: &str) -> String {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.trim_end_matches('/').replace("0.0.0.0", "127.0.0.1");
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { format!("{scheme}://{rest}") } else { format!("{scheme}://{rest}:11434") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(variables: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        from_environment(&lookup).into_iter().map(|(name, config)| (name, config.base_url)).collect()
    }

    #[test]
    fn keys_bring_their_providers() {
        let found = names(&[("OPENAI_API_KEY", "k"), ("GROQ_API_KEY", "k"), ("GEMINI_API_KEY", " ")]);
        let found: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, ["openai", "groq", "ollama"]);
    }

    #[test]
    fn ollamas_host_may_be_bare() {
        for (host, url) in [
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("gpu:9000", "http://gpu:9000"),
            ("https://gpu/", "https://gpu:11434"),
        ] {
            assert_eq!(names(&[("OLLAMA_HOST", host)])[0].1.as_deref(), Some(url));
        }
    }
}
