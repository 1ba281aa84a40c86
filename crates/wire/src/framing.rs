//! How a dialect frames its streams.

use contract::words::Dialect;

use crate::sse::{FRAME_CAP, FrameTooLarge};

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

/// Tells how much of a stream lies in whole frames, without keeping any of it.
#[derive(Debug)]
pub(crate) enum Cutter {
    Sse(crate::sse::Splitter),
    Lines { unfinished: usize },
    EventStream { unfinished: usize, head: [u8; 4], needed: usize },
}

impl Cutter {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(crate::sse::Splitter::default()),
            Framing::Lines => Self::Lines { unfinished: 0 },
            Framing::EventStream => Self::EventStream { unfinished: 0, head: [0; 4], needed: 0 },
        }
    }

    /// Takes the next bytes; gives the number of bytes, counted from the end, that belong to a frame which is not complete.
    /// None: this is no such stream.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        match self {
            Self::Sse(splitter) => {
                splitter.feed(chunk, |_| Ok::<_, FrameTooLarge>(())).ok()?;
                Some(splitter.unfinished())
            }
            Self::Lines { unfinished } => {
                *unfinished = match memchr::memrchr(b'\n', chunk) {
                    Some(at) => chunk.len() - at - 1,
                    None => *unfinished + chunk.len(),
                };
                (*unfinished <= FRAME_CAP).then_some(*unfinished)
            }
            Self::EventStream { unfinished, head, needed } => {
                let mut rest = chunk;
                while !rest.is_empty() {
                    if *unfinished < head.len() {
                        let taken = rest.len().min(head.len() - *unfinished);
                        head[*unfinished..*unfinished + taken].copy_from_slice(&rest[..taken]);
                        *unfinished += taken;
                        rest = &rest[taken..];
                        *needed = usize::try_from(u32::from_be_bytes(*head)).ok()?;
                        continue;
                    }
                    if *needed < EMPTY_MESSAGE || *needed > FRAME_CAP {
                        return None;
                    }
                    let taken = rest.len().min(*needed - *unfinished);
                    *unfinished += taken;
                    rest = &rest[taken..];
                    if *unfinished == *needed {
                        *unfinished = 0;
                    }
                }
                Some(*unfinished)
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

    #[test]
    fn whole_frames_are_told_from_what_is_unfinished() {
        let message = [&20_u32.to_be_bytes()[..], &[0; 16]].concat();
        let bytes = [message.clone(), message].concat();
        for size in 1..bytes.len() {
            let mut cutter = Cutter::new(Framing::EventStream);
            let mut taken = 0;
            for chunk in bytes.chunks(size) {
                taken += chunk.len();
                assert_eq!(cutter.feed(chunk), Some(taken % 20), "{size}");
            }
        }
        assert_eq!(Cutter::new(Framing::EventStream).feed(b"HTTP/1.1"), None);
        let mut lines = Cutter::new(Framing::Lines);
        assert_eq!(lines.feed(b"{}\n{"), Some(1));
        assert_eq!(lines.feed(b"}"), Some(2));
        assert_eq!(lines.feed(b"\n"), Some(0));
    }
}
