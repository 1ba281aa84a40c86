//! What a dialect that carries Claude models must know of them: facts, not fields of this dialect.
//!
//! `models.rs` and `schema.rs` hold the rules; here they are lent to the rest of the crate.

use std::borrow::Cow;

use contract::canon::{Effort, Receipt};
use serde_json::Value;

use super::models::{Thinking, Traits};
use super::schema;
pub(crate) use super::schema::SHAPELESS;

/// What a generation of Claude accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claude {
    /// Can it be told to think, by a number of tokens or by itself?
    pub(crate) thinks: bool,
    /// Does it take a number of tokens to think with?
    pub(crate) budgets: bool,
    /// Does it think by itself (`adaptive`)?
    pub(crate) adapts: bool,
    /// Can thinking be switched off?
    pub(crate) stops: bool,
    /// Are `temperature`, `top_p` and `top_k` accepted?
    pub(crate) sampling: bool,
    /// Are `temperature` and `top_p` accepted together?
    pub(crate) both_samplers: bool,
    /// `max_tokens` when nobody asked for another.
    pub(crate) max_tokens: u64,
    traits: Traits,
}

impl Claude {
    /// The model of this name, whatever prefix or suffix it carries.
    pub(crate) fn of(model: &str) -> Self {
        let traits = Traits::of(model);
        Self {
            thinks: traits.thinking != Thinking::Unable,
            budgets: matches!(traits.thinking, Thinking::Budget | Thinking::Either),
            adapts: matches!(traits.thinking, Thinking::Either | Thinking::Adaptive | Thinking::Always),
            stops: traits.thinking != Thinking::Always,
            sampling: traits.sampling,
            both_samplers: traits.both_samplers,
            max_tokens: traits.max_tokens,
            traits,
        }
    }

    /// The strongest level of effort it takes that is not above `asked`, or its weakest; none when it takes no level.
    pub(crate) fn effort(&self, asked: Effort) -> Option<Effort> {
        self.traits.effort(asked)
    }
}

/// The schema cut to what constrained decoding takes; `at` names it in the receipt.
pub(crate) fn fit_schema<'a>(schema: &'a Value, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    schema::fit(schema, at, receipt)
}

/// Would an answer in the schema cut to fit have another shape than was asked?
pub(crate) fn reshapes_schema(schema: &Value) -> bool {
    schema::reshapes(schema)
}
