//! Every dialect ↔ canon: parsing, writing, framing, errors. No I/O, no runtime.
//!
//! A dialect has one folder with the same files: `request.rs`, `reply.rs`, `stream.rs`, `error.rs`. The functions here
//! pick the dialect; nothing else in the workspace knows a field name of a provider. When client and upstream speak
//! the same dialect none of this runs: see [`envelope`] for the named edits and [`watch`] for reading usage in passing.


use bytes::{Bytes, BytesMut};
use contract::canon::{EmbedReply, EmbedRequest, Event, Receipt, Reply, Request};
use contract::fault::UpstreamError;
use contract::words::Dialect;
use contract::{Code, Fault};
use http::StatusCode;

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
