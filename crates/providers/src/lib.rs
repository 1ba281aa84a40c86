//! The kinds of upstream accounts: where they are, how they want to be addressed, what is odd about them.
//!
//! One folder per kind, with the same files: `config.rs` (settings), `quirks.rs` (facts, as data), `mod.rs` (the
//! [`contract::ports::Provider`]), `tests.rs`. A new kind is a folder, a variant of [`ProviderConfig`] and a line in
//! [`build`]. Nothing here reads or writes a dialect: that is `wire`; and nothing opens a connection: that is the
//! `Upstream` port. `request` makes the outgoing requests of all kinds, `listing` reads their lists of models.

mod account;
mod anthropic;
mod config;
mod demo;
mod environment;
mod gemini;
mod kserve;
mod listing;
mod ollama;
mod openai;
mod openai_compatible;
mod openai_like;
mod price;
mod request;
mod templated;

#[cfg(test)]
mod conformance;

use contract::ports::SharedProvider;
use contract::settings::Faults;

pub use account::{Account, TimeoutConfig, TlsConfig};
pub use anthropic::Config as AnthropicConfig;
pub use config::ProviderConfig;
pub use demo::Config as DemoConfig;
pub use environment::from_env;
pub use gemini::Config as GeminiConfig;
pub use kserve::Config as KserveConfig;
pub use ollama::Config as OllamaConfig;
pub use openai::Config as OpenaiConfig;
pub use openai_compatible::Config as OpenaiCompatibleConfig;
pub use price::{PriceConfig, UsdPerMillion};
pub use templated::Config as HttpConfig;

/// Makes the provider a configuration describes; notes what is wrong with it under `providers.<name>`.
pub fn build(name: &str, config: &ProviderConfig, faults: &mut Faults) -> Option<SharedProvider> {
    match config {
        ProviderConfig::Openai(config) => openai::build(name, config, faults),
        ProviderConfig::OpenaiCompatible(config) => openai_compatible::build(name, config, faults),
        ProviderConfig::Anthropic(config) => anthropic::build(name, config, faults),
        ProviderConfig::Gemini(config) => gemini::build(name, config, faults),
        ProviderConfig::Ollama(config) => ollama::build(name, config, faults),
        ProviderConfig::Kserve(config) => kserve::build(name, config, faults),
        ProviderConfig::Http(config) => templated::build(name, config, faults),
        ProviderConfig::Demo(_) => demo::build(name, faults),
    }
}
