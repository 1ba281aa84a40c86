//! Every dialect ↔ canon: parsing, writing, framing, errors. No I/O, no runtime.
//!
//! A dialect has one folder with the same files: `request.rs`, `reply.rs`, `stream.rs`, `error.rs`. The functions here
//! pick the dialect; nothing else in the workspace knows a field name of a provider. When client and upstream speak
//! the same dialect none of this runs: see [`envelope`] for the named edits and [`watch`] for reading usage in passing.

mod anthropic;
mod arguments;
pub mod envelope;
mod fields;
mod gemini;
mod json;
mod models;
mod openai;
mod outgoing;
pub mod render;
mod split;
pub mod sse;
mod usage;
pub mod watch;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use contract::canon::{EmbedReply, EmbedRequest, Event, Receipt, Reply, Request, VectorFormat};
use contract::fault::UpstreamError;
use contract::ports::ModelCard;
use contract::words::Dialect;
use contract::{Code, Fault};
use http::StatusCode;

pub use envelope::Envelope;
pub use render::Renderer;
pub use usage::service_tier;
pub use watch::{ReplyFacts, StreamError, StreamWatch, reply_facts};

/// What an upstream sent is not what its dialect allows. The text is for logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid {dialect}: {reason}")]
pub struct WireError {
    /// The dialect it should have been.
    pub dialect: Dialect,
    /// What is wrong.
    pub reason: String,
}

/// What a target that speaks a dialect does differently from the dialect's inventor. Data of the provider kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Field names to write instead of the dialect's own, such as `max_completion_tokens` → `max_tokens`.
    pub renames: &'static [(&'static str, &'static str)],
    /// Top-level fields the target refuses; dropped with a receipt.
    pub refuses: &'static [&'static str],
    /// Fields beyond the dialect that the target takes: `top_k`, `reasoning_content` (thoughts of earlier turns).
    pub accepts: &'static [&'static str],
    /// The target knows no `developer` role: write `system`.
    pub developer_as_system: bool,
}

/// Reads a stream of one dialect into canon events, whatever the chunking.
pub trait StreamDecoder: Send {
    /// Takes the next bytes and appends the events they complete.
    ///
    /// # Errors
    /// The stream is not valid in its dialect; it cannot be continued.
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError>;
    /// The upstream closed the stream. Appends what is still owed; `Event::End` if the answer was complete.
    ///
    /// # Errors
    /// The stream broke off in the middle.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError>;
}

/// Writes canon events as a stream of one dialect: frames in the order its clients need.
pub trait StreamEncoder: Send {
    /// Appends the frames for one event.
    fn write(&mut self, event: &Event, out: &mut BytesMut);
    /// Ends the stream truthfully after a failure, the way this dialect reports errors in mid-stream.
    fn fail(&mut self, fault: &Fault, out: &mut BytesMut);
}

/// What an encoder must know beyond the events.
#[derive(Clone, Debug, Default)]
pub struct EncodeOptions {
    /// Did the client ask for usage on its stream (`stream_options.include_usage`)?
    pub usage: bool,
    /// The model to show; canon's own when empty.
    pub model: String,
    /// Unix seconds to show when the upstream gave none.
    pub created: i64,
    /// The id to show when the upstream gave none.
    pub id: String,
}

/// Reads a client's conversation.
///
/// # Errors
/// `invalid_encoding`, `invalid_json`; `invalid_request` with the field, such as `messages[2].content`.
pub fn read_chat(dialect: Dialect, body: &[u8]) -> Result<Request, Fault> {
    match dialect {
        Dialect::OpenaiChat => openai::read_chat(body),
        Dialect::AnthropicMessages => anthropic::read_chat(body),
        _ => Err(no_such(dialect, "conversation to read")),
    }
}

/// Writes a conversation for an upstream; the receipt names what was not carried.
///
/// # Errors
/// `invalid_request`, `unsupported_capability`: the request makes no sense without what cannot be carried.
pub fn write_chat(
    dialect: Dialect,
    request: &Request,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    match dialect {
        Dialect::OpenaiChat => openai::write_chat(request, quirks, receipt),
        Dialect::AnthropicMessages => anthropic::write_chat(request, quirks, receipt),
        Dialect::GeminiGenerate => gemini::write_chat(request, quirks, receipt),
        _ => Err(no_such(dialect, "conversation to write")),
    }
}

