//! Google's Gemini API (`models/{model}:generateContent`, `:streamGenerateContent?alt=sse`, `:batchEmbedContents`,
//! `:embedContent`) ↔ canon, in every direction.
//!
//! The model and whether to stream stand in the URL, which is the provider's and the edge's business. What canon has a word
//! for becomes canon; `thoughtSignature` and whatever else a part, a candidate or the answer carries stays beside it, owned
//! by this dialect, and goes back with it. `part.rs` and `out.rs` hold the parts that requests, answers and streams share;
//! `models.rs` what a generation of models accepts.

mod answer;
mod beside;
mod config;
mod contents;
mod count;
mod counts;
mod embed;
mod encode;
mod error;
mod finish;
mod grounding;
mod ids;
mod images;
mod likely;
mod models;
mod names;
mod objects;
mod out;
mod part;
mod partial;
mod read;
mod reply;
mod request;
mod ruler;
mod schema;
mod sources;
pub(crate) mod spoken;
mod stream;
pub(crate) mod strict;
mod thinking;
mod time;
mod tools;

pub(crate) use count::Counting;
pub use count::{flat as flat_count, within as whole_count};
pub(crate) use embed::{One, Vectors, alike};
pub(crate) use error::read_error;
pub(crate) use grounding::grounded;
pub use images::is_predicted;
pub(crate) use images::{Pictures, held_back};
pub(crate) use sources::is_told;
pub(crate) use tools::reads_names;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Receipt, Reply, Request};
use contract::words::Dialect;

use crate::hub::{Chat, Has};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::GeminiGenerate;

#[expect(clippy::needless_pass_by_value, reason = "the form map_err calls")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
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
        Has { allowed_tools: true, ..Has::default() }
    }
}

#[cfg(test)]
mod tests;
