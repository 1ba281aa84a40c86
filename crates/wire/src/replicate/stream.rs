//! A stream of `output` events ↔ canon.

use bytes::{Bytes, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, Finish, PartStart};
use serde_json::{Value, json};

use super::{DIALECT, invalid};
use crate::frames::sse::{Frame, Framer};
use crate::{StreamDecoder, StreamEncoder, WireError};

/// Reads a stream: pieces of one text until `done`. It carries no counts.
pub(super) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.read(&frame, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.read(&frame, events))?;
        if state.ended { Ok(()) } else { Err(invalid("the stream ended before `done`")) }
    }
}

impl State {
    fn read(&mut self, frame: &Frame<'_>, events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let text = std::str::from_utf8(&frame.data).map_err(invalid)?;
        match frame.event {
            b"output" => {
                self.start(events);
                if !text.is_empty() {
                    events.push(Event::Delta { choice: 0, index: 0, text: text.to_owned() });
                }
            }
            b"done" => self.done(text, events),
            b"error" => {
                self.ended = true;
                let detail: Value = serde_json::from_str(text).unwrap_or_default();
                let message = detail.get("detail").and_then(Value::as_str).unwrap_or(text);
                events.push(Event::Error { kind: None, message: message.to_owned() });
            }
            // Logs, and what may come.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let (id, model) = (String::new(), String::new());
            events.push(Event::Start { id, model, created: None, extra: Extra::default() });
            events.push(Event::PartStart { choice: 0, index: 0, part: PartStart::Text, native: None });
        }
    }

    /// `done` comes after a failure, too, and then says so.
    fn done(&mut self, text: &str, events: &mut Vec<Event>) {
        self.ended = true;
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(reason) = said.get("reason").and_then(Value::as_str) {
            let message = format!("The prediction ended early: {reason}.");
            events.push(Event::Error { kind: Some(reason.to_owned()), message });
            return;
        }
        self.start(events);
        events.push(Event::PartStop { choice: 0, index: 0 });
        events.push(Event::Finish { choice: 0, reason: Finish::Stop, stop_sequence: None });
        events.push(Event::End);
    }
}

/// Writes a stream: the text of the first choice.
#[derive(Default)]
pub(super) struct Encoder {
    /// Parts whose deltas are not text: thoughts, calls.
    mute: Vec<u32>,
    ended: bool,
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            _ if self.ended => {}
            Event::PartStart { choice: 0, index, part, .. }
                if !matches!(part, PartStart::Text | PartStart::Refusal) =>
            {
                self.mute.push(*index);
            }
            Event::PartStop { choice: 0, index } => self.mute.retain(|mute| mute != index),
            Event::Delta { choice: 0, index, text } if !self.mute.contains(index) => {
                frame("output", text, out);
            }
            Event::Error { message, .. } => {
                self.ended = true;
                frame("error", &json!({ "detail": message }).to_string(), out);
            }
            Event::End => {
                self.ended = true;
                frame("done", "{}", out);
            }
            _ => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.ended, true) {
            frame("error", &json!({ "detail": fault.message() }).to_string(), out);
        }
    }
}

fn frame(event: &str, text: &str, out: &mut BytesMut) {
    out.extend_from_slice(format!("event: {event}\n").as_bytes());
    // A carriage return would end the line as well.
    for line in text.split(['\n', '\r']) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(b"\n");
}
