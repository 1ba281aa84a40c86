//! AWS event streams (`application/vnd.amazon.eventstream`): cutting bytes into messages whatever the chunking, and
//! writing messages.
//!
//! The layout is that of Smithy's "Amazon Event Stream Specification": a prelude of two lengths with a CRC-32 of its own,
//! headers, a payload, and a CRC-32 over all of it; numbers are big-endian. It knows nothing of what a payload means.
//! Next: `bedrock/stream.rs` reads messages, `bedrock/encode.rs` writes them.

use bytes::BytesMut;

use crate::frames::sse::FRAME_CAP;

/// Two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end of a message.
const TRAILER: usize = 4;

/// Bytes are no event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventStreamError {
    /// A message says it is larger than is accepted.
    #[error("a message of the event stream is larger than {0} bytes")]
    TooLarge(usize),
    /// The lengths in a prelude contradict each other.
    #[error("a message of the event stream has impossible lengths")]
    Lengths,
    /// A checksum is not that of the bytes before it.
    #[error("a message of the event stream has a wrong checksum")]
    Checksum,
    /// A header is cut off or of a type that does not exist.
    #[error("a message of the event stream has a header that cannot be read")]
    Header,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind<'a> {
    /// An event of this type (`:event-type`).
    Event(&'a str),
    /// A failure that the service's model knows (`:exception-type`).
    Exception(&'a str),
    /// A failure that it does not know: `:error-code` and `:error-message`.
    Error {
        /// The code.
        code: &'a str,
        /// The message.
        message: &'a str,
    },
}

/// One message, lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageKind<'a>,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Cuts a stream into messages. What a chunk leaves unfinished is kept, up to the cap.
#[derive(Debug)]
pub struct Reader {
    kept: Vec<u8>,
    cap: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self::with_cap(FRAME_CAP)
    }
}

impl Reader {
    /// A reader that refuses messages larger than this many bytes.
    #[must_use]
    pub const fn with_cap(cap: usize) -> Self {
        Self { kept: Vec::new(), cap }
    }

    /// Takes the next bytes and lends every message they complete.
    ///
    /// # Errors
    /// The bytes are no event stream, or what the callback returned.
    pub fn feed<E: From<EventStreamError>>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = chunk;
        while !self.kept.is_empty() {
            // First the prelude, then what it says.
            let wanted = self.length(&self.kept)?.unwrap_or(PRELUDE);
            let (head, tail) = rest.split_at(rest.len().min(wanted - self.kept.len()));
            self.kept.extend_from_slice(head);
            rest = tail;
            if self.kept.len() < wanted {
                return Ok(());
            }
            if wanted > PRELUDE {
                let whole = std::mem::take(&mut self.kept);
                each(read(&whole)?)?;
            }
        }
        while let Some(length) = self.length(rest)? {
            let Some((whole, tail)) = rest.split_at_checked(length) else { break };
            each(read(whole)?)?;
            rest = tail;
        }
        self.kept.extend_from_slice(rest);
        Ok(())
    }

    /// Has the stream stopped between two messages?
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.kept.is_empty()
    }

    /// The length of the message that begins here; none until its prelude is there. The prelude is checked before its
    /// lengths are believed.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, EventStreamError> {
        let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
        let [total, headers, checksum] = words(*prelude);
        if crc32fast::hash(&prelude[..8]) != checksum {
            return Err(EventStreamError::Checksum);
        }
        let (total, headers) = (usize(total), usize(headers));
        if total > self.cap {
            return Err(EventStreamError::TooLarge(self.cap));
        }
        if headers.saturating_add(PRELUDE + TRAILER) > total {
            return Err(EventStreamError::Lengths);
        }
        Ok(Some(total))
    }
}

fn words([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; PRELUDE]) -> [u32; 3] {
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_be_bytes)
}

fn usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Reads a whole message whose prelude has been checked.
fn read(whole: &[u8]) -> Result<Message<'_>, EventStreamError> {
    let (rest, checksum) = whole.split_last_chunk::<TRAILER>().ok_or(EventStreamError::Lengths)?;
    if crc32fast::hash(rest) != u32::from_be_bytes(*checksum) {
        return Err(EventStreamError::Checksum);
    }
    let (prelude, rest) = rest.split_first_chunk::<PRELUDE>().ok_or(EventStreamError::Lengths)?;
    let [_, headers, _] = words(*prelude);
    let (mut headers, payload) = rest.split_at_checked(usize(headers)).ok_or(EventStreamError::Lengths)?;
    let (mut kind, mut event, mut exception, mut code, mut message) = ("event", "", "", "", "");
    while !headers.is_empty() {
        let (name, value) = header(&mut headers).ok_or(EventStreamError::Header)?;
        let Some(value) = value else { continue };
        match name {
            b":message-type" => kind = value,
            b":event-type" => event = value,
            b":exception-type" => exception = value,
            b":error-code" => code = value,
            b":error-message" => message = value,
            _ => {}
        }
    }
    let kind = match kind {
        "exception" => MessageKind::Exception(exception),
        "error" => MessageKind::Error { code, message },
        _ => MessageKind::Event(event),
    };
    Ok(Message { kind, payload })
}

/// Takes one header: its name and, if it is a string, its value.
fn header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a str>)> {
    let length = usize::from(take(rest, 1)?[0]);
    let name = take(rest, length)?;
    let kind = take(rest, 1)?[0];
    let length = match kind {
        // true, false
        0 | 1 => 0,
        // byte
        2 => 1,
        // short
        3 => 2,
        // integer
        4 => 4,
        // long, timestamp
        5 | 8 => 8,
        // UUID
        9 => 16,
        // bytes, string
        6 | 7 => usize::from(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?)),
        _ => return None,
    };
    let value = take(rest, length)?;
    let text = if kind == 7 { Some(std::str::from_utf8(value).ok()?) } else { None };
    Some((name, text))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

/// Appends a message with a JSON payload.
pub fn write(kind: MessageKind<'_>, payload: &[u8], out: &mut BytesMut) {
    let start = out.len();
    // The two lengths and their checksum come last.
    out.extend_from_slice(&[0; PRELUDE]);
    match kind {
        MessageKind::Event(name) => put(":event-type", name, out),
        MessageKind::Exception(name) => put(":exception-type", name, out),
        MessageKind::Error { code, message } => {
            put(":error-code", code, out);
            put(":error-message", message, out);
        }
    }
    if !payload.is_empty() {
        put(":content-type", "application/json", out);
    }
    let word = match kind {
        MessageKind::Event(_) => "event",
        MessageKind::Exception(_) => "exception",
        MessageKind::Error { .. } => "error",
    };
    put(":message-type", word, out);
    let headers = out.len() - start - PRELUDE;
    out.extend_from_slice(payload);
    let total = out.len() - start + TRAILER;
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(prelude) = out[start..].first_chunk_mut::<PRELUDE>() {
        prelude[..4].copy_from_slice(&number(total));
        prelude[4..8].copy_from_slice(&number(headers));
        let checksum = crc32fast::hash(&prelude[..8]);
        prelude[8..].copy_from_slice(&checksum.to_be_bytes());
    }
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// A header that is a string. Names are ours and short; a value is cut to what its length can say.
fn put(name: &str, value: &str, out: &mut BytesMut) {
    let value = &value[..value.floor_char_boundary(usize::from(u16::MAX))];
    out.extend_from_slice(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&[7]);
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests;
