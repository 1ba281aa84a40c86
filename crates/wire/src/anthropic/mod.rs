//! Anthropic's Messages API (`POST /v1/messages`) ↔ canon, in every direction.
//!
//! What canon has a word for becomes canon; what is left of a block, a message or the request stays beside it, owned by
//! this dialect, and is merged back on the way out. `block.rs` and `written.rs` hold the content blocks that requests,
//! replies and streams share; `models.rs` what a generation of models accepts. The same-dialect path uses none of this.

mod block;
mod encode;
mod error;
mod models;
mod read;
mod reply;
mod request;
mod schema;
mod stream;
mod thinking;
mod tools;
mod turns;
mod usage;
mod written;

pub(crate) use encode::Encoder;
pub(crate) use error::read_error;
pub(crate) use read::read_chat;
pub(crate) use reply::{read_reply, write_reply};
pub(crate) use request::write_chat;
pub(crate) use stream::Decoder;

use std::borrow::Cow;

use contract::canon::Finish;
use contract::words::Dialect;

use crate::{EncodeOptions, WireError};

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::AnthropicMessages;

#[expect(clippy::needless_pass_by_value, reason = "the form map_err calls")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `stop_reason`.
fn finish(reason: &str) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        // The second is the same to whoever waits for the rest of the answer: it was cut short.
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `stop_reason` for canon's word.
fn stop_reason(finish: &Finish) -> &str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopSequence => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter | Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
        Finish::Other(reason) => reason,
    }
}

/// The id of a message as Anthropic's clients know it: `msg_…`.
fn message_id<'a>(own: &'a str, options: &'a EncodeOptions) -> Cow<'a, str> {
    let id = if own.is_empty() { &options.id } else { own };
    if id.starts_with("msg_") { Cow::Borrowed(id) } else { Cow::Owned(format!("msg_{id}")) }
}

/// The model to show.
fn model<'a>(own: &'a str, options: &'a EncodeOptions) -> &'a str {
    if options.model.is_empty() { own } else { &options.model }
}

#[cfg(test)]
mod tests;
