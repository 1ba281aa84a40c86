//! Prices in a configuration: decimals in USD per million tokens, read without floating-point loss.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use contract::ports::PriceTier;
use contract::words::PicoUsd;
use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const HELP: &str = "not a price: write USD per million tokens with at most six decimals, such as 2.50";

/// USD per million tokens, which is pico-USD per token with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsdPerMillion(pub PicoUsd);

impl FromStr for UsdPerMillion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        PicoUsd::per_million(text).map(Self).ok_or(HELP)
    }
}

impl fmt::Display for UsdPerMillion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PicoUsd(pico) = self.0;
        write!(f, "{}.{:06}", pico / 1_000_000, pico % 1_000_000)
    }
}

impl Serialize for UsdPerMillion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UsdPerMillion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrNumber)
    }
}

/// A number is read as it was written: its shortest decimal form is the text in the file.
struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = UsdPerMillion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price in USD per million tokens")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UsdPerMillion, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<UsdPerMillion, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<UsdPerMillion, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<UsdPerMillion, E> {
        self.visit_str(&number.to_string())
    }
}

impl JsonSchema for UsdPerMillion {
    fn schema_name() -> Cow<'static, str> {
        "UsdPerMillion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "pattern": r"^[0-9]+(\.[0-9]{1,6})?$",
            "minimum": 0,
            "description": "USD per million tokens: `2.50`."
        })
    }
}

/// What a model costs on this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Input tokens.
    pub input: UsdPerMillion,
    /// Output tokens.
    pub output: UsdPerMillion,
    /// Input tokens read from the provider's prompt cache; without it, as `input`.
    pub cached: Option<UsdPerMillion>,
    /// Input tokens written to the prompt cache; without it, as `input`.
    pub cache_write: Option<UsdPerMillion>,
    /// Input tokens written to the prompt cache for an hour; without it, as `cache_write`.
    pub cache_write_long: Option<UsdPerMillion>,
    /// Reasoning tokens; without it, as `output`.
    pub reasoning: Option<UsdPerMillion>,
    /// Audio input tokens; without it, as `input`.
    pub audio_input: Option<UsdPerMillion>,
    /// Audio output tokens; without it, as `output`.
    pub audio_output: Option<UsdPerMillion>,
    /// Picture input tokens; without it, as `input`.
    pub image_input: Option<UsdPerMillion>,
    /// Picture output tokens; without it, as `output`.
    pub image_output: Option<UsdPerMillion>,
    /// Searches and reranks that are billed by the piece, per million of them: 0.002 USD each are `2000`. Without it,
    /// nobody knows what a call with some costs.
    pub search: Option<UsdPerMillion>,
}

impl PriceConfig {
    /// The figures as the ledger computes with them.
    #[must_use]
    pub fn tier(&self) -> PriceTier {
        let figure = |price: Option<UsdPerMillion>| price.map(|price| price.0);
        PriceTier {
            input: self.input.0,
            output: self.output.0,
            cached: figure(self.cached),
            cache_write: figure(self.cache_write),
            cache_write_long: figure(self.cache_write_long),
            reasoning: figure(self.reasoning),
            audio_input: figure(self.audio_input),
            audio_output: figure(self.audio_output),
            image_input: figure(self.image_input),
            image_output: figure(self.image_output),
            search: figure(self.search),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_and_numbers_mean_the_same() {
        let config: PriceConfig =
            serde_json::from_value(json!({ "input": 0.1, "output": "0.10", "cached": 3 })).unwrap();
        let tier = config.tier();
        assert_eq!((tier.input, tier.output), (PicoUsd(100_000), PicoUsd(100_000)));
        assert_eq!((tier.cached, tier.reasoning), (Some(PicoUsd(3_000_000)), None));
        assert!(serde_json::from_value::<PriceConfig>(json!({ "input": -1, "output": 1 })).is_err());
    }
}
