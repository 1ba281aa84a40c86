//! Turns of which nothing came, though the provider calls them answers: a call that cannot be read, a loop of tools that was
//! stopped, and not a word beside. A client whose dialect has no word for that would take them for done: for it they are errors.
//!
//! What the provider tells as an error is `first.rs` and `instead.rs`.

use bytes::Bytes;
use contract::canon::{Answered, Choice, Event, Extra, Finish, PartKind, PartStart};
use contract::fault::UpstreamError;
use contract::words::Dialect;

use super::first::by_its_name;
use crate::passing::seen::StreamError;
use crate::{StreamDecoder, WireError};

/// The error that an answer is for a client of another dialect, if nothing came of it.
#[must_use]
pub fn fruitless(from: Dialect, to: Dialect, answered: &Answered) -> Option<UpstreamError> {
    let Answered::Chat(reply) = answered else { return None };
    let first = reply.choices.first()?;
    let silent = |choice: &Choice| !choice.parts.iter().any(|part| says(&part.kind));
    let all = reply.choices.iter().all(|choice| is_failure(from, to, &choice.finish) && silent(choice));
    let told = || error(&first.finish, said(&first.extra, WORD), said(&first.extra, MESSAGE));
    all.then(|| by_its_name(from, &told()))
}

/// A decoder for a client of a dialect, whose stream ends in an error where nothing came of it; none where the dialect has no
/// streams.
#[must_use]
pub fn decoder_for(from: Dialect, to: Dialect) -> Option<Box<dyn StreamDecoder>> {
    let inner = crate::decoder(from)?;
    Some(if from == to { inner } else { Box::new(Judging { inner, way: (from, to), ..Judging::new() }) })
}

/// Under which names Gemini tells what went wrong (API reference: `Candidate`).
const WORD: &str = "finishReason";
const MESSAGE: &str = "finishMessage";

/// Does a reason say that the turn failed, where the client has no word for it?
fn is_failure(from: Dialect, to: Dialect, finish: &Finish) -> bool {
    let words = [Dialect::GeminiGenerate, Dialect::BedrockConverse, Dialect::CohereChat];
    match finish {
        Finish::MalformedCall => from != to && !words.contains(&to),
        Finish::Other(word) => {
            from != to
                && (from == Dialect::GeminiGenerate
                    // openrouter.ai/docs, "Finish reason".
                    || (from == Dialect::OpenaiChat && word == "error"))
        }
        _ => false,
    }
}

/// Does a part say anything? Thoughts, and what the provider's own tools said, are no answer.
fn says(kind: &PartKind) -> bool {
    match kind {
        PartKind::Text(text) | PartKind::Refusal(text) => !text.is_empty(),
        PartKind::ToolCall { .. } | PartKind::Media { .. } => true,
        _ => false,
    }
}

fn said<'a>(extra: &'a Extra, name: &str) -> Option<&'a str> {
    extra.fields.get(name)?.as_str()
}

fn error(finish: &Finish, word: Option<&str>, message: Option<&str>) -> StreamError {
    let word = word.unwrap_or(match finish {
        Finish::Other(word) => word,
        _ => "MALFORMED_FUNCTION_CALL",
    });
    let message = match message {
        Some(message) => format!("The model's turn failed ({word}): {message}"),
        None => format!("The model's turn failed ({word})."),
    };
    StreamError { kind: Some(word.to_owned()), message }
}

/// Reads a stream of which nothing may come. Until a part begins nothing is handed on, so that another provider can be asked.
struct Judging {
    inner: Box<dyn StreamDecoder>,
    way: (Dialect, Dialect),
    read: Vec<Event>,
    /// What came before the first part.
    held: Vec<Event>,
    begun: bool,
    said: bool,
    /// The part that is no answer whatever it says.
    quiet: Option<(u32, u32)>,
    /// What the provider tells of the end.
    told: (Option<String>, Option<String>),
    /// Ends that are failures if nothing was said.
    ends: Vec<Event>,
}

/// A decoder of nothing, for the beginning.
struct Nothing;

impl StreamDecoder for Nothing {
    fn push(&mut self, _: &Bytes, _: &mut Vec<Event>) -> Result<(), WireError> {
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), WireError> {
        Ok(())
    }
}
