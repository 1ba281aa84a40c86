//! What a model costs, as the admin API shows it: in the words and units of the configuration.

use contract::ports::{Price, PriceTier, ServiceTier};
use contract::words::PicoUsd;
use serde::Serialize;
use utoipa::ToSchema;

/// What calls of a model are charged with: USD per million tokens, as exact decimals.
#[derive(Serialize, ToSchema)]
#[schema(as = Price)]
pub(super) struct PriceItem {
    /// The version of the price book, or `configuration`.
    version: String,
    /// The usual figures.
    base: Figures,
    /// Figures for calls with a longer input, in order.
    above: Vec<StepItem>,
    /// Figures of other service tiers.
    tiers: Vec<TierItem>,
}

/// Figures that count for the whole call once its input is longer.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceStep)]
struct StepItem {
    /// The most input tokens that do not count as longer.
    input_tokens: u64,
    /// What then counts.
    figures: Figures,
}

/// Figures of a service tier.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceTier)]
struct TierItem {
    /// The tier as the provider names it.
    name: String,
    /// Its usual figures.
    base: Figures,
    /// Its figures for calls with a longer input, in order.
    above: Vec<StepItem>,
}

/// USD per million tokens; null: charged as what it is a part of.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceFigures)]
struct Figures {
    /// Input.
    #[schema(example = "1.25")]
    input: String,
    /// Output.
    #[schema(example = "10")]
    output: String,
    /// Input read from the provider's prompt cache.
    #[schema(required)]
    cached: Option<String>,
    /// Input written to the provider's prompt cache (5 minutes).
    #[schema(required)]
    cache_write: Option<String>,
    /// Input written to the provider's prompt cache (1 hour).
    #[schema(required)]
    cache_write_long: Option<String>,
    /// Reasoning.
    #[schema(required)]
    reasoning: Option<String>,
    /// Audio input.
    #[schema(required)]
    audio_input: Option<String>,
    /// Audio output.
    #[schema(required)]
    audio_output: Option<String>,
    /// Picture input.
    #[schema(required)]
    image_input: Option<String>,
    /// Picture output.
    #[schema(required)]
    image_output: Option<String>,
    /// A million searches or reranks that are billed by the piece; null: nobody knows what they cost.
    #[schema(required)]
    search: Option<String>,
}

impl From<&Price> for PriceItem {
    fn from(price: &Price) -> Self {
        let Price { version, base, above, tiers, searches: _, own: _ } = price;
        Self {
            version: version.to_string(),
            base: base.into(),
            above: steps(above),
            tiers: tiers.iter().map(Into::into).collect(),
        }
    }
}

impl From<&ServiceTier> for TierItem {
    fn from(tier: &ServiceTier) -> Self {
        let ServiceTier { name, base, above } = tier;
        Self { name: name.to_string(), base: base.into(), above: steps(above) }
    }
}

fn steps(above: &[(u64, PriceTier)]) -> Vec<StepItem> {
    above.iter().map(|(tokens, tier)| StepItem { input_tokens: *tokens, figures: tier.into() }).collect()
}

impl From<&PriceTier> for Figures {
    fn from(tier: &PriceTier) -> Self {
        let figure = |price: Option<PicoUsd>| price.map(PicoUsd::to_millions);
        Self {
            input: tier.input.to_millions(),
            output: tier.output.to_millions(),
            cached: figure(tier.cached),
            cache_write: figure(tier.cache_write),
            cache_write_long: figure(tier.cache_write_long),
            reasoning: figure(tier.reasoning),
            audio_input: figure(tier.audio_input),
            audio_output: figure(tier.audio_output),
            image_input: figure(tier.image_input),
            image_output: figure(tier.image_output),
            search: figure(tier.search),
        }
    }
}
