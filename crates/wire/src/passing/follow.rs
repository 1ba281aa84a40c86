//! Following a stream that passes through by reading it into canon: for dialects whose frames are not worth a search of
//! their own ([`crate::passing::watch`] has those that are).
//!
//! Bytes leave as they came, in whole frames. A frame that cannot be read, or is too large to be held, is let pass unread; the
//! next one is read again.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Event, Extra, PartStart};
use contract::words::Dialect;
use smallvec::SmallVec;

use crate::frames::framing::{Cutter, Unframed};
use crate::frames::sse::FRAME_CAP;
use crate::passing::ending::Begun;
use crate::passing::said::Media;
use crate::passing::seen::{Seen, StreamError};
use crate::passing::watch::Watch;
use crate::{Framing, StreamDecoder};

/// Follows one stream.
pub(crate) struct Follow {
    decoder: Box<dyn StreamDecoder>,
    events: Vec<Event>,
    cutter: Cutter,
    /// The bytes of the unfinished frame.
    held: Vec<u8>,
    /// Within a frame that is too large to be held.
    parting: bool,
    /// Frames cannot be told apart any more.
    blind: bool,
    /// The last bytes that were passed on, with the whole of the last frame.
    last: SmallVec<[Bytes; 2]>,
    seen: Seen,
    media: Media,
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
            parting: false,
            blind: false,
            last: SmallVec::new(),
            seen: Seen::default(),
            media: Media::default(),
            begun: None,
        })
    }

    /// Reads a frame.
    fn read(&mut self, frame: &Bytes) {
        let read = self.decoder.push(frame, &mut self.events);
        self.note();
        self.seen.ended |= self.seen.error.is_some() && self.decoder.is_over();
        self.seen.unread = false;
        if read.is_err() {
            self.unread(frame.len());
        }
    }

    /// Nothing but what cannot be read is no answer.
    fn unread(&mut self, bytes: usize) {
        self.seen.unreadable(bytes);
        self.seen.unread = self.begun.is_some();
    }

    /// Part of a frame that is too large.
    const fn large(&mut self, first: bool) {
        self.seen.too_large(first);
        self.seen.unread = self.begun.is_some();
    }

    fn note(&mut self) {
        for event in self.events.drain(..) {
            self.media.weigh(&event, &mut self.seen.output);
            note(&mut self.seen, &mut self.begun, event);
        }
    }

    /// Reads the frames that these bytes complete, and gives what may leave.
    fn whole(&mut self, chunk: &Bytes) -> SmallVec<[Bytes; 2]> {
        let (mut out, mut sent, mut from) = (SmallVec::new(), 0, 0);
        while !self.blind {
            match self.cutter.next(chunk, from) {
                Ok(Some(end)) => {
                    if std::mem::take(&mut self.parting) {
                        self.large(false);
                    } else if self.held.is_empty() {
                        self.read(&chunk.slice(from..end));
                    } else {
                        self.held.extend_from_slice(&chunk[from..end]);
                        let frame = Bytes::from(std::mem::take(&mut self.held));
                        self.read(&frame);
                        out.push(frame);
                        sent = end;
                    }
                    from = end;
                }
                Ok(None) => break,
                Err(Unframed) => self.blind = true,
            }
        }
        let rest = &chunk[from..];
        if self.parting || self.blind || self.held.len() + rest.len() > FRAME_CAP {
            if self.blind {
                self.unread(self.held.len() + rest.len());
            } else if !rest.is_empty() {
                self.large(!self.parting);
            }
            if !self.held.is_empty() {
                out.push(std::mem::take(&mut self.held).into());
            }
            self.parting = true;
            from = chunk.len();
        } else {
            self.held.extend_from_slice(rest);
        }
        if from > sent {
            out.push(chunk.slice(sent..from));
        }
        out
    }
}

