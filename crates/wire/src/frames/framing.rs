//! How a dialect frames its streams.

use contract::words::Dialect;

use crate::frames::sse::{Ends, FRAME_CAP};

/// The length of an event-stream message without headers and payload: prelude and checksums.
const EMPTY_MESSAGE: usize = 16;

/// How the frames of a stream are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// A JSON value on each line.
    Lines,
    /// AWS's `application/vnd.amazon.eventstream`: binary messages with checksums.
    EventStream,
}

impl Framing {
    /// How a dialect does it.
    #[must_use]
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OllamaChat | Dialect::OllamaGenerate => Self::Lines,
            Dialect::BedrockConverse => Self::EventStream,
            _ => Self::Sse,
        }
    }

    /// The media type a stream is announced with.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Lines => "application/x-ndjson",
            Self::EventStream => "application/vnd.amazon.eventstream",
        }
    }

    /// Does a `content-type` announce such a stream? Parameters and case do not matter. Without one it may be a stream, and one
    /// whole answer in JSON is a stream of one line.
    #[must_use]
    pub fn announced_by(self, content_type: &[u8]) -> bool {
        let begins = |kind: &str| {
            content_type.len() >= kind.len()
                && content_type[..kind.len()].eq_ignore_ascii_case(kind.as_bytes())
        };
        content_type.is_empty()
            || begins(self.media_type())
            || (self == Self::Lines && begins("application/json"))
    }
}

/// Finds the ends of a stream's frames, and keeps no bytes.
#[derive(Debug)]
pub(crate) enum Cutter {
    Sse(Ends),
    Lines,
    EventStream { unfinished: usize, head: [u8; 4] },
}

/// The bytes are not in this framing: where frames end cannot be told any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unframed;

impl Cutter {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(Ends::default()),
            Framing::Lines => Self::Lines,
            Framing::EventStream => Self::EventStream { unfinished: 0, head: [0; 4] },
        }
    }

    /// The end of the frame that `chunk[from..]` completes. None: it completes none, and the next chunk goes on from there.
    pub(crate) fn next(&mut self, chunk: &[u8], from: usize) -> Result<Option<usize>, Unframed> {
        match self {
            Self::Sse(ends) => Ok(ends.next(chunk, from)),
            Self::Lines => Ok(memchr::memchr(b'\n', &chunk[from..]).map(|at| from + at + 1)),
            Self::EventStream { unfinished, head } => {
                let rest = &chunk[from..];
                let in_head = rest.len().min(head.len().saturating_sub(*unfinished));
                if in_head > 0 {
                    head[*unfinished..*unfinished + in_head].copy_from_slice(&rest[..in_head]);
                }
                let have = *unfinished + rest.len();
                if have < head.len() {
                    *unfinished = have;
                    return Ok(None);
                }
                let needed = usize::try_from(u32::from_be_bytes(*head)).map_err(|_| Unframed)?;
                if !(EMPTY_MESSAGE..=FRAME_CAP).contains(&needed) {
                    return Err(Unframed);
                }
                if have < needed {
                    *unfinished = have;
                    return Ok(None);
                }
                let end = from + needed - std::mem::take(unfinished);
                Ok(Some(end))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_by_their_type() {
        let sse = Framing::of(Dialect::OpenaiChat);
        assert!(sse.announced_by(b"text/event-stream; charset=utf-8"));
        assert!(sse.announced_by(b"Text/Event-Stream"));
        assert!(sse.announced_by(b""));
        assert!(!sse.announced_by(b"application/json"));
        assert!(Framing::of(Dialect::OllamaChat).announced_by(b"application/json; charset=utf-8"));
        assert!(Framing::of(Dialect::OllamaChat).announced_by(b"application/x-ndjson"));
    }

    /// Where the frames end in a stream that comes in chunks of this size.
    fn ends(framing: Framing, bytes: &[u8], size: usize) -> Result<Vec<usize>, Unframed> {
        let (mut cutter, mut before, mut found) = (Cutter::new(framing), 0, Vec::new());
        for chunk in bytes.chunks(size) {
            let mut from = 0;
            while let Some(end) = cutter.next(chunk, from)? {
                found.push(before + end);
                from = end;
            }
            before += chunk.len();
        }
        Ok(found)
    }

    #[test]
    fn frames_end_where_they_end_however_they_are_cut() {
        let message = |len: u32| [&len.to_be_bytes()[..], &vec![0; len as usize - 4]].concat();
        let messages = [message(20), message(16), message(33)].concat();
        for size in 1..=messages.len() {
            assert_eq!(ends(Framing::EventStream, &messages, size), Ok(vec![20, 36, 69]), "{size}");
            assert_eq!(ends(Framing::EventStream, &messages[..68], size), Ok(vec![20, 36]), "{size}");
        }
        assert_eq!(ends(Framing::EventStream, b"HTTP/1.1", 3), Err(Unframed));
        for size in 1..8 {
            assert_eq!(ends(Framing::Lines, b"{}\n{}\n{", size), Ok(vec![3, 6]), "{size}");
            assert_eq!(ends(Framing::Sse, b"data\n\nda", size), Ok(vec![6]), "{size}");
        }
    }
}
