//! A stream of Messages events → canon.
//!
//! Each event names its type in the data; the `event:` lines repeat it and are not read. `ping` and types not known here
//! are passed over, as the docs ask ("Streaming messages"). A stream without `message_stop` broke off.
//!
//! What the deltas of a block make is what the whole block says: the input of a block that canon has no word for is kept
//! until the block is complete, and a call whose input never came has an empty one.

use bytes::Bytes;
use contract::canon::{Event, Native, Part, PartKind, PartStart, Provenance};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::block::Block;
use super::error::Detail;
use super::reply::{extra, take_usage};
use super::{DIALECT, cite, finish, invalid};
use crate::emulate::Called;
use crate::frames::sse::{Framer, HELD_CAP};
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
    open: Vec<Open>,
    called: Called,
    ended: bool,
}

/// A block that is not complete.
struct Open {
    index: u32,
    kind: Kept,
}

enum Kept {
    /// Its deltas are canon's.
    Said,
    /// A call whose input has not come yet.
    Silent,
    /// Canon has no word for it; the input it has so far.
    Native(String),
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
    citation: Option<Value>,
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
    #[serde(rename = "citations_delta")]
    Citations,
    #[default]
    #[serde(other)]
    Other,
}

/// A delta whole, for those that canon has no word for.
#[derive(Deserialize)]
struct Whole {
    delta: Map<String, Value>,
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
            Kind::ContentBlockStop => self.close(frame.index, events)?,
            Kind::MessageDelta => {
                self.update(frame.usage, true, events);
                push_extra(data, events)?;
                if let Some(Delta { stop_reason: Some(reason), stop_sequence, .. }) = frame.delta {
                    let reason = self.called.finish(finish(&reason));
                    events.push(Event::Finish { choice: 0, reason, stop_sequence });
                }
            }
            Kind::MessageStop => {
                self.ended = true;
                push_extra(data, events)?;
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
        self.update(usage, false, events);
    }

    fn update(&mut self, usage: Option<Anthropic>, last: bool, events: &mut Vec<Event>) {
        if let Some(usage) = usage {
            self.usage = usage.over(self.usage);
            events.extend(usage.so_far(&self.usage, last).map(Event::Usage));
        }
    }

    fn open(&mut self, index: u32, block: Option<Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let block = block
            .and_then(Block::from_value)
            .ok_or_else(|| invalid("content_block_start without a block"))?;
        let part = if block.is_known() {
            block.into_part(Provenance::Model).map_err(invalid)?
        } else {
            block.into_native(Provenance::Model)
        };
        let Part { kind, mut native, citations, .. } = part;
        // An empty object is the place the deltas fill.
        let begun = |input: String| if input == "{}" { String::new() } else { input };
        let mut kept = Kept::Said;
        let (part, text) = match kind {
            PartKind::Text(text) => (PartStart::Text, text),
            PartKind::Reasoning(text) => (PartStart::Reasoning, text),
            PartKind::ToolCall { id, name, arguments, .. } => {
                kept = Kept::Silent;
                if self.called.is_answer(&name) {
                    native = None;
                    (PartStart::Text, begun(arguments))
                } else {
                    (PartStart::ToolCall { id, name, custom: false }, begun(arguments))
                }
            }
            PartKind::ServerCall(call) => {
                kept = Kept::Silent;
                let start = PartStart::ServerCall { id: call.id, tool: call.tool, name: call.name };
                (start, begun(call.input))
            }
            PartKind::ServerResult(result) => (PartStart::ServerResult(result), String::new()),
            _ => {
                kept = Kept::Native(String::new());
                (PartStart::Native, String::new())
            }
        };
        if !text.is_empty() && matches!(kept, Kept::Silent) {
            kept = Kept::Said;
        }
        self.open.retain(|open| open.index != index);
        self.open.push(Open { index, kind: kept });
        events.push(Event::PartStart { choice: 0, index, part, native });
        push_text(index, text, events);
        let citations = citations.into_iter();
        events.extend(citations.map(|citation| Event::Citation { choice: 0, index, citation }));
        Ok(())
    }

