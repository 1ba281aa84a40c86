//! Cohere's chat, embeddings and rerank (version 2) ↔ canon, in every direction; rerank also as those who followed write it.
//!
//! Rules from Cohere's API reference. What canon has no word for (`safety_mode`, `citation_options`, `priority`) stays
//! beside it, owned by the dialect. `read.rs` and `request.rs` with `turns.rs` are the two ways of a chat request,
//! `reply.rs` the whole answer, `stream.rs` and `encode.rs` the streamed one; `embed.rs` and `rerank.rs` stand alone.

mod citation;
mod content;
mod embed;
mod encode;
mod error;
mod logprobs;
mod read;
mod reply;
mod request;
mod rerank;
mod schema;
mod stream;
mod tools;
mod turns;
mod usage;

pub(crate) use error::read_error;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{
    EmbedReply, EmbedRequest, Finish, Receipt, Reply, Request, RerankReply, RerankRequest, VectorFormat,
};
use contract::words::Dialect;

use crate::hub::{Chat, Embed, Rerank};
use crate::{Begun, EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

pub(crate) use rerank::refuses_objects;

/// The owner of every sidecar of conversations.
const DIALECT: Dialect = Dialect::CohereChat;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `finish_reason`. `ERROR_TOXIC` and `ERROR_LIMIT` are of version 1 and still seen.
fn finish(reason: &str) -> Finish {
    match reason {
        "COMPLETE" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence,
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolCalls,
        "ERROR_TOXIC" => Finish::ContentFilter,
        "ERROR_LIMIT" => Finish::ContextWindow,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `finish_reason` for canon's word. A model that declines in words has completed its answer.
fn finish_reason(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::Refusal | Finish::Pause => "COMPLETE",
        Finish::StopSequence => "STOP_SEQUENCE",
        Finish::Length => "MAX_TOKENS",
        Finish::ToolCalls => "TOOL_CALL",
        Finish::ContentFilter => "ERROR_TOXIC",
        Finish::ContextWindow => "ERROR_LIMIT",
        Finish::MalformedCall => "ERROR",
        Finish::Other(reason) => reason,
    }
}

/// The dialect of conversations, for the hub.
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

    fn resumed(&self, _: &Begun) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::begun())
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

/// The dialect of relevance, for the hub.
pub(crate) struct Ranking(rerank::Accent);

impl Ranking {
    /// Cohere's own, and that of those who follow it.
    pub(crate) const COHERE: Self = Self(rerank::Accent::Cohere);
    /// Voyage's.
    pub(crate) const VOYAGE: Self = Self(rerank::Accent::Voyage);
}

impl Rerank for Ranking {
    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault> {
        rerank::read_rerank(self.0, body)
    }

    fn write_request(
        &self,
        request: &RerankRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        rerank::write_rerank(self.0, request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<RerankReply, WireError> {
        rerank::read_rerank_reply(self.0, body)
    }

    fn write_reply(&self, reply: &RerankReply) -> Bytes {
        rerank::write_rerank_reply(self.0, reply)
    }
}

#[cfg(test)]
mod tests;
