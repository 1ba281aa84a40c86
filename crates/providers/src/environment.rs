//! Providers found in the environment when there is no configuration file. The caller hands the lookup in: nothing here
//! reads the environment.

use contract::settings::SecretText;

use crate::{ProviderConfig, anthropic, demo, gemini, ollama, openai, openai_compatible};

// tidy: table
/// Variable, provider name, base URL, models to list where the service cannot be asked. The base URLs are those of the
/// services' own documentation.
const COMPATIBLE: &[(&str, &str, &str, &[&str])] = &[
    ("MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1", &[]),
    ("GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1", &[]),
    ("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com", &[]),
    ("XAI_API_KEY", "xai", "https://api.x.ai/v1", &[]),
    ("OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1", &[]),
    ("TOGETHER_API_KEY", "together", "https://api.together.xyz/v1", &[]),
    ("FIREWORKS_API_KEY", "fireworks", "https://api.fireworks.ai/inference/v1", &[]),
    ("CEREBRAS_API_KEY", "cerebras", "https://api.cerebras.ai/v1", &[]),
    (
        "PERPLEXITY_API_KEY",
        "perplexity",
        "https://api.perplexity.ai",
        &["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"],
    ),
    ("MOONSHOT_API_KEY", "moonshot", "https://api.moonshot.ai/v1", &[]),
];

/// The providers that the environment has credentials for, by name, and `demo`, which needs none. An empty variable
/// counts as absent.
#[must_use]
pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Vec<(String, ProviderConfig)> {
    let get = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let key = |name: &str| get(name).map(SecretText::new);
    let mut found = Vec::new();
    let mut add = |name: &str, config| found.push((name.to_owned(), config));

    if let api_key @ Some(_) = key("OPENAI_API_KEY") {
        let base_url = get("OPENAI_BASE_URL");
        let config = openai::Config { api_key, base_url, ..openai::Config::default() };
        add("openai", ProviderConfig::Openai(config));
    }
    if let api_key @ Some(_) = key("ANTHROPIC_API_KEY") {
        let config = anthropic::Config { api_key, ..anthropic::Config::default() };
        add("anthropic", ProviderConfig::Anthropic(config));
    }
    if let api_key @ Some(_) = key("GEMINI_API_KEY").or_else(|| key("GOOGLE_API_KEY")) {
        let config = gemini::Config { api_key, ..gemini::Config::default() };
        add("gemini", ProviderConfig::Gemini(config));
    }
    for (variable, name, base_url, models) in COMPATIBLE {
        if let api_key @ Some(_) = key(variable) {
            let models = models.iter().map(|model| (*model).to_owned()).collect();
            let base_url = Some((*base_url).to_owned());
            let config = openai_compatible::Config { api_key, base_url, models, ..Default::default() };
            add(name, ProviderConfig::OpenaiCompatible(config));
        }
    }
    if let Some(host) = get("OLLAMA_HOST") {
        let base_url = Some(ollama_url(&host));
        add("ollama", ProviderConfig::Ollama(ollama::Config { base_url, ..Default::default() }));
    }
    add("demo", ProviderConfig::Demo(demo::Config::default()));
    found
}

/// `OLLAMA_HOST` as Ollama reads it: scheme and port may be missing, and what a server binds to is no address to call.
fn ollama_url(host: &str) -> String {
    let (scheme, place) = host.split_once("://").unwrap_or(("http", host));
    let (place, path) = place.split_once('/').map_or((place, ""), |(place, path)| (place, path));
    let bracket = place.rfind(']').unwrap_or(0);
    let (name, port) = match place.rfind(':').filter(|colon| *colon >= bracket) {
        Some(colon) => (&place[..colon], &place[colon + 1..]),
        None => (
            place,
            match host.split_once("://") {
                Some(("https", _)) => "443",
                Some(_) => "80",
                None => "11434",
            },
        ),
    };
    let name = match name {
        "" | "0.0.0.0" | "[::]" => "127.0.0.1",
        name => name,
    };
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{scheme}://{name}:{port}{slash}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::settings::Faults;

    fn found(variables: &[(&str, &str)]) -> Vec<(String, ProviderConfig)> {
        from_env(&|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_has_the_demo() {
        let found = found(&[("OPENAI_API_KEY", " ")]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_str(), found[0].1.kind()), ("demo", "demo"));
    }

    #[test]
    fn every_row_builds() {
        let mut variables: Vec<_> = COMPATIBLE.iter().map(|row| (row.0, "key")).collect();
        variables.extend([
            ("OPENAI_API_KEY", "key"),
            ("OPENAI_BASE_URL", "https://proxy.test/v1"),
            ("ANTHROPIC_API_KEY", "key"),
            ("GOOGLE_API_KEY", "key"),
            ("OLLAMA_HOST", "0.0.0.0"),
        ]);
        let found = found(&variables);
        assert_eq!(found.len(), COMPATIBLE.len() + 5);
        let mut faults = Faults::default();
        for (name, config) in &found {
            assert!(
                crate::build(name, config, &crate::conformance::stopped(), &mut faults).is_some(),
                "{name}: {faults}"
            );
        }
        assert_eq!(found[0].1.account().base_url, Some("https://proxy.test/v1"));
    }

    #[test]
    fn ollama_hosts() {
        for (host, url) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":11500", "http://127.0.0.1:11500"),
            ("box", "http://box:11434"),
            ("http://box:8000/ollama", "http://box:8000/ollama"),
            ("https://ollama.test", "https://ollama.test:443"),
            ("[::1]", "http://[::1]:11434"),
            ("[::]:11434", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(ollama_url(host), url, "{host}");
        }
    }
}
