//! A streamed answer → canon events.
//!
//! Texts come in pieces, calls whole. The last line says `done: true`; a stream without it broke off.

use bytes::Bytes;
use contract::canon::{Event, Extra, MediaKind, Part, PartKind, PartStart};
use serde_json::{Map, Value};

use super::chunk::{Chunk, made_up};
use super::read::{extra, image_of};
use super::{Form, finish};
use crate::frames::lines::Lines;
use crate::{StreamDecoder, WireError};

/// The decoder of one stream.
pub(super) struct Decoder {
    lines: Lines,
    state: State,
}

struct State {
    form: Form,
    started: bool,
    ended: bool,
    parts: u32,
    calls: usize,
    /// `created_at` of the first line, from which ids are made up.
    stamp: Option<String>,
    open: Option<(PartStart, u32)>,
    /// What canon has no word for, as the last line had it: most say the same again.
    left: Map<String, Value>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(super) fn new(form: Form) -> Self {
        let state = State {
            form,
            started: false,
            ended: false,
            parts: 0,
            calls: 0,
            stamp: None,
            open: None,
            left: Map::new(),
        };
        Self { lines: Lines::new(form.dialect()), state }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.lines.feed(bytes, |line| state.line(line, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.lines.finish(|line| state.line(line, events))?;
        if state.ended {
            Ok(())
        } else {
            Err(state.form.invalid("the stream ended before the answer was done"))
        }
    }
}

impl State {
    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let (stamp, before) = (self.stamp.take(), self.calls);
        let name = |own: Option<&str>, at: usize| made_up(stamp.as_deref().or(own), before + at);
        let chunk = Chunk::read(self.form, line, name)?;
        self.stamp = stamp.or_else(|| chunk.created_at.clone());
        if let Some(message) = chunk.error {
            self.ended = true;
            events.push(Event::Error { kind: None, message });
            return Ok(());
        }
        self.read(chunk, events);
        Ok(())
    }

    fn read(&mut self, mut chunk: Chunk, events: &mut Vec<Event>) {
        let left = std::mem::take(&mut chunk.left);
        if !std::mem::replace(&mut self.started, true) {
            events.push(self.start(&chunk, left));
        } else if left != self.left {
            if !left.is_empty() {
                events.push(Event::Extra { choice: None, extra: extra(self.form.dialect(), left.clone()) });
            }
            self.left = left;
        }
        self.say(&PartStart::Reasoning, std::mem::take(&mut chunk.thinking), events);
        self.say(&PartStart::Text, std::mem::take(&mut chunk.text), events);
        if !chunk.logprobs.is_empty() {
            events.push(Event::Logprobs { choice: 0, tokens: std::mem::take(&mut chunk.logprobs) });
        }
        for data in std::mem::take(&mut chunk.images) {
            self.image(data, events);
        }
        for call in std::mem::take(&mut chunk.calls) {
            self.call(call, events);
        }
        if chunk.done {
            self.end(&chunk, events);
        }
    }

    fn start(&mut self, chunk: &Chunk, left: Map<String, Value>) -> Event {
        self.left.clone_from(&left);
        let mut fields = left;
        if let Some(time) = &chunk.created_at {
            fields.insert("created_at".to_owned(), Value::String(time.clone()));
        }
        let extra: Extra = extra(self.form.dialect(), fields);
        Event::Start { id: String::new(), model: chunk.model.clone(), created: chunk.created(), extra }
    }

    /// More of a part of this kind. It continues the open part if that is of the same kind.
    fn say(&mut self, kind: &PartStart, text: String, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let index = match &self.open {
            Some((open, index)) if open == kind => *index,
            _ => {
                let index = self.open(kind.clone(), None, events);
                self.open = Some((kind.clone(), index));
                index
            }
        };
        events.push(Event::Delta { choice: 0, index, text });
    }

    fn open(
        &mut self,
        part: PartStart,
        native: Option<contract::canon::Native>,
        events: &mut Vec<Event>,
    ) -> u32 {
        self.close(events);
        let index = self.parts;
        self.parts += 1;
        events.push(Event::PartStart { choice: 0, index, part, native });
        index
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some((_, index)) = self.open.take() {
            events.push(Event::PartStop { choice: 0, index });
        }
    }

    fn call(&mut self, part: Part, events: &mut Vec<Event>) {
        let PartKind::ToolCall { id, name, arguments, custom } = part.kind else { return };
        self.calls += 1;
        let index = self.open(PartStart::ToolCall { id, name, custom }, part.native, events);
        if !arguments.is_empty() {
            events.push(Event::Delta { choice: 0, index, text: arguments });
        }
        events.push(Event::PartStop { choice: 0, index });
    }

    fn image(&mut self, data: String, events: &mut Vec<Event>) {
        let PartKind::Media { source: contract::canon::MediaSource::Base64 { mime, data }, .. } =
            image_of(data)
        else {
            return;
        };
        let index = self.open(PartStart::Media { kind: MediaKind::Image, mime }, None, events);
        events.push(Event::Delta { choice: 0, index, text: data });
        events.push(Event::PartStop { choice: 0, index });
    }

    fn end(&mut self, chunk: &Chunk, events: &mut Vec<Event>) {
        self.ended = true;
        self.close(events);
        let reason = finish(chunk.done_reason.as_deref(), self.calls > 0);
        events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        events.extend(chunk.usage.map(Event::Usage));
        events.push(Event::End);
    }
}
