//! Replicate's predictions, for language models ↔ canon.
//!
//! Source: replicate.com/docs/reference/http, .../reference/streaming, and the schemas of the official language models. A
//! model takes one prompt and the operator's instructions, so a longer conversation is written as a script; it makes text
//! and nothing else. A stream is of plain text: `output`, `done`, `error`.

mod reply;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Receipt, Reply, Request};
use contract::words::Dialect;

use crate::hub::Chat;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

const DIALECT: Dialect = Dialect::ReplicatePredictions;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
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

    fn encoder(&self, _: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::default())
    }
}
