//! A model's answer as it arrives.

use super::{Extra, Finish, Native};
use crate::words::Usage;

/// One step of a streamed answer.
///
/// Order: one `Start`; for each part `PartStart`, deltas, `PartStop` with the same index; `Finish` per choice;
/// `Usage` whenever the upstream reports it (the last one counts); one `End`. Parts of one choice never overlap
/// except tool calls, which some upstreams interleave.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The id the upstream gave it.
        id: String,
        /// The model that says it answers.
        model: String,
        /// Unix seconds, when the upstream says.
        created: Option<i64>,
        /// Fields of the upstream's first frame that canon has no word for.
        extra: Extra,
    },
    /// A part begins.
    PartStart {
        /// Which choice; 0 unless `n` > 1.
        choice: u32,
        /// Which part of the choice, counted from 0.
        index: u32,
        /// What it is.
        part: PartStart,
        /// What the owner dialect needs to get back.
        native: Option<Native>,
    },
    /// More text of a part: prose, thoughts, a refusal or tool arguments, by the part's kind.
    Delta {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
        /// The text.
        text: String,
    },
    /// A block of the part that only its owner understands, such as a signature.
    NativeDelta {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
        /// The block.
        native: Native,
    },
    /// A part is complete.
    PartStop {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
    },
    /// A choice is complete.
    Finish {
        /// Which choice.
        choice: u32,
        /// Why.
        reason: Finish,
        /// The stop text that ended it.
        stop_sequence: Option<String>,
    },
    /// What has been consumed so far. Replaces an earlier report.
    Usage(Usage),
    /// The upstream says that it failed; the stream ends here.
    Error {
        /// Its error type, in its own words.
        kind: Option<String>,
        /// Its message.
        message: String,
    },
    /// The answer is complete.
    End,
}

/// What kind of part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartStart {
    /// Prose.
    Text,
    /// Visible thoughts.
    Reasoning,
    /// The model declines.
    Refusal,
    /// A function call; its arguments follow as deltas.
    ToolCall {
        /// The call's id; never empty.
        id: String,
        /// The function.
        name: String,
    },
    /// A block canon has no word for; the event's `native` holds it whole.
    Native,
}
