//! Short JSON forms that spool and database share: what is zero or absent is left out.

use contract::words::Usage;
use serde::{Deserialize, Serialize};

/// Token counts without the zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    #[serde(skip_serializing_if = "is_zero")]
    input: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_long: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_input: u64,
    #[serde(skip_serializing_if = "is_zero")]
    output: u64,
    #[serde(skip_serializing_if = "is_zero")]
    reasoning: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_output: u64,
}

impl Tokens {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input,
            cached: usage.cached,
            cache_write: usage.cache_write,
            cache_write_long: usage.cache_write_long,
            audio_input: usage.audio_input,
            output: usage.output,
            reasoning: usage.reasoning,
            audio_output: usage.audio_output,
        }
    }
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
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
pub(crate) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
pub(crate) const fn is_false(flag: &bool) -> bool {
    !*flag
}
