//! How a model name becomes an ordered plan of deployments.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;

use super::SharedProvider;
use crate::Fault;
use crate::words::{Dialect, NanoUsd, Operation, PicoUsd, Usage};

/// One callable thing: provider + upstream model name.
pub struct Deployment {
    /// `provider/upstream-name`: unique, shown in `x-pathgate-model`, logs and metrics.
    pub id: Arc<str>,
    /// The account.
    pub provider: SharedProvider,
    /// The provider's name in the configuration.
    pub provider_name: Arc<str>,
    /// The provider's kind.
    pub provider_kind: Arc<str>,
    /// The model as the upstream knows it.
    pub upstream_model: Arc<str>,
    /// Where it runs, when known.
    pub region: Option<Arc<str>>,
    /// What it costs; none when nobody knows.
    pub price: Option<Arc<Price>>,
    /// What it can do.
    pub card: Arc<ModelCard>,
    /// How long each phase of a call may take.
    pub timeouts: Timeouts,
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// How long each phase of one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
    /// From the request sent to the response head.
    pub first_byte: Duration,
    /// Between two chunks of a response.
    pub idle: Duration,
    /// The whole attempt.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s, 120 s, 60 s and 600 s: reasoning models take minutes before their first byte.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

/// What a model can do; `None` is unknown, which never excludes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Takes tools.
    pub tools: Option<bool>,
    /// Takes images.
    pub images: Option<bool>,
    /// Takes sound.
    pub audio: Option<bool>,
    /// Takes film.
    pub video: Option<bool>,
    /// Takes PDF.
    pub pdf: Option<bool>,
    /// Follows a JSON Schema.
    pub json_schema: Option<bool>,
    /// Thinks before it answers.
    pub reasoning: Option<bool>,
    /// Caches prompt prefixes.
    pub prompt_cache: Option<bool>,
}

impl Capabilities {
    /// What is known here, and where nothing is, what is known there.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        const fn first(one: Option<bool>, other: Option<bool>) -> Option<bool> {
            if one.is_some() { one } else { other }
        }
        Self {
            tools: first(self.tools, other.tools),
            images: first(self.images, other.images),
            audio: first(self.audio, other.audio),
            video: first(self.video, other.video),
            pdf: first(self.pdf, other.pdf),
            json_schema: first(self.json_schema, other.json_schema),
            reasoning: first(self.reasoning, other.reasoning),
            prompt_cache: first(self.prompt_cache, other.prompt_cache),
        }
    }

    /// Is nothing known?
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a model, for listings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelCard {
    /// The name a client uses.
    pub name: String,
    /// The operations it takes; empty when nobody knows, which excludes nothing.
    pub operations: Vec<Operation>,
    /// Most input tokens.
    pub context_window: Option<u64>,
    /// Most output tokens.
    pub max_output: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// When the provider will retire it (ISO date), if announced.
    pub deprecated: Option<String>,
    /// What calls of it are charged with; none when nobody knows.
    pub price: Option<Arc<Price>>,
}

impl ModelCard {
    /// A model of which only the name is known.
    #[must_use]
    pub fn unknown(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            operations: Vec::new(),
            context_window: None,
            max_output: None,
            capabilities: Capabilities::default(),
            deprecated: None,
            price: None,
        }
    }
}

/// Prices of one model in pico-USD per token, with the tiers that change them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Price {
    /// The version of the price book the figures are from.
    pub version: Arc<str>,
    /// The usual figures.
    pub base: PriceTier,
    /// Figures above a number of input tokens; ascending thresholds, the last one exceeded counts for the whole call.
    pub above: Vec<(u64, PriceTier)>,
    /// Figures of other service tiers: `batch`, `flex`, `priority`.
    pub tiers: Vec<ServiceTier>,
    /// Which searches are billed.
    pub searches: Searches,
    /// Is it the operator's own? Then not even what the provider says a call costs goes before it.
    pub own: bool,
}

/// Which of the searches that a provider makes for one answer it bills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Searches {
    /// Each.
    #[default]
    Each,
    /// One, however many there were.
    Once,
    /// One for every answer: the model searches always, and nobody counts it.
    Always,
}

impl Searches {
    const fn billed(self, searches: u64) -> u64 {
        match self {
            Self::Each => searches,
            Self::Once if searches == 0 => 0,
            Self::Once | Self::Always => 1,
        }
    }
}

/// Figures of one service tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceTier {
    /// The tier as the provider names it.
    pub name: Arc<str>,
    /// Its usual figures.
    pub base: PriceTier,
    /// Its figures above a number of input tokens, as in [`Price::above`].
    pub above: Vec<(u64, PriceTier)>,
}

/// One set of figures. A missing one falls back as its comment says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PriceTier {
    /// Input.
    pub input: PicoUsd,
    /// Output.
    pub output: PicoUsd,
    /// Cached input; without it, `input`.
    pub cached: Option<PicoUsd>,
    /// Cache writes (5 minutes); without it, `input`.
    pub cache_write: Option<PicoUsd>,
    /// Cache writes (1 hour); without it, `cache_write`.
    pub cache_write_long: Option<PicoUsd>,
    /// Reasoning tokens; without it, within `output`.
    pub reasoning: Option<PicoUsd>,
    /// Audio input; without it, `input`.
    pub audio_input: Option<PicoUsd>,
    /// Audio output; without it, `output`.
    pub audio_output: Option<PicoUsd>,
    /// Picture input; without it, `input`.
    pub image_input: Option<PicoUsd>,
    /// Picture output; without it, `output`.
    pub image_output: Option<PicoUsd>,
    /// One search or rerank that is billed by the piece. Without it nobody knows what one costs, but for a rerank that counts
    /// tokens: it is billed by those.
    pub search: Option<PicoUsd>,
}

