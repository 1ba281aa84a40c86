//! OpenAI's legacy completions (`POST /v1/completions`) ↔ canon, in every direction.
//!
//! A prompt is a conversation of one message of the user. Several prompts, and prompts given as tokens, are no conversation:
//! they are kept whole for this dialect alone. Rules from OpenAI's API reference; what servers that follow it add
//! (`top_k`, texts in frames of `{"value": …}`) is read too.

mod encode;
mod logprobs;
mod reply;
mod request;
mod stream;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Finish, Receipt, Reply, Request};
use contract::words::Dialect;

use crate::hub::Chat;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

pub(crate) use request::echoed;

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::OpenaiCompletions;

/// The `object` of an answer and of a frame.
const OBJECT: &str = "text_completion";

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `finish_reason`.
fn finish(reason: &str) -> Finish {
    match reason {
        "" | "stop" => Finish::Stop,
        "length" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `finish_reason` for canon's word.
fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Stop
        | Finish::StopSequence
        | Finish::ToolCalls
        | Finish::MalformedCall
        | Finish::Pause
        | Finish::Other(_) => "stop",
    }
}

/// The dialect, for the hub.
pub(crate) struct Dialog;

impl Chat for Dialog {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        request::read(body)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        request::write(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, WireError> {
        reply::read(body)
    }

    fn write_reply(&self, reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
        reply::write(reply, options, receipt)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new())
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::new(options))
    }
}

#[cfg(test)]
mod tests;
