//! OpenAI's chat completions and embeddings ↔ canon, in every direction.
//!
//! Rules from OpenAI's API reference; the habits of servers that follow it (`reasoning_content`, content as a list,
//! calls without an index) are read too, and written only where a target's [`Quirks::accepts`](crate::Quirks) says so.
//! `read.rs` and `request.rs` are the two ways of a request, `content.rs` and `tools.rs` what both share; what canon has
//! no word for stays beside it, owned by this dialect, and is merged back on the way out.

mod content;
mod count;
mod embed;
mod encode;
mod error;
mod images;
mod read;
mod reply;
mod request;
mod stream;
mod tools;

pub(crate) use count::Counting;
pub(crate) use error::read_error;
pub(crate) use images::Pictures;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{EmbedReply, EmbedRequest, Finish, Receipt, Reply, Request, VectorFormat};
use contract::words::Dialect;

use crate::hub::{Chat, Embed};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

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
        Finish::Stop | Finish::StopSequence | Finish::Pause | Finish::MalformedCall => "stop",
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Refusal if declined => "stop",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Other(reason) => reason,
    }
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
}

/// The dialect of vectors, for the hub.
pub(crate) struct Vectors;

impl Embed for Vectors {
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        embed::read_embed(body)
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        embed::write_embed(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        embed::read_embed_reply(body)
    }

    fn write_reply(&self, reply: &EmbedReply, format: VectorFormat) -> Bytes {
        embed::write_embed_reply(reply, format)
    }
}

#[cfg(test)]
mod tests;
