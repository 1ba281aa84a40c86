//! OpenAI's chat completions and embeddings ↔ canon, in every direction.
//!
//! Rules from OpenAI's API reference; the habits of servers that follow it (`reasoning_content`, content as a list,
//! calls without an index) are read too, and written only where a target's [`Quirks::accepts`](crate::Quirks) says so.
//! `read.rs` and `request.rs` are the two ways of a request, `content.rs` and `tools.rs` what both share; what canon has
//! no word for stays beside it, owned by this dialect, and is merged back on the way out.

mod content;
mod embed;
mod encode;
mod error;
mod read;
mod reply;
mod request;
mod stream;
mod tools;

pub(crate) use embed::{read_embed, read_embed_reply, write_embed, write_embed_reply};
pub(crate) use encode::Encoder;
pub(crate) use error::read_error;
pub(crate) use read::read_chat;
pub(crate) use reply::{read_reply, write_reply};
pub(crate) use request::write_chat;
pub(crate) use stream::Decoder;

use contract::canon::Finish;
use contract::words::Dialect;

use crate::WireError;

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::OpenaiChat;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `finish_reason`.
fn finish(reason: &str) -> Finish {
    match reason {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `finish_reason` for canon's word. A model that declines in words has stopped; one that was cut off by its
/// provider was filtered.
fn finish_reason(finish: &Finish, declined: bool) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Refusal if declined => "stop",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Other(reason) => reason,
    }
}

#[cfg(test)]
mod tests;
