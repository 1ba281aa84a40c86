//! Server-sent events: cutting bytes into frames, whatever the chunking (WHATWG HTML, section 9.2.6).
//!
//! Frames are lent as slices: a frame that lies within one chunk is never copied; only what a chunk leaves unfinished
//! is kept. [`Splitter`] yields frames as they stood, for [`crate::watch`]; [`Framer`] yields their event name and
//! data, for the decoders. It knows nothing of what the data means.

use std::borrow::Cow;

use contract::words::Dialect;
use memchr::{memchr, memchr2};

use crate::WireError;

/// The largest frame that is accepted unless told otherwise: 8 MiB holds an image in base64.
pub const FRAME_CAP: usize = 8 << 20;

/// A frame is larger than the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {0} bytes")]
pub struct FrameTooLarge(pub usize);

/// Cuts a stream into raw frames: the lines of an event with the blank line that ends it.
#[derive(Debug)]
pub struct Splitter {
    kept: Vec<u8>,
    line_begun: bool,
    after_cr: bool,
    cap: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::with_cap(FRAME_CAP)
    }
}

impl Splitter {
    /// A splitter that refuses frames larger than this many bytes.
    #[must_use]
    pub const fn with_cap(cap: usize) -> Self {
        Self { kept: Vec::new(), line_begun: false, after_cr: false, cap }
    }

    /// Takes the next bytes and lends every frame they complete.
    ///
    /// A frame that ends in CR ends at once: an LF that follows belongs, as a stray line end, to the next one.
    ///
    /// # Errors
    /// [`FrameTooLarge`], or what the callback returned. After the former, [`rest`](Self::rest) is all that was not lent.
    pub fn feed<E: From<FrameTooLarge>>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut from = 0;
        while let Some(end) = self.frame_end(chunk, from) {
            if self.kept.len() + end - from > self.cap {
                break;
            }
            if self.kept.is_empty() {
                each(&chunk[from..end])?;
            } else {
                self.kept.extend_from_slice(&chunk[from..end]);
                let result = each(&self.kept);
                self.kept.clear();
                result?;
            }
            from = end;
        }
        self.kept.extend_from_slice(&chunk[from..]);
        if self.kept.len() > self.cap { Err(FrameTooLarge(self.cap).into()) } else { Ok(()) }
    }

    /// How many bytes of a frame that is not complete have been taken.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.kept.len()
    }

    /// What the end of the stream left unfinished.
    #[must_use]
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// The end of the frame that `chunk[from..]` completes, if it completes one.
    fn frame_end(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = &chunk[at..];
            let first = *rest.first()?;
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                at += 1;
                continue;
            }
            let Some(len) = memchr2(b'\n', b'\r', rest) else {
                self.line_begun = true;
                return None;
            };
            let blank = len == 0 && !std::mem::take(&mut self.line_begun);
            self.line_begun = false;
            at += len + 1;
            if rest[len] == b'\r' {
                if chunk.get(at) == Some(&b'\n') {
                    at += 1;
                } else {
                    self.after_cr = at == chunk.len();
                }
            }
            if blank {
                return Some(at);
            }
        }
    }
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its name; empty when the stream gives none.
    pub event: &'a [u8],
    /// Its data: the `data` lines joined by LF.
    pub data: Cow<'a, [u8]>,
}

impl<'a> Frame<'a> {
    /// Reads a raw frame; none when it carries no data (comments, keep-alives).
    #[must_use]
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let mut event: &[u8] = b"";
        let mut data: Option<Cow<'a, [u8]>> = None;
        let mut rest = raw;
        while !rest.is_empty() {
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let (name, value) = match memchr(b':', line) {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &b""[..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match name {
                b"data" => match &mut data {
                    None => data = Some(Cow::Borrowed(value)),
                    Some(joined) => {
                        let joined = joined.to_mut();
                        joined.push(b'\n');
                        joined.extend_from_slice(value);
                    }
                },
                b"event" => event = value,
                // llama.cpp ends a stream that fails with a line of this name.
                b"error" if data.is_none() && value.starts_with(b"{") => {
                    data = Some(Cow::Owned([b"{\"error\":", value, b"}"].concat()));
                }
                _ => {}
            }
        }
        data.map(|data| Self { event, data })
    }
}

/// Cuts a stream into events for a decoder.
#[derive(Debug)]
pub struct Framer {
    splitter: Splitter,
    dialect: Dialect,
    begun: bool,
}

enum Stop {
    TooLarge(FrameTooLarge),
    Wire(WireError),
}

impl From<FrameTooLarge> for Stop {
    fn from(error: FrameTooLarge) -> Self {
        Self::TooLarge(error)
    }
}

impl Framer {
    /// A framer whose errors name this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { splitter: Splitter::default(), dialect, begun: false }
    }

    /// A framer that refuses frames larger than this many bytes.
    #[must_use]
    pub fn with_cap(dialect: Dialect, cap: usize) -> Self {
        Self { splitter: Splitter::with_cap(cap), dialect, begun: false }
    }

    /// Takes the next bytes and lends every event they complete.
    ///
    /// # Errors
    /// A frame is too large, or what the callback returned.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Frame<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let begun = &mut self.begun;
        let result = self.splitter.feed(chunk, |raw| {
            let raw = if std::mem::replace(begun, true) { raw } else { without_bom(raw) };
            Frame::parse(raw).map_or(Ok(()), |frame| each(frame).map_err(Stop::Wire))
        });
        result.map_err(|stop| match stop {
            Stop::Wire(error) => error,
            Stop::TooLarge(error) => WireError { dialect: self.dialect, reason: error.to_string() },
        })
    }

    /// The stream has ended. Lends the last event if its blank line is missing: the standard would drop it, but some
    /// servers close without it, and half an event is told from a whole one by its JSON.
    ///
    /// # Errors
    /// What the callback returned.
    pub fn finish(&mut self, each: impl FnOnce(Frame<'_>) -> Result<(), WireError>) -> Result<(), WireError> {
        let rest = self.splitter.rest();
        let raw = if self.begun { &rest[..] } else { without_bom(&rest) };
        Frame::parse(raw).map_or(Ok(()), each)
    }
}

/// A stream may begin with a byte order mark, which is not part of it.
fn without_bom(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw)
}

#[cfg(test)]
mod tests;
