//! What a caller may still do: limits now, budgets with the Governance issue. Hold first, settle always.

use super::Answer;
use crate::Fault;
use crate::fault::LimitState;
use crate::words::{NanoUsd, Principal, Usage};

/// What is about to be consumed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// Upper bound of input tokens, from the size of the body.
    pub input_tokens: u64,
    /// Upper bound of output tokens, when the request sets one.
    pub output_tokens: Option<u64>,
}

/// What was reserved. Given back through [`Meter::settle`] exactly once.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    /// The tightest limit that applies, for the `x-ratelimit-*` headers.
    pub state: Option<LimitState>,
    /// Whatever the meter needs to find the reservation again.
    pub ticket: u64,
}

/// What it came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Tokens of all attempts together.
    pub usage: Usage,
    /// Money of all attempts together; none when a price is unknown.
    pub cost: Option<NanoUsd>,
}

/// Limits and budgets.
pub trait Meter: Send + Sync {
    /// Checks every limit that applies and reserves, all or nothing.
    ///
    /// # Errors
    /// `rate_limited` with `retry_after` and the limit's state.
    fn admit<'a>(&'a self, who: &'a Principal, ask: Ask) -> Answer<'a, Result<Hold, Fault>>;

    /// Turns a reservation into what was really spent. Never fails the request.
    fn settle(&self, who: &Principal, hold: &Hold, spent: Spent);
}
