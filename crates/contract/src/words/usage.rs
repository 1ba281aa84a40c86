//! What an attempt consumed, in the units prices are quoted in.

use serde::{Deserialize, Serialize};

use super::NanoUsd;

/// Token counts of one attempt, and what is counted by the piece. Every part is disjoint unless said otherwise, so that each has one price.
///
/// Dialects disagree on what `input` includes: OpenAI and Gemini count cached tokens inside the prompt,
/// Anthropic beside it. Canon is the disjoint form; `wire` converts in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens billed at the full input price: neither read from nor written to a cache, neither audio nor pictures.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cached: u64,
    /// Input tokens written to the provider's prompt cache with its shorter lifetime (5 minutes).
    pub cache_write: u64,
    /// Input tokens written to the provider's prompt cache with its longer lifetime (1 hour).
    pub cache_write_long: u64,
    /// Input tokens that are audio.
    pub audio_input: u64,
    /// Input tokens that are pictures, where the provider tells them apart.
    pub image_input: u64,
    /// Output tokens, reasoning included, audio and pictures excluded.
    pub output: u64,
    /// The share of `output` that was reasoning. Not disjoint: it is billed within `output` unless the
    /// model has a price of its own for it.
    pub reasoning: u64,
    /// Output tokens that are audio.
    pub audio_output: u64,
    /// Output tokens that are pictures, where the provider tells them apart.
    pub image_output: u64,
    /// Searches and reranks that are billed by the piece. No tokens: they are in no total.
    pub searches: u64,
    /// Calls of other tools that the provider ran itself and bills by the piece: files searched, code run, pictures drawn,
    /// sources read. No tokens either.
    pub tools: u64,
    /// What the provider says the whole call costs; none when it says nothing. Only from the answer to the ledger, whose cost
    /// it becomes: a sum of several calls has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged: Option<NanoUsd>,
    /// The share of `cached` that was audio, which costs more. Not disjoint, and only from the answer to the cost.
    #[serde(skip)]
    pub cached_audio: u64,
    /// The provider left out how much went in or came out, or told zeros alone: what is 0 here may not have been nothing. Only
    /// from the answer to the ledger, which has an estimate instead.
    #[serde(skip)]
    pub partial: bool,
}

/// Where a [`Usage`] comes from. Only what a provider reported is called exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// Nothing is known: the attempt failed before the provider could consume anything.
    #[default]
    None,
    /// The provider reported it.
    Reported,
    /// Counted here, because the provider did not report or the stream ended before it could.
    Estimated,
}

impl Usage {
    /// All input tokens, as OpenAI's `prompt_tokens` counts them.
    #[must_use]
    pub const fn input_total(&self) -> u64 {
        self.input
            .saturating_add(self.cached)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_long)
            .saturating_add(self.audio_input)
            .saturating_add(self.image_input)
    }

    /// All output tokens, as OpenAI's `completion_tokens` counts them.
    #[must_use]
    pub const fn output_total(&self) -> u64 {
        self.output.saturating_add(self.audio_output).saturating_add(self.image_output)
    }

    /// All tokens.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input_total().saturating_add(self.output_total())
    }

    /// Was nothing consumed?
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.total() == 0 && self.searches == 0 && self.tools == 0
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached = self.cached.saturating_add(other.cached);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.cache_write_long = self.cache_write_long.saturating_add(other.cache_write_long);
        self.audio_input = self.audio_input.saturating_add(other.audio_input);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
        self.audio_output = self.audio_output.saturating_add(other.audio_output);
        self.image_input = self.image_input.saturating_add(other.image_input);
        self.image_output = self.image_output.saturating_add(other.image_output);
        self.searches = self.searches.saturating_add(other.searches);
        self.tools = self.tools.saturating_add(other.tools);
        self.cached_audio = self.cached_audio.saturating_add(other.cached_audio);
        self.charged = None;
        self.partial = false;
    }
}