impl Price {
    /// What this usage costs in a service tier (`None` or an unknown name: the usual one).
    #[must_use]
    pub fn cost(&self, usage: &Usage, service_tier: Option<&str>) -> NanoUsd {
        self.tier(usage, service_tier).cost(&self.billed(usage))
    }

    /// Is everything that is billed by the piece in these figures? If not, [`cost`](Self::cost) is a part of the cost.
    #[must_use]
    pub fn covers(&self, usage: &Usage, service_tier: Option<&str>) -> bool {
        let tier = self.tier(usage, service_tier);
        let by_tokens = usage.input > 0 && usage.output_total() == 0 && tier.input.0 > 0;
        let searched = self.billed(usage).searches == 0 || tier.search.is_some() || by_tokens;
        searched && usage.tools == 0
    }

    fn billed(&self, usage: &Usage) -> Usage {
        Usage { searches: self.searches.billed(usage.searches), ..*usage }
    }

    fn tier(&self, usage: &Usage, service_tier: Option<&str>) -> &PriceTier {
        let named = service_tier.and_then(|name| self.tiers.iter().find(|tier| *tier.name == *name));
        let (base, above) = match named {
            Some(tier) => (&tier.base, &tier.above),
            None => (&self.base, &self.above),
        };
        let input = usage.input_total();
        above.iter().rev().find(|(from, _)| input > *from).map_or(base, |(_, tier)| tier)
    }
}

impl PriceTier {
    /// Cached audio: as much less than audio as cached text is less than text. So Google's prices are (ai.google.dev/pricing).
    fn cached_audio(&self) -> PicoUsd {
        let (Some(audio), Some(cached)) = (self.audio_input, self.cached) else {
            return self.cached.or(self.audio_input).unwrap_or(self.input);
        };
        let share = i128::from(audio.0) * i128::from(cached.0);
        let price = share.checked_div(self.input.0.into()).and_then(|price| i64::try_from(price).ok());
        price.map_or(cached, PicoUsd)
    }

    fn cost(&self, usage: &Usage) -> NanoUsd {
        let cache_write = self.cache_write.unwrap_or(self.input);
        let (reasoning, plain) = match self.reasoning {
            Some(_) => (usage.reasoning, usage.output.saturating_sub(usage.reasoning)),
            None => (0, usage.output),
        };
        let parts = [
            (usage.input, self.input),
            (usage.cached.saturating_sub(usage.cached_audio), self.cached.unwrap_or(self.input)),
            (usage.cached_audio.min(usage.cached), self.cached_audio()),
            (usage.cache_write, cache_write),
            (usage.cache_write_long, self.cache_write_long.unwrap_or(cache_write)),
            (usage.audio_input, self.audio_input.unwrap_or(self.input)),
            (plain, self.output),
            (reasoning, self.reasoning.unwrap_or(self.output)),
            (usage.audio_output, self.audio_output.unwrap_or(self.output)),
            (usage.image_input, self.image_input.unwrap_or(self.input)),
            (usage.image_output, self.image_output.unwrap_or(self.output)),
            (usage.searches, self.search.unwrap_or_default()),
        ];
        NanoUsd::from_pico(parts.iter().map(|(count, price)| i128::from(*count) * i128::from(price.0)).sum())
    }
}

/// When and how often to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts on one deployment, the first included.
    pub per_deployment: u32,
    /// Most attempts in all.
    pub total: u32,
    /// The first wait; doubled each time, with full jitter.
    pub base: Duration,
    /// The longest wait, also the longest `retry-after` that is honoured by waiting here.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { per_deployment: 2, total: 4, base: Duration::from_millis(200), cap: Duration::from_secs(5) }
    }
}

/// Deployments to try, in order, with the rules for trying.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name the client asked for.
    pub model: Arc<str>,
    /// The order: the picked target, the other targets, then the fallbacks.
    pub deployments: SmallVec<[Arc<Deployment>; 4]>,
    /// When and how often to try again.
    pub retry: RetryPolicy,
}

/// How a deployment has been doing, as seen by this instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Health {
    /// `provider/upstream-name`.
    pub deployment: String,
    /// Attempts since start.
    pub attempts: u64,
    /// Of those, failed ones.
    pub failures: u64,
    /// The code of the last failure.
    pub last_error: Option<String>,
    /// Failures in a row; 0 after a success.
    pub consecutive_failures: u64,
    /// Moving average of the time to the first byte in microseconds.
    pub first_byte_us: Option<u64>,
}

/// Models to plans.
pub trait Router: Send + Sync {
    /// A plan for a request of this dialect to a model: an alias of the configuration, or `provider/upstream-name`.
    ///
    /// # Errors
    /// `model_not_found`, `unsupported_capability`.
    fn plan(&self, model: &str, client: Dialect) -> Result<Plan, Fault>;
    /// Learns how an attempt went: the time to its first byte, or the code it failed with.
    fn observe(&self, deployment: &Deployment, outcome: Result<Duration, crate::Code>);
    /// Everything a client may name.
    fn models(&self) -> Vec<Arc<ModelCard>>;
    /// How the deployments are doing.
    fn health(&self) -> Vec<Health>;
}
