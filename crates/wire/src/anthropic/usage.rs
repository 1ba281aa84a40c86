//! The `usage` object of an answer: taken apart and written. How the counts are read is in [`crate::usage`].
//!
//! `input_tokens` counts neither what was read from the cache nor what was written to it, as canon does. Writes are split
//! by lifetime in `cache_creation` (docs: "Prompt caching").

use contract::words::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::usage::Anthropic;

/// Takes the counts out of a `usage` object; what canon has no word for stays.
pub(super) fn take(usage: &mut Map<String, Value>) -> Option<Usage> {
    let counts = Anthropic::deserialize(&*usage).ok()?;
    for key in [
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "cache_creation",
    ] {
        usage.shift_remove(key);
    }
    if let Some(Value::Object(details)) = usage.get_mut("output_tokens_details") {
        details.shift_remove("thinking_tokens");
        if details.is_empty() {
            usage.shift_remove("output_tokens_details");
        }
    }
    counts.reported()
}

/// The `usage` object of these counts.
pub(super) fn write(usage: &Usage) -> Map<String, Value> {
    match serde_json::to_value(Out::from(usage)) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Counts to be written.
#[derive(Serialize)]
pub(super) struct Out {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: Creation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerTools>,
}

impl From<&Usage> for Out {
    fn from(usage: &Usage) -> Self {
        Self {
            // Anthropic has no word for audio; its tokens are tokens.
            input_tokens: usage.input.saturating_add(usage.audio_input).saturating_add(usage.image_input),
            cache_creation_input_tokens: usage.cache_write.saturating_add(usage.cache_write_long),
            cache_read_input_tokens: usage.cached,
            cache_creation: Creation {
                ephemeral_5m_input_tokens: usage.cache_write,
                ephemeral_1h_input_tokens: usage.cache_write_long,
            },
            output_tokens: usage.output_total(),
            output_tokens_details: (usage.reasoning > 0)
                .then_some(Details { thinking_tokens: usage.reasoning }),
            server_tool_use: (usage.searches > 0)
                .then_some(ServerTools { web_search_requests: usage.searches }),
        }
    }
}

#[derive(Clone, Copy, Serialize)]
struct Creation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct Details {
    thinking_tokens: u64,
}

/// What Anthropic's own tools were asked for; fetching costs nothing (docs: "Web fetch tool").
#[derive(Clone, Copy, Serialize)]
struct ServerTools {
    web_search_requests: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_taken_and_come_back() {
        let Value::Object(whole) = json!({
            "input_tokens": 7, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}
        }) else {
            panic!("an object")
        };
        let mut left = whole.clone();
        left.insert("service_tier".to_owned(), "standard".into());
        let usage = take(&mut left).unwrap();
        assert_eq!(Value::Object(left), json!({"service_tier": "standard"}));
        assert_eq!((usage.input, usage.cached, usage.cache_write, usage.cache_write_long), (7, 100, 10, 20));
        assert_eq!(write(&usage), whole);
    }

    #[test]
    fn searches_are_counted_and_written() {
        let Value::Object(mut left) = json!({"input_tokens": 7, "output_tokens": 5,
            "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1}})
        else {
            panic!("an object")
        };
        let usage = take(&mut left).unwrap();
        assert_eq!((usage.searches, usage.tools), (3, 0));
        // What else they were asked for stays where it was, and goes over what is written.
        assert_eq!(left["server_tool_use"]["web_fetch_requests"], 1);
        assert_eq!(write(&usage)["server_tool_use"]["web_search_requests"], 3);
    }
}
