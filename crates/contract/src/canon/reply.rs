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
    /// How likely the tokens of its text were; empty when nobody asked.
    pub logprobs: Vec<TokenLogprob>,
    /// Fields of the choice that canon has no word for.
    pub extra: Extra,
}

/// How likely a token was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLogprob {
    /// The token and its likelihood.
    pub token: Alternative,
    /// The likeliest tokens in its place.
    pub top: Vec<Alternative>,
}

/// One token that could stand in a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative {
    /// Its text.
    pub text: String,
    /// The natural logarithm of its likelihood.
    pub logprob: f64,
    /// Its bytes, when the provider tells: a token may be part of a character.
    pub bytes: Option<Vec<u8>>,
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
    /// The model's context window was full.
    ContextWindow,
    /// The model made a call that cannot be read.
    MalformedCall,
    /// It paused a long turn and wants to be called again with what it has.
    Pause,
    /// A reason canon has no word for, verbatim.
    Other(String),
}
