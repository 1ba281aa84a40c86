//! Server-sent events: cutting bytes into frames, whatever the chunking (WHATWG HTML, section 9.2.6).
//!
//! Frames are lent as slices: a frame that lies within one chunk is never copied; only what a chunk leaves unfinished
//! is kept. [`Ends`] tells where frames end; [`Splitter`] yields them as they stood, for [`crate::passing::watch`]; [`Framer`] yields
//! their event name and data, for the decoders. It knows nothing of what the data means.

use std::borrow::Cow;

use contract::words::Dialect;
use memchr::{memchr, memchr2};

use crate::WireError;

/// The largest frame that is looked into unless told otherwise. Pictures stand in one: of 4K in base64 they take up to 40 MiB.
pub const FRAME_CAP: usize = 64 << 20;

/// The most that is held of an answer until more of it is known: a call that comes in pieces and has to go out whole.
pub(crate) const HELD_CAP: usize = 8 << 20;

/// What is kept allocated for the next unfinished frame.
pub(crate) const ROOM: usize = 64 << 10;

/// A frame is larger than the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than is accepted")]
pub struct FrameTooLarge;

/// What a stream is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The lines of an event with the blank line that ends it.
    Frame(&'a [u8]),
    /// Bytes of an event that is too large to be held until its end.
    Part(&'a [u8]),
}

impl<'a> Piece<'a> {
    /// The frame, for those who need it whole.
    ///
    /// # Errors
    /// It is part of one that is too large.
    pub const fn whole(self) -> Result<&'a [u8], FrameTooLarge> {
        match self {
            Self::Frame(raw) => Ok(raw),
            Self::Part(_) => Err(FrameTooLarge),
        }
    }
}

/// Cuts a stream into raw frames. One that is too large goes by in parts, and the next is a frame again.
#[derive(Debug)]
pub struct Splitter {
    ends: Ends,
    kept: Vec<u8>,
    /// Within a frame that is too large.
    parting: bool,
    cap: usize,
}

/// Finds the blank lines that end frames, and keeps no bytes.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    line_begun: bool,
    after_cr: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::with_cap(FRAME_CAP)
    }
}

impl Splitter {
    /// A splitter that holds frames of up to this many bytes.
    #[must_use]
    pub const fn with_cap(cap: usize) -> Self {
        let ends = Ends { line_begun: false, after_cr: false };
        Self { ends, kept: Vec::new(), parting: false, cap }
    }

    /// Takes the next bytes and lends every frame they complete.
    ///
    /// A frame that ends in CR ends at once: an LF that follows belongs, as a stray line end, to the next one.
    ///
    /// # Errors
    /// What the callback returned.
    pub fn feed<E>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut from = 0;
        while let Some(end) = self.ends.next(chunk, from) {
            let raw = &chunk[from..end];
            from = end;
            if self.fits(raw, &mut each)? {
                if self.kept.is_empty() {
                    each(Piece::Frame(raw))?;
                } else {
                    self.kept.extend_from_slice(raw);
                    let result = each(Piece::Frame(&self.kept));
                    self.kept.clear();
                    self.kept.shrink_to(ROOM);
                    result?;
                }
            }
            self.parting = false;
        }
        let rest = &chunk[from..];
        if !rest.is_empty() && self.fits(rest, &mut each)? {
            self.kept.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Is the frame, with these bytes of it, one that is held until its end? If not, they are lent.
    fn fits<E>(&mut self, raw: &[u8], each: &mut impl FnMut(Piece<'_>) -> Result<(), E>) -> Result<bool, E> {
        if !self.parting && self.kept.len() + raw.len() <= self.cap {
            return Ok(true);
        }
        self.parting = true;
        let kept = self.rest();
        if !kept.is_empty() {
            each(Piece::Part(&kept))?;
        }
        each(Piece::Part(raw))?;
        Ok(false)
    }

    /// How many bytes of a frame that is not complete are held.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.kept.len()
    }

    /// Do the bytes that were lent last end within a frame?
    #[must_use]
    pub const fn is_parting(&self) -> bool {
        self.parting
    }

    /// What the end of the stream left unfinished.
    #[must_use]
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }
}

impl Ends {
    /// The end of the frame that `chunk[from..]` completes, if it completes one.
    pub(crate) fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
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
    /// A frame is too large, or what the callback returned of one that begins as a value.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Frame<'_>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let Self { splitter, dialect, begun } = self;
        splitter.feed(chunk, |piece| {
            let too_large = |error: FrameTooLarge| WireError { dialect: *dialect, reason: error.to_string() };
            let raw = piece.whole().map_err(too_large)?;
            let raw = if std::mem::replace(begun, true) { raw } else { without_bom(raw) };
            let Some(frame) = Frame::parse(raw) else { return Ok(()) };
            // What does not even begin as a value says nothing that could be missing from the answer.
            let odd = !matches!(frame.data.trim_ascii().first(), Some(b'{' | b'[') | None);
            each(frame).or_else(|error| if odd { Ok(()) } else { Err(error) })
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
