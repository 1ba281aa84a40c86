//! Anthropic's Messages API (`POST /v1/messages`) ↔ canon, in every direction.
//!
//! What canon has a word for becomes canon; what is left of a block, a message or the request stays beside it, owned by
//! this dialect, and is merged back on the way out. `block.rs` and `written.rs` hold the content blocks that requests,
//! replies and streams share, with `document.rs`, `served.rs`, `cite.rs` and `cache.rs`; `models.rs` what a generation of
//! models accepts; `count.rs` is the sibling call that counts tokens. The same-dialect path uses none of this.

mod block;
mod cache;
mod cite;
mod claude;
mod count;
mod document;
mod encode;
mod error;
mod foreign;
mod models;
mod read;
mod reply;
mod request;
mod schema;
mod served;
mod stream;
mod thinking;
mod tools;
mod turns;
mod usage;
mod written;

pub(crate) use claude::{Claude, SHAPELESS, fit_schema, reshapes_schema};
pub(crate) use count::Counting;
pub(crate) use error::read_error;
pub(crate) use thinking::{LEAST_BUDGET, budget_for, effort_for, effort_name};

use std::borrow::Cow;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Finish, Receipt, Reply, Request};
use contract::words::Dialect;

use crate::hub::{Chat, Has};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

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
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::ContextWindow,
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
        Finish::ContextWindow => "model_context_window_exceeded",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter | Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
        Finish::MalformedCall => "end_turn",
        Finish::Other(reason) if is_reason(reason) => reason,
        Finish::Other(_) => "end_turn",
    }
}

/// Does it look like a reason of Anthropic's? One of another provider would break clients that know the list.
pub(crate) fn is_reason(reason: &str) -> bool {
    reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
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

/// The dialect, for the hub.
pub(crate) struct Dialog;

impl Chat for Dialog {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        read::read_chat(body)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        request::write_chat(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, WireError> {
        reply::read_reply(body)
    }

    fn write_reply(&self, reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
        reply::write_reply(reply, options, receipt)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new())
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::new(options))
    }

    fn has(&self) -> Has {
        Has { json_in_words: true, ..Has::default() }
    }
}

#[cfg(test)]
mod tests;
