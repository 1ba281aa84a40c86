//! The kinds of upstream accounts: where they are, how they want to be addressed, what is odd about them.
//!
//! Most kinds follow OpenAI's dialect and are a row of data in `followers`. Those with code of their own have a folder with
//! the same files: `config.rs` (settings), `quirks.rs` (facts, as data), `mod.rs` (the [`contract::ports::Provider`]),
//! `tests.rs`. A new kind is a row or a folder, a line of `config.rs` and, for a folder, a line in [`build`]. Nothing here reads or writes a dialect: that is `wire`; and nothing opens a connection: that is the
//! `Upstream` port. `request` makes the outgoing requests of all kinds, `listing` reads their lists of models.

mod account;
mod anthropic;
mod azure;
mod batches;
mod bedrock;
mod betas;
mod cloudflare;
mod cohere;
mod config;
mod databricks;
mod demo;
mod environment;
mod followers;
mod gemini;
mod github;
mod jina;
mod jwt;
mod kserve;
mod listing;
mod ollama;
mod openai;
mod openai_compatible;
mod openai_like;
mod price;
mod replicate;
mod request;
mod snowflake;
mod templated;
mod tokens;
mod vectors;
mod vertex;
mod voyage;
mod watsonx;

#[cfg(test)]
mod conformance;

use std::sync::Arc;

use contract::ports::{Clock, SharedProvider};
use contract::settings::Faults;

pub use account::{Account, TimeoutConfig, TlsConfig};
pub use anthropic::Config as AnthropicConfig;
pub use azure::Config as AzureConfig;
pub use bedrock::Config as BedrockConfig;
pub use cloudflare::Config as CloudflareConfig;
pub use cohere::Config as CohereConfig;
pub use config::ProviderConfig;
pub use databricks::Config as DatabricksConfig;
pub use demo::Config as DemoConfig;
pub use environment::{Environment, from_env};
pub use followers::Config as FollowerConfig;
pub use gemini::Config as GeminiConfig;
pub use github::Config as GithubConfig;
pub use jina::Config as JinaConfig;
pub use kserve::Config as KserveConfig;
pub use ollama::Config as OllamaConfig;
pub use openai::Config as OpenaiConfig;
pub use openai_compatible::Config as OpenaiCompatibleConfig;
pub use price::{PriceConfig, UsdPerMillion};
pub use replicate::Config as ReplicateConfig;
pub use snowflake::{Config as SnowflakeConfig, TokenType};
pub use templated::Config as HttpConfig;
pub use vertex::Config as VertexConfig;
pub use voyage::Config as VoyageConfig;
pub use watsonx::Config as WatsonxConfig;

/// Makes the provider a configuration describes; notes what is wrong with it under `providers.<name>`. The clock is for
/// credentials that are dated or end.
pub fn build(
    name: &str,
    config: &ProviderConfig,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    match config {
        ProviderConfig::Openai(config) => openai::build(name, config, faults),
        ProviderConfig::OpenaiCompatible(config) => openai_compatible::build(name, config, faults),
        ProviderConfig::Anthropic(config) => anthropic::build(name, config, faults),
        ProviderConfig::Gemini(config) => gemini::build(name, config, faults),
        ProviderConfig::Bedrock(config) => bedrock::build(name, config, clock, faults),
        ProviderConfig::Ollama(config) => ollama::build(name, config, faults),
        ProviderConfig::Cohere(config) => cohere::build(name, config, faults),
        ProviderConfig::Voyage(config) => voyage::build(name, config, faults),
        ProviderConfig::Jina(config) => jina::build(name, config, faults),
        ProviderConfig::Azure(config) => azure::build(name, config, clock, faults),
        ProviderConfig::Vertex(config) => vertex::build(name, config, clock, faults),
        ProviderConfig::Watsonx(config) => watsonx::build(name, config, clock, faults),
        ProviderConfig::Snowflake(config) => snowflake::build(name, config, faults),
        ProviderConfig::Databricks(config) => databricks::build(name, config, clock, faults),
        ProviderConfig::Cloudflare(config) => cloudflare::build(name, config, faults),
        ProviderConfig::Github(config) => github::build(name, config, faults),
        ProviderConfig::Replicate(config) => replicate::build(name, config, clock, faults),
        ProviderConfig::Kserve(config) => kserve::build(name, config, faults),
        ProviderConfig::Http(config) => templated::build(name, config, faults),
        ProviderConfig::Demo(_) => demo::build(name, faults),
        other => {
            let (row, config) = other.follower()?;
            followers::build(name, row, config, faults)
        }
    }
}
