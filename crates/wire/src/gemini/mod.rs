//! Google's Gemini API (`models/{model}:generateContent`, `:streamGenerateContent?alt=sse`, `:batchEmbedContents`) ↔ canon,
//! as an upstream: requests are written, answers read.
//!
//! The model and whether to stream stand in the URL, which is the provider's business. `thoughtSignature` and whatever
//! else a part carries stay in its sidecar and go back with it. As a client's dialect it is not here yet.

mod contents;
mod embed;
mod error;
mod models;
mod part;
mod partial;
mod reply;
mod request;
mod stream;

pub(crate) use embed::{read_embed_reply, write_embed};
pub(crate) use error::read_error;
pub(crate) use reply::read_reply;
pub(crate) use request::write_chat;
pub(crate) use stream::Decoder;

use contract::canon::Finish;
use contract::words::Dialect;

use crate::WireError;

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::GeminiGenerate;

#[expect(clippy::needless_pass_by_value, reason = "the form map_err calls")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `finishReason`. Gemini says `STOP` also when it waits for results of calls.
fn finish(reason: &str, called: bool) -> Finish {
    match reason {
        "STOP" if called => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests;
