//! Finds the whole response in a stream that goes out: it stands in the last frame, and as it is at first in the first one.

use std::convert::Infallible;

use bytes::Bytes;
use memchr::memmem;

use crate::frames::sse::{Frame, Piece, Splitter};
use crate::json::{self, Member};

/// The largest frame that is looked at: what an answer may hold for its last frame, and some for escapes.
const FRAME_CAP: usize = 40 << 20;
/// The events that carry a response that is over.
const LAST: [&str; 3] = ["response.completed", "response.incomplete", "response.failed"];
/// The events that carry one that is not.
const FIRST: [&str; 3] = ["response.created", "response.queued", "response.in_progress"];

/// Watches the frames of one stream.
#[derive(Debug)]
pub struct Tap {
    splitter: Splitter,
    begun: Begun,
}

/// The response as it is at first.
#[derive(Debug)]
enum Begun {
    /// Nobody asks for it any more.
    Passed,
    /// It has not gone by.
    Awaited,
    /// This is it.
    Here(Bytes),
}

impl Default for Tap {
    fn default() -> Self {
        Self { splitter: Splitter::with_cap(FRAME_CAP), begun: Begun::Passed }
    }
}

impl Tap {
    /// One that finds the response as it is at first, too.
    #[must_use]
    pub fn from_start() -> Self {
        Self { begun: Begun::Awaited, ..Self::default() }
    }

    /// The response as it is at first, once it has gone by: given once.
    pub fn begun(&mut self) -> Option<Bytes> {
        match &self.begun {
            Begun::Here(response) => {
                let response = response.clone();
                self.begun = Begun::Passed;
                Some(response)
            }
            Begun::Passed | Begun::Awaited => None,
        }
    }

    /// Takes the next bytes; gives the response if they complete the frame that carries it.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<Bytes> {
        let (mut found, begun) = (None, &mut self.begun);
        let Ok(()) = self.splitter.feed(chunk, |piece| {
            if let Piece::Frame(raw) = piece {
                found = response(raw, &LAST).or(found.take());
                if let Begun::Awaited = begun
                    && let Some(response) = response(raw, &FIRST)
                {
                    *begun = Begun::Here(response);
                }
            }
            Ok::<_, Infallible>(())
        });
        found
    }
}

fn response(raw: &[u8], kinds: &[&str]) -> Option<Bytes> {
    let named = |text: &[u8]| kinds.iter().any(|name| memmem::find(text, name.as_bytes()).is_some());
    // The name of the event, or the type its data begins with, is near the start; a delta may say the words as well.
    let start = raw.get(..256).unwrap_or(raw);
    if !named(start) && (raw.starts_with(b"event:") || !named(raw)) {
        return None;
    }
    let frame = Frame::parse(raw)?;
    let (mut said, mut found) = (false, None);
    json::members(&frame.data, |Member { name, value, .. }| match name.as_deref() {
        Some(b"type") => said = json::string(value).is_some_and(|kind| kinds.contains(&kind.as_ref())),
        Some(b"response") => found = Some(Bytes::copy_from_slice(value)),
        _ => {}
    })?;
    found.filter(|_| said)
}
