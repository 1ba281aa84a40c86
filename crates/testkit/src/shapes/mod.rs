//! What providers answer, in the shapes their API references document: whole replies, streams as frames, errors.
//!
//! Plain JSON made here, not taken from the code under test, so that both cannot be wrong in the same way.

pub mod anthropic;
pub mod gemini;
pub mod openai;
pub mod turn;

use serde_json::Value;

/// Tokens that a scripted provider reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// Of those, read from the provider's cache.
    pub cached: u64,
    /// All output tokens, those spent on reasoning included.
    pub output: u64,
    /// Of those, spent on reasoning.
    pub reasoning: u64,
}

impl Tokens {
    /// So many in, so many out.
    #[must_use]
    pub const fn new(input: u64, output: u64) -> Self {
        Self { input, cached: 0, output, reasoning: 0 }
    }
}

/// An event with data only.
fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event with a name.
fn named(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}
