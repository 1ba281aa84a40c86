//! A model's whole answer.

use super::{Extra, Part};
use crate::words::Usage;

/// A whole answer. Several choices (`n` > 1) are several [`Reply`] values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The id the upstream gave it.
    pub id: String,
    /// The model that says it answered.
    pub model: String,
    /// Unix seconds, when the upstream says.
    pub created: Option<i64>,
    /// The answer, one list of parts for each choice; almost always one.
    pub choices: Vec<Choice>,
    /// What it consumed; none when the upstream did not say.
    pub usage: Option<Usage>,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What the model says.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub finish: Finish,
    /// The stop text that ended it.
    pub stop_sequence: Option<String>,
}

/// Why a model stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Finish {
    /// It was done, or met a stop text.
    #[default]
    Stop,
    /// It met a stop text, where the dialect tells this apart.
    StopSequence,
    /// The output limit was reached.
    Length,
    /// It waits for tool results.
    ToolCalls,
    /// A safety filter ended it.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// It paused a long turn and wants to be called again with what it has.
    Pause,
    /// A reason canon has no word for, verbatim.
    Other(String),
}
