//! Frames of a stream: server-sent events (`alt=sse`), or the elements of one JSON array, which is what
//! `streamGenerateContent` answers without that parameter. The first byte that says something tells which.

use super::{DIALECT, invalid};
use crate::WireError;
use crate::frames::sse::{FRAME_CAP, Framer};

/// Cuts a stream into the JSON texts of its frames.
pub(super) enum Frames {
    /// Nothing came but blanks and a byte order mark.
    Undecided,
    /// Server-sent events.
    Sse(Box<Framer>),
    /// A JSON array, or objects one after the other.
    Objects(Objects),
}

impl Frames {
    /// Takes the next bytes and lends every frame they complete.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if matches!(self, Self::Undecided) {
            let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
            *self = match chunk.iter().find(|byte| !blank(byte)) {
                None => return Ok(()),
                Some(b'[' | b'{') => Self::Objects(Objects::default()),
                Some(_) => Self::Sse(Box::new(Framer::new(DIALECT))),
            };
        }
        match self {
            Self::Undecided => Ok(()),
            Self::Sse(framer) => framer.feed(chunk, |frame| each(&frame.data)),
            Self::Objects(objects) => objects.feed(chunk, each),
        }
    }

    /// The stream has ended. Lends the last frame if its end is missing but it is whole.
    pub(super) fn finish(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match self {
            Self::Undecided => Ok(()),
            Self::Sse(framer) => framer.finish(|frame| each(&frame.data)),
            Self::Objects(objects) if objects.depth > 0 => Err(invalid("the stream ended within an object")),
            Self::Objects(_) => Ok(()),
        }
    }
}

/// Cuts out the objects of the outermost level.
#[derive(Default)]
pub(super) struct Objects {
    /// What the chunks before left of an object.
    kept: Vec<u8>,
    /// How many braces are open.
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Objects {
    fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut from = 0;
        for (at, byte) in chunk.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' if self.depth > 0 => self.in_text = true,
                b'{' => {
                    if self.depth == 0 {
                        from = at;
                    }
                    self.depth += 1;
                }
                b'}' if self.depth == 1 => {
                    self.depth = 0;
                    let end = chunk.get(from..=at).unwrap_or_default();
                    if self.kept.is_empty() {
                        each(end)?;
                    } else {
                        self.kept.extend_from_slice(end);
                        each(&std::mem::take(&mut self.kept))?;
                    }
                    from = at + 1;
                }
                b'}' => self.depth = self.depth.saturating_sub(1),
                // Between the elements of the array.
                b'[' | b']' | b',' => {}
                _ if self.depth == 0 && !byte.is_ascii_whitespace() && byte.is_ascii() => {
                    return Err(invalid("neither events nor objects"));
                }
                _ => {}
            }
        }
        if self.depth > 0 {
            self.kept.extend_from_slice(chunk.get(from..).unwrap_or_default());
        }
        if self.kept.len() > FRAME_CAP {
            return Err(invalid(format!("an object of the stream is larger than {FRAME_CAP} bytes")));
        }
        Ok(())
    }
}
