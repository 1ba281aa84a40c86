//! A stream of Messages events → canon.
//!
//! Each event names its type in the data; the `event:` lines repeat it and are not read. `ping` and types not known here
//! are passed over, as the docs ask ("Streaming messages"). A stream without `message_stop` broke off.

use bytes::Bytes;
use contract::canon::{Event, Native, Part, PartKind, PartStart, Provenance};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::block::Block;
use super::error::Detail;
use super::reply::{extra, take_usage};
use super::{DIALECT, finish, invalid};
use crate::sse::Framer;
use crate::usage::Anthropic;
use crate::{StreamDecoder, WireError};

/// Reads a stream.
pub(crate) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    usage: Anthropic,
    /// Indices of open blocks that canon has no word for: their deltas stay native.
    native: Vec<u32>,
    ended: bool,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub(crate) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.read(&frame.data, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.read(&frame.data, events))?;
        if state.ended { Ok(()) } else { Err(invalid("the stream ended before message_stop")) }
    }
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    index: u32,
    delta: Option<Delta>,
    message: Option<Map<String, Value>>,
    content_block: Option<Value>,
    usage: Option<Anthropic>,
    error: Option<Detail>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    ContentBlockStop,
    MessageDelta,
    MessageStop,
    Error,
    #[serde(other)]
    Other,
}

/// The delta of a block or of the message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    #[serde(rename = "type")]
    kind: DeltaKind,
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
enum DeltaKind {
    #[serde(rename = "text_delta")]
    Text,
    #[serde(rename = "thinking_delta")]
    Thinking,
    #[serde(rename = "input_json_delta")]
    InputJson,
    #[default]
    #[serde(other)]
    Other,
}

/// A delta whole, for those that canon has no word for.
#[derive(Deserialize)]
struct Whole {
    delta: Value,
}

impl State {
    fn read(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let frame: Frame = serde_json::from_slice(data).map_err(invalid)?;
        match frame.kind {
            Kind::MessageStart => self.start(frame.message.unwrap_or_default(), events),
            Kind::ContentBlockStart => self.open(frame.index, frame.content_block, events)?,
            Kind::ContentBlockDelta => {
                let delta = frame.delta.ok_or_else(|| invalid("content_block_delta without a delta"))?;
                self.delta(frame.index, delta, data, events)?;
            }
            Kind::ContentBlockStop => {
                self.native.retain(|open| *open != frame.index);
                events.push(Event::PartStop { choice: 0, index: frame.index });
            }
            Kind::MessageDelta => {
                self.update(frame.usage, events);
                if let Some(Delta { stop_reason: Some(reason), stop_sequence, .. }) = frame.delta {
                    events.push(Event::Finish { choice: 0, reason: finish(&reason), stop_sequence });
                }
            }
            Kind::MessageStop => {
                self.ended = true;
                events.push(Event::End);
            }
            Kind::Error => {
                self.ended = true;
                let Detail { kind, message } = frame.error.unwrap_or_default();
                events.push(Event::Error { kind, message });
            }
            Kind::Other => {}
        }
        Ok(())
    }

    fn start(&mut self, mut message: Map<String, Value>, events: &mut Vec<Event>) {
        let usage = message.get("usage").and_then(|usage| Anthropic::deserialize(usage).ok());
        let _counts = take_usage(&mut message);
        let mut text = |key: &str| match message.shift_remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, model) = (text("id"), text("model"));
        for constant in ["type", "role", "content", "stop_reason", "stop_sequence"] {
            message.shift_remove(constant);
        }
        events.push(Event::Start { id, model, created: None, extra: extra(message) });
        self.update(usage, events);
    }

    fn update(&mut self, usage: Option<Anthropic>, events: &mut Vec<Event>) {
        if let Some(usage) = usage {
            self.usage = usage.over(self.usage);
            events.push(Event::Usage(self.usage.canon()));
        }
    }

    fn open(&mut self, index: u32, block: Option<Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let block = block
            .and_then(Block::from_value)
            .ok_or_else(|| invalid("content_block_start without a block"))?;
        let part = if block.is_streamed() {
            block.into_part(Provenance::Model).map_err(invalid)?
        } else {
            block.into_native(Provenance::Model)
        };
        let Part { kind, native, .. } = part;
        let (part, text) = match kind {
            PartKind::Text(text) => (PartStart::Text, text),
            PartKind::Reasoning(text) => (PartStart::Reasoning, text),
            PartKind::ToolCall { id, name, arguments, .. } => {
                // An empty object is the place the deltas fill.
                let text = if arguments == "{}" { String::new() } else { arguments };
                (PartStart::ToolCall { id, name, custom: false }, text)
            }
            _ => {
                self.native.push(index);
                (PartStart::Native, String::new())
            }
        };
        events.push(Event::PartStart { choice: 0, index, part, native });
        push_text(index, text, events);
        Ok(())
    }

    fn delta(
        &mut self,
        index: u32,
        delta: Delta,
        data: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        let text = match delta.kind {
            _ if self.native.contains(&index) => None,
            DeltaKind::Text => delta.text,
            DeltaKind::Thinking => delta.thinking,
            DeltaKind::InputJson => delta.partial_json,
            DeltaKind::Other => None,
        };
        match text {
            Some(text) => push_text(index, text, events),
            None => {
                let Whole { delta: value } = serde_json::from_slice(data).map_err(invalid)?;
                let native = Native { owner: DIALECT, value };
                events.push(Event::NativeDelta { choice: 0, index, native });
            }
        }
        Ok(())
    }
}

fn push_text(index: u32, text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Delta { choice: 0, index, text });
    }
}
