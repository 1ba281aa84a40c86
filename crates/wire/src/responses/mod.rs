//! OpenAI's Responses API (`POST /v1/responses`) ↔ canon, in every direction.
//!
//! Rules from OpenAI's API reference and its OpenAPI document; what servers that follow it leave out (ids, events, whole
//! sections of a response) is not insisted on. `items.rs` and `written.rs` are the two ways of an item, which requests,
//! answers and streams share; `sidecar.rs` says how an item's own fields travel beside canon's parts. Conversations that
//! are kept (`previous_response_id`, `background`) are not followed here: `stored.rs` writes them out beforehand.

mod body;
mod citation;
mod content;
mod decode;
mod emit;
mod encode;
mod items;
mod logprobs;
mod making;
pub(crate) mod namespaces;
mod provided;
mod read;
mod reply;
mod request;
mod server;
mod settings;
mod sidecar;
pub mod stored;
mod tools;
mod turns;
mod written;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Finish, Part, PartKind, Receipt, Reply, Request};
use contract::words::Dialect;
use serde_json::{Map, Value};

use crate::hub::{Chat, Has};
use crate::{Begun, EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::OpenaiResponses;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// An object from pairs, leaving out what is none.
fn object<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What an answer consists of, as far as it tells why it ended.
#[derive(Clone, Copy, Debug, Default)]
struct Content {
    called: bool,
    declined: bool,
}

impl Content {
    fn add(&mut self, kind: &PartKind) {
        self.called |= matches!(kind, PartKind::ToolCall { .. });
        self.declined |= matches!(kind, PartKind::Refusal(_));
    }

    fn of(parts: &[Part]) -> Self {
        let mut content = Self::default();
        parts.iter().for_each(|part| content.add(&part.kind));
        content
    }
}

/// Canon's word for a `status` and the reason of an incomplete answer.
fn finish(status: &str, reason: Option<&str>, content: Content) -> Finish {
    match (status, reason) {
        ("incomplete", Some("content_filter")) => Finish::ContentFilter,
        ("incomplete", None | Some("max_output_tokens")) => Finish::Length,
        ("incomplete", Some(other)) => Finish::Other(other.to_owned()),
        ("in_progress" | "queued" | "cancelled" | "failed", _) => Finish::Other(status.to_owned()),
        _ if content.called => Finish::ToolCalls,
        _ if content.declined => Finish::Refusal,
        _ => Finish::Stop,
    }
}

/// Is it a status of a response that has no end of its own?
pub(crate) fn is_status(word: &str) -> bool {
    matches!(word, "in_progress" | "queued" | "cancelled")
}

/// The `status` and the reason of an incomplete answer for canon's word. A model that declines in words has completed; one
/// that was cut off by its provider was filtered.
fn status(finish: &Finish, declined: bool) -> (&str, Option<&str>) {
    match finish {
        Finish::Length | Finish::ContextWindow => ("incomplete", Some("max_output_tokens")),
        Finish::ContentFilter => ("incomplete", Some("content_filter")),
        Finish::Refusal if !declined => ("incomplete", Some("content_filter")),
        Finish::Other(status) if is_status(status) => (status, None),
        Finish::Stop
        | Finish::StopSequence
        | Finish::ToolCalls
        | Finish::Refusal
        | Finish::MalformedCall
        | Finish::Pause
        | Finish::Other(_) => ("completed", None),
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
        Box::new(decode::Decoder::new())
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::new(options))
    }

    fn resumed(&self, begun: &Begun) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::resumed(begun))
    }

    fn has(&self) -> Has {
        Has { custom_tools: true, allowed_tools: true, groups: true, ..Has::default() }
    }
}

#[cfg(test)]
mod tests;
