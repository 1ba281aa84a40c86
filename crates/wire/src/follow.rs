//! Following a stream that passes through by reading it into canon: for dialects whose frames are not worth a search of
//! their own ([`crate::watch`] has those that are).
//!
//! Bytes leave as they came, in whole frames. What cannot be read is let pass, unseen.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Event, Extra, PartStart};
use contract::words::{Dialect, Usage};

use crate::ending::Begun;
use crate::framing::Cutter;
use crate::watch::{StreamError, Watch};
use crate::{Framing, StreamDecoder};

/// Follows one stream.
pub(crate) struct Follow {
    decoder: Box<dyn StreamDecoder>,
    events: Vec<Event>,
    cutter: Cutter,
    /// The bytes of the unfinished frame.
    held: Vec<Bytes>,
    /// The last bytes that were passed on, with the whole of the last frame.
    last: Vec<Bytes>,
    blind: bool,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    usage: Option<Usage>,
    service_tier: Option<String>,
    error: Option<StreamError>,
    complete: bool,
    ended: bool,
    content: bool,
    output_bytes: u64,
    begun: Option<Begun>,
}

impl Follow {
    /// At the start of a stream; none where the dialect has no streams.
    pub(crate) fn new(dialect: Dialect) -> Option<Self> {
        Some(Self {
            decoder: crate::decoder(dialect)?,
            events: Vec::new(),
            cutter: Cutter::new(Framing::of(dialect)),
            held: Vec::new(),
            last: Vec::new(),
            blind: false,
            seen: Seen::default(),
        })
    }

    fn note(&mut self) {
        for event in self.events.drain(..) {
            self.seen.note(event);
        }
    }
}

impl Seen {
    /// The tier that served an answer may be told at its end only.
    fn tier(&mut self, extra: &Extra) {
        self.service_tier = crate::service_tier(extra).map(str::to_owned).or(self.service_tier.take());
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Start { id, model, created, extra } => {
                self.tier(&extra);
                self.begun = Some(Begun { id, model, created, sequence: 0 });
            }
            Event::Extra { extra, .. } => self.tier(&extra),
            Event::Delta { text, .. } => {
                self.output_bytes += text.len() as u64;
                self.content |= !text.is_empty();
            }
            Event::PartStart { part: PartStart::ToolCall { .. }, .. } => self.content = true,
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { .. } => self.complete = true,
            Event::Error { kind, message } => {
                self.error = Some(StreamError { kind, message });
                self.ended = true;
            }
            Event::End => {
                self.complete = true;
                self.ended = true;
            }
            _ => {}
        }
    }
}

impl Watch for Follow {
    fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        if chunk.is_empty() {
            return;
        }
        if self.blind {
            out.push_back(chunk);
            return;
        }
        let read = self.decoder.push(&chunk, &mut self.events);
        self.note();
        let unfinished = self.cutter.feed(&chunk);
        self.blind = read.is_err() || unfinished.is_none();
        let rest = unfinished.filter(|_| !self.blind).unwrap_or_default();
        if rest >= chunk.len() {
            self.held.push(chunk);
            return;
        }
        let whole = chunk.len() - rest;
        self.last.clear();
        self.last.append(&mut self.held);
        self.last.push(chunk.slice(..whole));
        out.extend(self.last.iter().cloned());
        if rest > 0 {
            self.held.push(chunk.slice(whole..));
        }
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        if self.blind {
            return;
        }
        let read = self.decoder.finish(&mut self.events);
        self.note();
        // Half a frame is left out: the error that follows would run into it.
        if read.is_ok() {
            out.extend(self.held.drain(..));
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    fn service_tier(&self) -> Option<&str> {
        self.seen.service_tier.as_deref()
    }

    fn complete(&self) -> bool {
        self.seen.complete
    }

    fn ended(&self) -> bool {
        self.seen.ended
    }

    fn content_started(&self) -> bool {
        self.seen.content
    }

    fn output_bytes(&self) -> u64 {
        self.seen.output_bytes
    }

    fn error(&self) -> Option<&StreamError> {
        self.seen.error.as_ref()
    }

    fn unfinished(&self) -> bool {
        self.blind
    }

    fn begun(&self) -> Option<Begun> {
        let sequence = sequence_after(&self.last.concat());
        self.seen.begun.clone().map(|begun| Begun { sequence, ..begun })
    }
}

/// The number behind the last one that these frames have. In a text its name would be escaped.
fn sequence_after(frames: &[u8]) -> u64 {
    let name = b"\"sequence_number\":";
    let Some(at) = memchr::memmem::rfind(frames, name) else { return 0 };
    let digits = frames[at + name.len()..].trim_ascii_start().iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    number.saturating_add(1)
}
