//! Finds the whole response in a stream that goes out: it stands in the last frame.

use std::convert::Infallible;

use bytes::Bytes;
use memchr::memmem;

use crate::frames::sse::{Frame, Piece, Splitter};
use crate::json::{self, Member};

/// The largest frame that is looked at: what an answer may hold for its last frame, and some for escapes.
const FRAME_CAP: usize = 40 << 20;
/// The events that carry a response that is over.
const LAST: [&str; 3] = ["response.completed", "response.incomplete", "response.failed"];

/// Watches the frames of one stream.
#[derive(Debug)]
pub struct Tap {
    splitter: Splitter,
}

impl Default for Tap {
    fn default() -> Self {
        Self { splitter: Splitter::with_cap(FRAME_CAP) }
    }
}

impl Tap {
    /// Takes the next bytes; gives the response if they complete the frame that carries it.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<Bytes> {
        let mut found = None;
        let Ok(()) = self.splitter.feed(chunk, |piece| {
            if let Piece::Frame(raw) = piece {
                found = response(raw).or(found.take());
            }
            Ok::<_, Infallible>(())
        });
        found
    }
}

fn response(raw: &[u8]) -> Option<Bytes> {
    let named = |text: &[u8]| LAST.iter().any(|name| memmem::find(text, name.as_bytes()).is_some());
    // The name of the event, or the type its data begins with, is near the start; a delta may say the words as well.
    let start = raw.get(..256).unwrap_or(raw);
    if !named(start) && (raw.starts_with(b"event:") || !named(raw)) {
        return None;
    }
    let frame = Frame::parse(raw)?;
    let (mut last, mut found) = (false, None);
    json::members(&frame.data, |Member { name, value, .. }| match name.as_deref() {
        Some(b"type") => last = json::string(value).is_some_and(|kind| LAST.contains(&kind.as_ref())),
        Some(b"response") => found = Some(Bytes::copy_from_slice(value)),
        _ => {}
    })?;
    found.filter(|_| last)
}
