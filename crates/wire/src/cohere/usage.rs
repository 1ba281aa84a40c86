//! What Cohere counts ↔ canon.
//!
//! `billed_units` is what is paid for; `tokens` counts besides what Cohere itself adds to a prompt, which nobody pays for,
//! and `cached_tokens` is of those. The ledger wants the first. Only where it is missing the others are taken
//! (docs: "Chat", `usage`).

use contract::words::Usage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::usage::{Count, is_partial};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    billed_units: Option<Billed>,
    tokens: Option<Tokens>,
    cached_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Billed {
    input_tokens: Count,
    output_tokens: Count,
    /// Beside `input_tokens`: pictures have a price of their own.
    image_tokens: Count,
    search_units: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input_tokens: Count,
    output_tokens: Count,
    reasoning_tokens: Count,
}

/// Canon's form of `usage` of a chat, or of `meta` of the others; none where nothing is counted.
pub(super) fn read(counts: &Value) -> Option<Usage> {
    let counts = Counts::deserialize(counts).ok()?;
    let tokens = counts.tokens.unwrap_or_default();
    let billed = counts.billed_units.unwrap_or_default();
    let searches = billed.search_units.get();
    let image_input = billed.image_tokens.get();
    if billed.input_tokens.0.is_some() || billed.output_tokens.0.is_some() {
        let output = billed.output_tokens.get();
        return Some(Usage {
            input: billed.input_tokens.get(),
            image_input,
            output,
            reasoning: tokens.reasoning_tokens.get().min(output),
            searches,
            partial: searches == 0
                && image_input == 0
                && is_partial(billed.input_tokens, billed.output_tokens, Count::default()),
            ..Usage::default()
        });
    }
    if tokens.input_tokens.0.is_none() && tokens.output_tokens.0.is_none() {
        return (searches > 0 || image_input > 0).then(|| Usage {
            searches,
            image_input,
            ..Usage::default()
        });
    }
    let input = tokens.input_tokens.get();
    let cached = counts.cached_tokens.get().min(input);
    let output = tokens.output_tokens.get();
    Some(Usage {
        input: input - cached,
        cached,
        image_input,
        output,
        reasoning: tokens.reasoning_tokens.get().min(output),
        searches,
        partial: searches == 0
            && image_input == 0
            && is_partial(tokens.input_tokens, tokens.output_tokens, Count::default()),
        ..Usage::default()
    })
}

/// `usage` of a chat.
pub(super) fn write(usage: &Usage) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("billed_units".to_owned(), Value::Object(billed(usage)));
    let mut tokens = Map::new();
    tokens.insert("input_tokens".to_owned(), json!(usage.input_total()));
    tokens.insert("output_tokens".to_owned(), json!(usage.output_total()));
    if usage.reasoning > 0 {
        tokens.insert("reasoning_tokens".to_owned(), json!(usage.reasoning));
    }
    out.insert("tokens".to_owned(), Value::Object(tokens));
    if usage.cached > 0 {
        out.insert("cached_tokens".to_owned(), json!(usage.cached));
    }
    out
}

/// `billed_units`; what is not counted is left out.
pub(super) fn billed(usage: &Usage) -> Map<String, Value> {
    let mut out = Map::new();
    let input = usage.input_total().saturating_sub(usage.image_input);
    let by_tokens = usage.total() > 0 || usage.searches == 0;
    for (name, count, shown) in [
        ("input_tokens", input, by_tokens),
        ("output_tokens", usage.output_total(), usage.output_total() > 0),
        ("image_tokens", usage.image_input, usage.image_input > 0),
        ("search_units", usage.searches, usage.searches > 0),
    ] {
        if shown {
            out.insert(name.to_owned(), json!(count));
        }
    }
    out
}