/// Reads an upstream's whole answer.
///
/// # Errors
/// It is not valid in its dialect.
pub fn read_reply(dialect: Dialect, body: &[u8]) -> Result<Reply, WireError> {
    match dialect {
        Dialect::OpenaiChat => openai::read_reply(body),
        Dialect::AnthropicMessages => anthropic::read_reply(body),
        Dialect::GeminiGenerate => gemini::read_reply(body),
        _ => Err(WireError { dialect, reason: "it has no answers to conversations".to_owned() }),
    }
}

/// Writes a whole answer for a client; the receipt names what was not carried.
pub fn write_reply(dialect: Dialect, reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    match dialect {
        Dialect::AnthropicMessages => anthropic::write_reply(reply, options, receipt),
        _ => openai::write_reply(reply, options, receipt),
    }
}

/// Reads a client's request for vectors.
///
/// # Errors
/// As [`read_chat`].
pub fn read_embed(dialect: Dialect, body: &[u8]) -> Result<EmbedRequest, Fault> {
    match dialect {
        Dialect::OpenaiEmbeddings => openai::read_embed(body),
        _ => Err(no_such(dialect, "embeddings to read")),
    }
}

/// Writes a request for vectors for an upstream; the receipt names what was not carried.
///
/// # Errors
/// As [`write_chat`].
pub fn write_embed(
    dialect: Dialect,
    request: &EmbedRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    match dialect {
        Dialect::OpenaiEmbeddings => openai::write_embed(request, quirks, receipt),
        Dialect::GeminiEmbed => gemini::write_embed(request, quirks, receipt),
        _ => Err(no_such(dialect, "embeddings to write")),
    }
}

/// Reads an upstream's vectors.
///
/// # Errors
/// It is not valid in its dialect.
pub fn read_embed_reply(dialect: Dialect, body: &[u8]) -> Result<EmbedReply, WireError> {
    match dialect {
        Dialect::OpenaiEmbeddings => openai::read_embed_reply(body),
        Dialect::GeminiEmbed => gemini::read_embed_reply(body),
        _ => Err(WireError { dialect, reason: "it has no vectors".to_owned() }),
    }
}

/// Writes vectors for a client, their numbers in the form it asked for. `openai.embeddings` is the only client dialect
/// for them.
pub fn write_embed_reply(_dialect: Dialect, reply: &EmbedReply, format: VectorFormat) -> Bytes {
    openai::write_embed_reply(reply, format)
}

/// A decoder at the start of an upstream's stream.
#[must_use]
pub fn decoder(dialect: Dialect) -> Box<dyn StreamDecoder> {
    match dialect {
        Dialect::AnthropicMessages => Box::new(anthropic::Decoder::new()),
        Dialect::GeminiGenerate => Box::new(gemini::Decoder::new()),
        _ => Box::new(openai::Decoder::new()),
    }
}

/// An encoder at the start of a client's stream.
#[must_use]
pub fn encoder(dialect: Dialect, options: EncodeOptions) -> Box<dyn StreamEncoder> {
    match dialect {
        Dialect::AnthropicMessages => Box::new(anthropic::Encoder::new(options)),
        _ => Box::new(openai::Encoder::new(options)),
    }
}

/// Reads what an upstream said when it refused. Never fails: what cannot be read becomes a plain message.
#[must_use]
pub fn read_error(dialect: Dialect, status: StatusCode, body: &Bytes) -> UpstreamError {
    let error = match dialect {
        Dialect::AnthropicMessages => anthropic::read_error(status, body),
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => gemini::read_error(status, body),
        _ => openai::read_error(status, body),
    };
    UpstreamError { dialect, ..error }
}

/// Writes the list of models in the shape of a dialect's clients.
#[must_use]
pub fn models(dialect: Dialect, cards: &[Arc<ModelCard>]) -> Bytes {
    models::list(dialect, cards)
}

/// Writes one model in the shape of a dialect's clients.
#[must_use]
pub fn model(dialect: Dialect, card: &ModelCard) -> Bytes {
    models::one(dialect, card)
}

/// A dialect was asked for what it does not have: a fault of ours.
fn no_such(dialect: Dialect, what: &str) -> Fault {
    Fault::new(Code::Internal).because(format_args!("{dialect} has no {what}"))
}
