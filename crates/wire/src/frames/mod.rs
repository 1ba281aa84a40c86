//! Frames, whatever the chunking: server-sent events, AWS's event stream, lines of JSON, and the arrays that Google writes.
//!
//! What a frame says is the dialect's matter.

pub mod eventstream;
pub(crate) mod framing;
pub(crate) mod lines;
pub(crate) mod listing;
pub mod sse;