    fn delta(
        &mut self,
        index: u32,
        delta: Delta,
        data: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        let held: usize = self.open.iter().map(Open::held).sum();
        let open = self.open.iter_mut().find(|open| open.index == index);
        let open = open.ok_or_else(|| invalid("a delta of a block that is not open"))?;
        let text = match (&mut open.kind, delta.kind) {
            (Kept::Native(input), DeltaKind::InputJson) => {
                input.push_str(&delta.partial_json.unwrap_or_default());
                if held > HELD_CAP {
                    return Err(invalid("the input of a block is too large"));
                }
                return Ok(());
            }
            (Kept::Native(_), _) | (_, DeltaKind::Other) => None,
            (_, DeltaKind::Text) => delta.text,
            (_, DeltaKind::Thinking) => delta.thinking,
            (kept, DeltaKind::InputJson) => {
                if delta.partial_json.as_deref().is_some_and(|text| !text.is_empty()) {
                    *kept = Kept::Said;
                }
                delta.partial_json
            }
            (_, DeltaKind::Citations) => {
                let citation = cite::read(delta.citation.unwrap_or_default());
                events.push(Event::Citation { choice: 0, index, citation });
                return Ok(());
            }
        };
        match text {
            Some(text) => push_text(index, text, events),
            None => push_native(index, fields(data, delta.kind)?, events),
        }
        Ok(())
    }

    fn close(&mut self, index: u32, events: &mut Vec<Event>) -> Result<(), WireError> {
        let at = self.open.iter().position(|open| open.index == index);
        let open = at.map(|at| self.open.swap_remove(at));
        match open.ok_or_else(|| invalid("the end of a block that is not open"))?.kind {
            Kept::Silent => push_text(index, "{}".to_owned(), events),
            Kept::Native(input) if !input.is_empty() => {
                let value = serde_json::from_str(&input).unwrap_or(Value::String(input));
                push_native(index, [("input".to_owned(), value)].into_iter().collect(), events);
            }
            Kept::Said | Kept::Native(_) => {}
        }
        events.push(Event::PartStop { choice: 0, index });
        Ok(())
    }
}

impl Open {
    /// The bytes it holds.
    const fn held(&self) -> usize {
        match &self.kind {
            Kept::Native(input) => input.len(),
            Kept::Said | Kept::Silent => 0,
        }
    }
}

/// What a delta adds to its block, by the names the block has for it.
fn fields(data: &[u8], kind: DeltaKind) -> Result<Map<String, Value>, WireError> {
    let Whole { mut delta } = serde_json::from_slice(data).map_err(invalid)?;
    delta.shift_remove("type");
    if let (DeltaKind::Citations, Some(citation)) = (kind, delta.shift_remove("citation")) {
        delta.insert("citations".to_owned(), Value::Array(vec![citation]));
    }
    Ok(delta)
}

/// What the frames at the end say beyond reason and counts: a container, details of a refusal, edits of the context. In a
/// whole answer all of it stands at the top.
fn push_extra(data: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
    let mut whole: Map<String, Value> = serde_json::from_slice(data).map_err(invalid)?;
    whole.shift_remove("type");
    let _counts = take_usage(&mut whole);
    if let Some(Value::Object(delta)) = whole.shift_remove("delta") {
        whole.extend(delta);
    }
    for known in ["stop_reason", "stop_sequence"] {
        whole.shift_remove(known);
    }
    let extra = extra(whole);
    if extra.owner.is_some() {
        events.push(Event::Extra { choice: None, extra });
    }
    Ok(())
}

fn push_native(index: u32, fields: Map<String, Value>, events: &mut Vec<Event>) {
    let native = Native { owner: DIALECT, value: Value::Object(fields) };
    events.push(Event::NativeDelta { choice: 0, index, native });
}

fn push_text(index: u32, text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Delta { choice: 0, index, text });
    }
}
