//! A JSON value on each line: cutting bytes into lines, whatever the chunking.
//!
//! A line that lies within one chunk is never copied; only what a chunk leaves unfinished is kept, up to a cap. It knows
//! nothing of what a line means. [`crate::frames::sse`] does the same for server-sent events.

use contract::words::Dialect;
use memchr::memchr;

use crate::WireError;
use crate::frames::sse::{FRAME_CAP, FrameTooLarge, ROOM};

/// Cuts a stream into lines for a decoder.
#[derive(Debug)]
pub(crate) struct Lines {
    kept: Vec<u8>,
    dialect: Dialect,
    cap: usize,
}

impl Lines {
    /// A splitter whose errors name this dialect.
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self { kept: Vec::new(), dialect, cap: FRAME_CAP }
    }

    /// Takes the next bytes and lends every line they complete; blank lines say nothing and are left out.
    ///
    /// # Errors
    /// A line is longer than the cap, or what the callback returned of one that begins as an object.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut rest = chunk;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.room_for(line.len())?;
            // What does not even begin as an object says nothing that could be missing from the answer.
            let odd = |line: &[u8]| !line.trim_ascii_start().starts_with(b"{");
            let begun = !self.kept.is_empty();
            if begun {
                self.kept.extend_from_slice(line);
            }
            let whole = if begun { &self.kept[..] } else { line };
            let result = lend(whole, &mut each).or_else(|error| if odd(whole) { Ok(()) } else { Err(error) });
            if begun {
                self.kept.clear();
                self.kept.shrink_to(ROOM);
            }
            result?;
        }
        self.room_for(rest.len())?;
        self.kept.extend_from_slice(rest);
        Ok(())
    }

    /// The stream has ended. Lends the last line if its end is missing: half a line is told from a whole one by its JSON.
    ///
    /// # Errors
    /// What the callback returned.
    pub(crate) fn finish(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        lend(&std::mem::take(&mut self.kept), &mut each)
    }

    fn room_for(&self, more: usize) -> Result<(), WireError> {
        if self.kept.len() + more <= self.cap {
            return Ok(());
        }
        Err(WireError { dialect: self.dialect, reason: FrameTooLarge.to_string() })
    }
}

fn lend(line: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), WireError>) -> Result<(), WireError> {
    let line = line.trim_ascii();
    if line.is_empty() { Ok(()) } else { each(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]], cap: usize) -> Result<Vec<String>, WireError> {
        let mut splitter = Lines { cap, ..Lines::new(Dialect::OllamaChat) };
        let mut out = Vec::new();
        let mut take = |line: &[u8]| {
            out.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        };
        for chunk in chunks {
            splitter.feed(chunk, &mut take)?;
        }
        splitter.finish(&mut take)?;
        Ok(out)
    }

    #[test]
    fn lines_are_the_same_under_any_chunking() {
        let text = b"{\"a\":1}\r\n\n{\"b\":2}\n  {\"c\":3}";
        for cut in 0..=text.len() {
            let (one, two) = text.split_at(cut);
            assert_eq!(lines(&[one, two], 64).unwrap(), ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"], "{cut}");
        }
    }

    #[test]
    fn a_line_beyond_the_cap_is_refused_however_it_comes() {
        assert!(lines(&[b"12345\n1234"], 5).is_ok());
        for chunks in [&[&b"123456\n"[..]][..], &[b"123456"], &[b"123", b"456"], &[b"123", b"456\n"]] {
            assert!(lines(chunks, 5).is_err());
        }
    }
}
