//! What is read from the database's JSON columns: token counts, where what is zero is left out.

use contract::words::Usage;
use serde::Deserialize;

/// Token counts without the zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    input: u64,
    cached: u64,
    cache_write: u64,
    cache_write_long: u64,
    audio_input: u64,
    output: u64,
    reasoning: u64,
    audio_output: u64,
    image_input: u64,
    image_output: u64,
    searches: u64,
    tools: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input: tokens.input,
            cached: tokens.cached,
            cache_write: tokens.cache_write,
            cache_write_long: tokens.cache_write_long,
            audio_input: tokens.audio_input,
            output: tokens.output,
            reasoning: tokens.reasoning,
            audio_output: tokens.audio_output,
            image_input: tokens.image_input,
            image_output: tokens.image_output,
            searches: tokens.searches,
            tools: tokens.tools,
            charged: None,
            cached_audio: 0,
            partial: false,
        }
    }
}
