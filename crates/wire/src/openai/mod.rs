//! OpenAI's chat completions and embeddings ↔ canon, in every direction.
//!
//! Rules from OpenAI's API reference; the habits of servers that follow it (`reasoning_content`, content as a list,
//! calls without an index) are read too, and written only where a target's [`Quirks::accepts`](crate::Quirks) says so.
//! `read.rs` and `request.rs` are the two ways of a request, `reply.rs` and `written.rs` those of an answer, `stream.rs`
//! and `encode.rs` those of a stream; each other file is one thing that they share. What canon has no word for stays
//! beside it, owned by this dialect, and is merged back on the way out.

mod accents;
mod annotations;
mod calls;
mod choice;
mod chunk;
mod content;
mod count;
mod documents;
mod embed;
mod embed_parts;
mod encode;
mod error;
mod format;
mod frames;
mod held;
mod images;
mod instead;
mod legacy;
mod likely;
mod media;
mod read;
mod reply;
mod request;
mod stream;

mod think;
mod thoughts;
mod tools;
mod written;

pub(crate) use accents::is_kept_elsewhere;
pub(crate) use count::Counting;
pub(crate) use error::read_error;
pub(crate) use images::Pictures;
pub(crate) use instead::error_in;
pub(crate) use legacy::offers_functions;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{EmbedReply, EmbedRequest, Finish, Receipt, Reply, Request, VectorFormat};
use contract::words::Dialect;

use crate::hub::{Chat, Embed, Has};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::OpenaiChat;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `finish_reason`: OpenAI's, and those of TGI (`eos_token`, `stop_sequence`), Together (`eos`), Mistral
/// (`model_length`) and Z.ai (`sensitive`, `model_context_window_exceeded`).
fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "eos" | "eos_token" | "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "length" | "max_tokens" => Finish::Length,
        "model_length" | "model_context_window_exceeded" => Finish::ContextWindow,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" | "sensitive" => Finish::ContentFilter,
        "malformed_function_call" => Finish::MalformedCall,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `finish_reason` for canon's word. A model that declines in words has stopped; one that was cut off by its
/// provider was filtered. Typed clients read no other words than OpenAI's; a follower's own comes back from its sidecar.
fn finish_reason(finish: &Finish, declined: bool) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::Pause | Finish::MalformedCall | Finish::Other(_) => {
            "stop"
        }
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Refusal if declined => "stop",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
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
        written::write_reply(reply, options, receipt)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new())
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::new(options))
    }

    fn has(&self) -> Has {
        Has { custom_tools: true, allowed_tools: true, ..Has::default() }
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
