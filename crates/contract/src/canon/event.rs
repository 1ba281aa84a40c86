//! A model's answer as it arrives.

use super::{Citation, Extra, Finish, MediaKind, Native, ServerResult, ServerTool, TokenLogprob};
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
    /// More of the part's sidecar, such as a signature: fields to be merged into the `native` it began with. Strings are
    /// appended, arrays extended, objects merged, anything else replaced.
    NativeDelta {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
        /// The fields.
        native: Native,
    },
    /// A part is complete.
    PartStop {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
    },
    /// A source of a text part.
    Citation {
        /// Which choice.
        choice: u32,
        /// Which part.
        index: u32,
        /// The source.
        citation: Citation,
    },
    /// How likely the last tokens of a choice's text were.
    Logprobs {
        /// Which choice.
        choice: u32,
        /// In order.
        tokens: Vec<TokenLogprob>,
    },
    /// Fields of a frame that canon has no word for; they add to those seen before.
    Extra {
        /// Which choice they belong to; none: to the answer.
        choice: Option<u32>,
        /// The fields.
        extra: Extra,
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
        /// Is it a custom tool, whose input is no JSON?
        custom: bool,
    },
    /// Pictures or sound that the model makes; base64 follows as deltas.
    Media {
        /// Which of them.
        kind: MediaKind,
        /// Its MIME type.
        mime: String,
    },
    /// The provider runs a tool of its own; the input follows as deltas.
    ServerCall {
        /// The call's id; never empty.
        id: String,
        /// Which tool.
        tool: ServerTool,
        /// The tool's name where there are several of a kind (MCP).
        name: Option<String>,
    },
    /// What the provider's own tool returned, whole.
    ServerResult(ServerResult),
    /// A block canon has no word for; the event's `native` holds it whole.
    Native,
}
