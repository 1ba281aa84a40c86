//! Services and servers that follow OpenAI's dialect and are known: one row of data each, one kind of code for all.
//!
//! [`services`] and [`servers`] hold the rows. A new one is a row there, a line in `config.rs` and a row in
//! `docs/providers.md`. What needs code of its own (a token that ends, a model in the path) has a folder instead. A server
//! nobody knows is `openai-compatible`, which takes the quirks of a row when the host is one of that row's domains.

mod config;
mod servers;
mod services;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use contract::ports::SharedProvider;
use contract::settings::Faults;
use wire::{Edits, Lack, Quirks, Thinking};

use crate::openai_like::{OpenaiLike, Surface};
use crate::request::{Auth, Facts};

pub use config::Config;
pub(crate) use servers::{LLAMA_CPP, LM_STUDIO, VLLM};
pub(crate) use services::{
    CEREBRAS, DASHSCOPE, DEEPSEEK, FIREWORKS, GROQ, HUGGINGFACE, MINIMAX, MISTRAL, MOONSHOT, NVIDIA,
    OPENROUTER, PERPLEXITY, SAMBANOVA, TOGETHER, XAI, ZAI,
};

/// All that is known of a service or a server.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) facts: Facts,
    /// The domains its service is reached at.
    domains: &'static [&'static str],
    /// The environment variable its key is usually in.
    pub(crate) variable: Option<&'static str>,
    /// The dialects it speaks, each at a path below the base URL; the first of an operation is the one to translate to.
    surfaces: &'static [Surface],
    /// Dialects it speaks at a path below the host, which counts only within its domains: elsewhere the host is a proxy.
    beside: &'static [Surface],
    /// A surface that is spoken with an accent, below the base URL: by the models whose names begin like this, with these
    /// quirks.
    accent: Option<(Surface, &'static [&'static str], Quirks)>,
    quirks: Quirks,
    /// Fields that are refused and say nothing here: taken out of all that is sent, which is no loss.
    mute: &'static [&'static str],
    listing: Listing,
    /// Does it run on a machine of somebody's own?
    pub(crate) own: bool,
}

/// Where the list of models is.
#[derive(Debug)]
enum Listing {
    /// In OpenAI's shape, at `/models` below the base URL.
    Usual,
    /// These; there is nobody to ask.
    Fixed(&'static [&'static str]),
    /// Nowhere: what the price book knows is offered.
    Nowhere,
}

/// What is common to the facts of most.
const FACTS: Facts = Facts {
    kind: "",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &["openai-beta", "anthropic-version", "anthropic-beta"],
};

/// What is common to the quirks of most: `max_tokens` is what every such service knows, and few know `developer`.
pub(crate) const USUAL: Quirks = Quirks {
    renames: &[("max_completion_tokens", "max_tokens")],
    refuses: &[],
    accepts: &[],
    developer_as_system: true,
    lacks: &[Lack::CustomTools, Lack::AllowedTools],
    thinking: &[],
    models: &[],
    most_stops: 0,
};

/// A switch, and a level beside it.
const SWITCHED: &[Thinking] = &[Thinking::Switch, Thinking::Effort];

// tidy: table
/// All rows.
pub(crate) const ALL: &[&Follower] = &[
    &MISTRAL,
    &GROQ,
    &DEEPSEEK,
    &XAI,
    &OPENROUTER,
    &TOGETHER,
    &FIREWORKS,
    &PERPLEXITY,
    &CEREBRAS,
    &HUGGINGFACE,
    &NVIDIA,
    &SAMBANOVA,
    &MOONSHOT,
    &ZAI,
    &DASHSCOPE,
    &MINIMAX,
    &VLLM,
    &LLAMA_CPP,
    &LM_STUDIO,
];

/// The row of a host: the service's own, not a proxy before it.
pub(crate) fn at(host: &str) -> Option<&'static Follower> {
    ALL.iter().copied().find(|row| row.is_at(host))
}

pub(crate) fn build(
    name: &str,
    row: &'static Follower,
    config: &Config,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let surfaces = (row.surfaces, row.quirks.clone());
    let mut provider =
        OpenaiLike::new(name, config.account(), &row.facts, surfaces, faults)?.editing(row.edits());
    let endpoint = &provider.endpoint;
    let beside = match row.is_at(endpoint.host()) {
        true => {
            row.beside.iter().map(|(dialect, path)| Some((*dialect, endpoint.url_at_root(path)?))).collect()
        }
        false => Some(Vec::new()),
    };
    let everyone: &[&str] = &[];
    for (dialect, uri) in beside? {
        provider = provider.speaking(dialect, uri, everyone);
    }
    if let Some(((dialect, path), models, quirks)) = &row.accent {
        let uri = provider.endpoint.url(path, None)?;
        provider = provider.speaking(*dialect, uri, models).accented(*dialect, quirks.clone());
    }
    Some(Arc::new(match row.listing {
        Listing::Usual => provider,
        Listing::Fixed(models) => provider.listed(None).offering(models),
        Listing::Nowhere => provider.listed(None),
    }))
}

impl Follower {
    fn is_at(&self, host: &str) -> bool {
        let within = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.domains.iter().any(|domain| within(domain))
    }

    pub(crate) const fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    /// What is edited in passing: names that the service has another word for, and fields it refuses that say nothing.
    pub(crate) const fn edits(&self) -> Edits<'static> {
        Edits { renames: self.quirks.renames, drops: self.mute, puts: &[] }
    }
}
