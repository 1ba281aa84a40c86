//! What a model costs, as entries of lists say it: in the words that clients of lists with prices read (openrouter.ai/docs,
//! "List available models"): USD for one token, as decimals in strings. What those have no word for has one of ours.

use contract::ports::{Price, PriceTier, ServiceTier};
use contract::words::PicoUsd;
use serde_json::{Map, Value, json};

use super::put;

/// The member `pricing` of an entry.
pub(super) fn write(price: &Price) -> Value {
    let mut out = Map::new();
    put(&mut out, "currency", Some("USD"));
    put(&mut out, "version", Some(&*price.version));
    figures(&mut out, &price.base);
    steps(&mut out, &price.above);
    let tiers: Map<String, Value> =
        price.tiers.iter().map(|tier| (tier.name.to_string(), one(tier))).collect();
    put(&mut out, "service_tiers", (!tiers.is_empty()).then_some(tiers));
    Value::Object(out)
}

fn one(tier: &ServiceTier) -> Value {
    let mut out = Map::new();
    figures(&mut out, &tier.base);
    steps(&mut out, &tier.above);
    Value::Object(out)
}

/// Figures that count for the whole call once its input is longer than this many tokens.
fn steps(out: &mut Map<String, Value>, above: &[(u64, PriceTier)]) {
    let step = |(tokens, tier): &(u64, PriceTier)| {
        let mut out = Map::new();
        put(&mut out, "input_tokens", Some(tokens));
        figures(&mut out, tier);
        Value::Object(out)
    };
    let steps: Vec<Value> = above.iter().map(step).collect();
    put(out, "above", (!steps.is_empty()).then_some(steps));
}

/// What is not there is charged as the figure it is a part of: see [`PriceTier`].
fn figures(out: &mut Map<String, Value>, tier: &PriceTier) {
    let mut figure = |name: &str, price: Option<PicoUsd>| {
        if let Some(price) = price {
            out.insert(name.to_owned(), json!(price.to_string()));
        }
    };
    figure("prompt", Some(tier.input));
    figure("completion", Some(tier.output));
    figure("input_cache_read", tier.cached);
    figure("input_cache_write", tier.cache_write);
    figure("input_cache_write_1h", tier.cache_write_long);
    figure("internal_reasoning", tier.reasoning);
    figure("audio", tier.audio_input);
    figure("audio_output", tier.audio_output);
    figure("image_token", tier.image_input);
    figure("image_output", tier.image_output);
    figure("search", tier.search);
}
