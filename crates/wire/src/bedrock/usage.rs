//! `usage` of an answer ↔ canon's counts.
//!
//! `inputTokens` counts neither what was read from the cache nor what was written to it, as canon does: `totalTokens` is
//! the sum of all four (docs: "TokenUsage"). `cacheDetails` splits writes by lifetime.

use contract::words::Usage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::usage::Count;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    cache_read_input_tokens: Count,
    cache_write_input_tokens: Count,
    cache_details: Option<Vec<Detail>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    ttl: Option<String>,
    input_tokens: Count,
}

/// Takes the counts out of a `usage` object. What canon cannot give back stays: other fields, counts of 0 that were
/// spelled out, a total that is not the sum.
pub(super) fn take(fields: &mut Map<String, Value>) -> Option<Usage> {
    let Some(Value::Object(usage)) = fields.get_mut("usage") else { return None };
    let counts = Counts::deserialize(&*usage).ok()?;
    let details = counts.cache_details.as_deref().unwrap_or_default();
    let long = details.iter().filter(|detail| detail.ttl.as_deref() == Some("1h"));
    let long: u64 = long.map(|detail| detail.input_tokens.get()).fold(0, u64::saturating_add);
    let written = counts.cache_write_input_tokens.get().max(long);
    let canon = Usage {
        input: counts.input_tokens.get(),
        cached: counts.cache_read_input_tokens.get(),
        cache_write: written - long,
        cache_write_long: long,
        output: counts.output_tokens.get(),
        // Zeros are true: of what a guardrail blocks no model gets anything.
        partial: counts.input_tokens.is_told() != counts.output_tokens.is_told(),
        ..Usage::default()
    };
    let told = counts.input_tokens.is_told() || counts.output_tokens.is_told();
    let whole = write(&canon, Map::new());
    usage.retain(|name, value| !value.is_null() && whole.get(name) != Some(value));
    if usage.is_empty() {
        fields.shift_remove("usage");
    }
    told.then_some(canon)
}

/// The `usage` object of these counts; what is left of the upstream's own goes before.
pub(super) fn write(usage: &Usage, left: Map<String, Value>) -> Map<String, Value> {
    // Bedrock has no word for audio; its tokens are tokens.
    let input = usage.input.saturating_add(usage.audio_input).saturating_add(usage.image_input);
    let written = usage.cache_write.saturating_add(usage.cache_write_long);
    let mut object = Map::new();
    object.insert("inputTokens".to_owned(), input.into());
    object.insert("outputTokens".to_owned(), usage.output_total().into());
    object.insert("totalTokens".to_owned(), usage.total().into());
    if usage.cached > 0 {
        object.insert("cacheReadInputTokens".to_owned(), usage.cached.into());
    }
    if written > 0 {
        object.insert("cacheWriteInputTokens".to_owned(), written.into());
    }
    if usage.cache_write_long > 0 {
        let mut details = vec![json!({"ttl": "1h", "inputTokens": usage.cache_write_long})];
        if usage.cache_write > 0 {
            details.push(json!({"ttl": "5m", "inputTokens": usage.cache_write}));
        }
        object.insert("cacheDetails".to_owned(), Value::Array(details));
    }
    object.extend(left);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_and_come_back_with_what_was_beside_them() {
        for usage in [
            json!({"inputTokens": 7, "outputTokens": 5, "totalTokens": 142, "cacheReadInputTokens": 100,
                "cacheWriteInputTokens": 30, "cacheReadInputTokenCount": 100, "serverToolUsage": {},
                "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}]}),
            json!({"inputTokens": 7, "outputTokens": 5, "totalTokens": 99, "cacheReadInputTokens": 0}),
            json!({"inputTokens": 1, "outputTokens": 0, "totalTokens": 31, "cacheWriteInputTokens": 30,
                "cacheDetails": [{"ttl": "5m", "inputTokens": 30}]}),
        ] {
            let mut fields = super::super::single("usage", usage.clone());
            let counts = take(&mut fields).unwrap();
            let left = match fields.shift_remove("usage") {
                Some(Value::Object(left)) => left,
                _ => Map::new(),
            };
            assert_eq!(Value::Object(write(&counts, left)), usage);
        }
    }

    #[test]
    fn counts_are_disjoint_and_odd_ones_do_no_harm() {
        let mut fields = super::super::single(
            "usage",
            json!({"inputTokens": 7, "outputTokens": "x", "cacheReadInputTokens": 100,
                "cacheWriteInputTokens": 30, "cacheDetails": [{"ttl": "1h", "inputTokens": 20}]}),
        );
        let usage = take(&mut fields).unwrap();
        let expected = Usage {
            input: 7,
            cached: 100,
            cache_write: 10,
            cache_write_long: 20,
            partial: true,
            ..Usage::default()
        };
        assert_eq!(usage, expected);
        assert_eq!(take(&mut super::super::single("usage", 3)), None);
    }

    #[test]
    fn zeros_are_believed_and_what_is_not_counted_is_not() {
        let read = |usage| take(&mut super::super::single("usage", usage)).map(|usage| usage.partial);
        assert_eq!(read(json!({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0})), Some(false));
        assert_eq!(read(json!({"inputTokens": 4})), Some(true));
        assert_eq!(read(json!({})), None);
        assert_eq!(read(json!({"serverToolUsage": {}})), None);
    }
}
