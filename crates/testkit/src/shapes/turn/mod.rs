//! One streamed turn of an agent's conversation, as each provider writes it: a thought with what makes it valid, a text, calls
//! of tools. Every dialect streams it in the pieces and the order of its own documentation.

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod openai;
mod replicate;
mod responses;

pub use anthropic::anthropic;
pub use bedrock::{converse, invoke};
pub use cohere::cohere;
pub use gemini::gemini;
pub use openai::openai;
pub use replicate::{prediction, replicate};
pub use responses::responses;

use super::Tokens;

/// What a model says in one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What it thinks before, where the dialect shows thoughts.
    pub thought: Option<String>,
    /// What the provider needs to get back to take the thought for its own: a signature, or the thought encrypted.
    pub seal: String,
    /// What it says.
    pub text: String,
    /// What it calls.
    pub calls: Vec<Made>,
    /// What it consumes.
    pub tokens: Tokens,
}

/// A call that a model makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text; plain text where `custom`.
    pub arguments: String,
    /// Is it a call of OpenAI's custom tools?
    pub custom: bool,
}

/// A text in up to three pieces, cut where characters allow it.
fn pieces(text: &str) -> Vec<&str> {
    let cut = |at: usize| text.floor_char_boundary(at);
    let (first, second) = (cut(text.len() / 3), cut(text.len() * 2 / 3));
    let all = [&text[..first], &text[first..second], &text[second..]];
    all.into_iter().filter(|piece| !piece.is_empty()).collect()
}