fn note(seen: &mut Seen, begun: &mut Option<Begun>, event: Event) {
    match event {
        Event::Start { id, model, created, extra } => {
            tier(seen, &extra);
            *begun = Some(Begun { id, model, created, sequence: 0 });
        }
        Event::Extra { extra, .. } => tier(seen, &extra),
        Event::Delta { text, .. } => {
            seen.content_started |= !text.is_empty();
        }
        Event::PartStart { part: PartStart::ToolCall { .. }, .. } => seen.content_started = true,
        Event::Usage(usage) => seen.reported(usage),
        Event::Finish { .. } => seen.finished = true,
        // Not the last event everywhere: `response.failed` may come behind `error`.
        Event::Error { kind, message } => seen.error = Some(StreamError { kind, message }),
        Event::End => {
            seen.finished = true;
            seen.ended = true;
        }
        _ => {}
    }
}

/// The tier that served an answer may be told at its end only.
fn tier(seen: &mut Seen, extra: &Extra) {
    seen.service_tier = crate::service_tier(extra).map(str::to_owned).or(seen.service_tier.take());
}

impl Watch for Follow {
    fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        if chunk.is_empty() {
            return;
        }
        let whole = self.whole(&chunk);
        if !whole.is_empty() {
            out.extend(whole.iter().cloned());
            self.last = whole;
        }
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        let rest = Bytes::from(std::mem::take(&mut self.held));
        let mut read = self.decoder.push(&rest, &mut self.events);
        if read.is_ok() {
            read = self.decoder.finish(&mut self.events);
        }
        self.note();
        // Half a frame is left out: the error that follows would run into it.
        if read.is_ok() && !rest.is_empty() {
            out.push_back(rest);
        }
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn unfinished(&self) -> bool {
        self.parting
    }

    fn begun(&self) -> Option<Begun> {
        let sequence = sequence_after(&self.last.concat());
        self.begun.clone().map(|begun| Begun { sequence, ..begun })
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

#[cfg(test)]
mod tests {
    use contract::words::Usage;

    use super::*;

    fn followed(dialect: Dialect, stream: &[u8], size: usize) -> (Follow, Vec<u8>) {
        let (mut follow, mut out) = (Follow::new(dialect).unwrap(), VecDeque::new());
        for chunk in stream.chunks(size) {
            follow.feed(Bytes::copy_from_slice(chunk), &mut out);
        }
        follow.finish(&mut out);
        (follow, out.iter().flat_map(|piece| piece.to_vec()).collect())
    }

    #[test]
    fn what_cannot_be_read_is_skipped_under_every_cut() {
        let sse = concat!(
            "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n",
            "data: {hello\n\n",
            "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[],",
            "\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}}\n\n",
        );
        let lines = concat!(
            "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":false}\n{hello\n",
            "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",",
            "\"prompt_eval_count\":3,\"eval_count\":5}\n",
        );
        for (dialect, stream, odd) in
            [(Dialect::OpenaiResponses, sse, "data: {hello\n\n"), (Dialect::OllamaChat, lines, "{hello\n")]
        {
            for size in 1..=stream.len() {
                let (follow, out) = followed(dialect, stream.as_bytes(), size);
                assert_eq!(out, stream.as_bytes(), "{dialect} {size}");
                assert!(
                    follow.seen().complete() && follow.seen().ended && !follow.seen().unread,
                    "{dialect} {size}"
                );
                let usage = Usage { input: 3, output: 5, ..Usage::default() };
                assert_eq!(follow.seen().usage, Some(usage), "{dialect} {size}");
                assert_eq!(follow.seen().output.text, odd.len() as u64, "{dialect} {size}");
            }
        }
        // Nothing but nonsense is no answer, whatever its end.
        let (follow, _) = followed(Dialect::OpenaiResponses, b"data: hello\n\n", 5);
        assert!(!follow.seen().complete() && !follow.seen().unread);
    }

    #[test]
    fn messages_that_cannot_be_told_apart_pass_to_the_end() {
        let (follow, out) = followed(Dialect::BedrockConverse, b"HTTP/1.1 200 OK", 4);
        assert_eq!(out, b"HTTP/1.1 200 OK");
        assert!(follow.unfinished() && !follow.seen().complete() && follow.seen().output.text == 15);
    }
}
