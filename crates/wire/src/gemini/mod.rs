//! Google's Gemini API (`models/{model}:generateContent`, `:streamGenerateContent?alt=sse`, `:batchEmbedContents`) ↔ canon,
//! as an upstream: requests are written, answers read.
//!
//! The model and whether to stream stand in the URL, which is the provider's business. `thoughtSignature` and whatever
//! else a part carries stay in its sidecar and go back with it. As a client's dialect it is not here yet.

mod contents;
mod count;
mod embed;
mod error;
mod images;
mod models;
mod part;
mod partial;
mod reply;
mod request;
mod stream;

pub(crate) use count::Counting;
pub(crate) use error::read_error;
pub(crate) use images::Pictures;
pub use images::is_predicted;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{EmbedReply, EmbedRequest, Finish, Receipt, Reply, Request, VectorFormat};
use contract::words::Dialect;

use crate::hub::{Chat, Embed};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

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

/// The dialect, for the hub.
pub(crate) struct Dialog;

impl Chat for Dialog {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        Err(crate::hub::no_way(DIALECT, DIALECT))
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
        unimplemented!()
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new())
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        unimplemented!()
    }
}

/// The dialect of vectors, for the hub.
pub(crate) struct Vectors;

impl Embed for Vectors {
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        Err(crate::hub::no_way(DIALECT, DIALECT))
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
        unimplemented!()
    }
}

#[cfg(test)]
mod tests;
