//! How many tokens something is, told without asking a provider. Never for billing where a provider reported usage.
//!
//! A count reads the text, and may have to load a vocabulary first: off the hot path. [`TokenCounter::most`] reads nothing.

use crate::canon::Request;

/// A number of tokens, and how far it may be off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The tokens.
    pub tokens: u64,
    /// By how many percent nine of ten such counts are off at most; 0 is exact, 100 and more that much is not known.
    pub error_percent: u8,
}

impl Count {
    /// Is it what the model's own vocabulary gives?
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.error_percent == 0
    }

    /// The tokens with the error added: what has to fit.
    #[must_use]
    pub const fn with_error(self) -> u64 {
        let error = self.tokens.saturating_mul(self.error_percent as u64).div_ceil(100);
        self.tokens.saturating_add(error)
    }
}

/// What can be told of an input without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputSize {
    /// Bytes of text, the JSON around it included.
    pub text: u64,
    /// Bytes of sound and film.
    pub media: u64,
    /// Pictures.
    pub pictures: u64,
}

/// Counts tokens for models, by their names at their providers.
pub trait TokenCounter: Send + Sync {
    /// The tokens of a text alone, without what a conversation puts around it.
    fn text(&self, model: &str, text: &str) -> Count;
    /// The input tokens of a request to the model that it names: the conversation, the tools and what frames them.
    fn request(&self, request: &Request) -> Count;
    /// The most tokens that an input of this size is likely to have, for holds. What it refers to and does not bring along
    /// (addresses, files, kept conversations) is not in it.
    fn most(&self, model: &str, size: InputSize) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_added_upwards() {
        assert_eq!(Count { tokens: 10, error_percent: 15 }.with_error(), 12);
        assert_eq!(Count { tokens: 10, error_percent: 0 }.with_error(), 10);
        assert_eq!(Count { tokens: u64::MAX, error_percent: 9 }.with_error(), u64::MAX);
    }
}
