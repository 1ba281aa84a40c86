//! Which upstream accounts there are: those of the file, or without any those of the environment. Nobody is called.

use providers::{DemoConfig, Environment, OllamaConfig, ProviderConfig};

use super::Config;
use crate::environment;

/// The accounts of a configuration; without any, those of the environment. The built-in one is always there, so that a
/// first request works on a machine with no account anywhere.
pub(crate) fn provider_configs(config: &Config) -> Vec<(String, ProviderConfig)> {
    let mut all: Vec<(String, ProviderConfig)> = match config.providers.is_empty() {
        true => providers::from_env(&Environment {
            variable: &environment::variable,
            file: &|path| std::fs::read_to_string(path).ok(),
        }),
        false => config.providers.iter().map(|(name, one)| (name.clone(), one.clone())).collect(),
    };
    let mut add = |name: &str, one| {
        if !all.iter().any(|(known, _)| known == name) {
            all.push((name.to_owned(), one));
        }
    };
    if config.providers.is_empty() {
        // Asked for its models whether it runs yet or not.
        add("ollama", ProviderConfig::Ollama(OllamaConfig::default()));
    }
    add("demo", ProviderConfig::Demo(DemoConfig::default()));
    all
}
