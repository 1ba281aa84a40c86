//! A streamed chat completion → canon events.
//!
//! Read leniently, because many servers speak this dialect with an accent: `[DONE]` may be missing, thoughts come as
//! `reasoning_content` or `reasoning` or as blocks, calls may lack an index or an id, a finish reason may come twice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use contract::canon::{Event, Extra, Finish, PartStart};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DIALECT, finish, invalid};
use crate::sse::{Frame, Framer};
use crate::usage::Openai;
use crate::{StreamDecoder, WireError};

/// The decoder of one stream.
pub(crate) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    choices: BTreeMap<u32, Choice>,
}

/// One answer in the making.
#[derive(Default)]
struct Choice {
    parts: u32,
    open: Option<(PartStart, u32)>,
    calls: Vec<Call>,
    declined: bool,
    finish: Option<Finish>,
}

/// One call in the making. It starts when its name is known.
struct Call {
    index: Option<u64>,
    id: String,
    part: Option<u32>,
    early: String,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default, borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    created: Option<Value>,
    #[serde(default)]
    choices: Option<Vec<ChunkChoice>>,
    #[serde(default)]
    usage: Option<Openai>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    service_tier: Option<Value>,
    #[serde(default)]
    system_fingerprint: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<Value>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
    function_call: Option<FunctionDelta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CallDelta {
    index: Option<u64>,
    id: Option<String>,
    function: Option<FunctionDelta>,
    custom: Option<FunctionDelta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionDelta {
    name: Option<String>,
    #[serde(alias = "input")]
    arguments: Option<Value>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(crate) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.frame(&frame, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.frame(&frame, events))?;
        if state.ended {
            return Ok(());
        }
        let complete =
            !state.choices.is_empty() && state.choices.values().all(|choice| choice.finish.is_some());
        if !complete {
            return Err(invalid("the stream ended before the answer was complete"));
        }
        state.end(events);
        Ok(())
    }
}

impl State {
    fn frame(&mut self, frame: &Frame<'_>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let data = frame.data.trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.end(events);
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(invalid)?;
        if let Some(error) = &chunk.error {
            let error = super::error::describe(error);
            events.push(Event::Error { kind: error.kind, message: error.message });
            self.ended = true;
            return Ok(());
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        let empty = choices.is_empty() && chunk.usage.is_none();
        if !self.started && !empty {
            self.start(&chunk, events);
        }
        let usage = chunk.usage;
        for delta in chunk.choices.into_iter().flatten() {
            self.choices.entry(delta.index).or_default().read(delta, events);
        }
        events.extend(usage.map(|usage| Event::Usage(usage.canon())));
        Ok(())
    }

    fn start(&mut self, chunk: &Chunk<'_>, events: &mut Vec<Event>) {
        self.started = true;
        let mut fields = Map::new();
        for (name, value) in
            [("service_tier", &chunk.service_tier), ("system_fingerprint", &chunk.system_fingerprint)]
        {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.clone());
            }
        }
        events.push(Event::Start {
            id: chunk.id.as_deref().unwrap_or_default().to_owned(),
            model: chunk.model.as_deref().unwrap_or_default().to_owned(),
            created: chunk.created.as_ref().and_then(Value::as_i64),
            extra: Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields },
        });
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.ended = true;
        if !self.started {
            events.push(Event::Start {
                id: String::new(),
                model: String::new(),
                created: None,
                extra: Extra::default(),
            });
        }
        for (number, choice) in &mut self.choices {
            choice.end(*number, events);
        }
        events.push(Event::End);
    }
}

impl Choice {
    fn read(&mut self, chunk: ChunkChoice, events: &mut Vec<Event>) {
        let number = chunk.index;
        if let Some(delta) = chunk.delta {
            let thoughts = [delta.reasoning_content, delta.reasoning];
            if let Some(text) = thoughts.into_iter().flatten().find(|text| !text.is_empty()) {
                self.say(number, PartStart::Reasoning, text, events);
            }
            match delta.content {
                Some(Value::String(text)) => self.say(number, PartStart::Text, text, events),
                Some(Value::Array(blocks)) => self.blocks(number, blocks, events),
                _ => {}
            }
            if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
                self.declined = true;
                self.say(number, PartStart::Refusal, text, events);
            }
            for call in delta.tool_calls.into_iter().flatten() {
                self.call(number, call, events);
            }
            if let Some(function) = delta.function_call {
                let call = CallDelta { index: Some(0), function: Some(function), ..CallDelta::default() };
                self.call(number, call, events);
            }
        }
        if let Some(reason) = chunk.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish.get_or_insert_with(|| finish(&reason));
        }
    }

    /// Content as a list of blocks: texts, and Mistral's thoughts.
    fn blocks(&mut self, number: u32, blocks: Vec<Value>, events: &mut Vec<Event>) {
        for block in blocks {
            if let Some(thoughts) = thinking_text(&block) {
                self.say(number, PartStart::Reasoning, thoughts, events);
            } else if let Some(text) = block.get("text").and_then(Value::as_str) {
                self.say(number, PartStart::Text, text.to_owned(), events);
            }
        }
    }

    /// More of a part of this kind. It continues the open part if that is of the same kind.
    fn say(&mut self, choice: u32, kind: PartStart, text: String, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let index = match &self.open {
            Some((open, index)) if *open == kind => *index,
            _ => {
                self.close(choice, events);
                let index = self.next_part();
                events.push(Event::PartStart { choice, index, part: kind.clone(), native: None });
                self.open = Some((kind, index));
                index
            }
        };
        events.push(Event::Delta { choice, index, text });
    }

    fn close(&mut self, choice: u32, events: &mut Vec<Event>) {
        if let Some((_, index)) = self.open.take() {
            events.push(Event::PartStop { choice, index });
        }
    }

    const fn next_part(&mut self) -> u32 {
        let index = self.parts;
        self.parts += 1;
        index
    }

    fn call(&mut self, choice: u32, delta: CallDelta, events: &mut Vec<Event>) {
        let function = delta.function.or(delta.custom).unwrap_or_default();
        let id = delta.id.filter(|id| !id.is_empty());
        let name = function.name.filter(|name| !name.is_empty());
        let arguments = function.arguments.map(|value| super::tools::read_arguments(Some(value)));
        let arguments = arguments.unwrap_or_default();
        let at = self.find_call(delta.index, id.as_deref(), name.is_some());
        let at = at.unwrap_or_else(|| {
            let id = id.unwrap_or_else(|| format!("call_{choice}_{}", self.calls.len()));
            self.calls.push(Call { index: delta.index, id, part: None, early: String::new() });
            self.calls.len() - 1
        });
        match (self.calls[at].part, name) {
            (Some(index), _) if !arguments.is_empty() => {
                events.push(Event::Delta { choice, index, text: arguments });
            }
            (None, Some(name)) => {
                self.calls[at].early.push_str(&arguments);
                self.start_call(choice, at, name, events);
            }
            (None, None) => self.calls[at].early.push_str(&arguments),
            (Some(_), _) => {}
        }
    }

    /// The call that a delta continues. Some servers give every call index 0 and tell them apart by id alone.
    fn find_call(&self, index: Option<u64>, id: Option<&str>, named: bool) -> Option<usize> {
        let found = match (index, id) {
            (Some(index), _) => self.calls.iter().rposition(|call| call.index == Some(index))?,
            (None, Some(id)) => return self.calls.iter().rposition(|call| call.id == id),
            (None, None) if named => return None,
            (None, None) => return self.calls.len().checked_sub(1),
        };
        let another =
            named && id.is_some_and(|id| self.calls[found].id != id) && self.calls[found].part.is_some();
        (!another).then_some(found)
    }

    fn start_call(&mut self, choice: u32, at: usize, name: String, events: &mut Vec<Event>) {
        self.close(choice, events);
        let index = self.next_part();
        let call = &mut self.calls[at];
        call.part = Some(index);
        let part = PartStart::ToolCall { id: call.id.clone(), name, custom: false };
        events.push(Event::PartStart { choice, index, part, native: None });
        let early = std::mem::take(&mut call.early);
        if !early.is_empty() {
            events.push(Event::Delta { choice, index, text: early });
        }
    }

    /// Closes what is open and says why the choice ended.
    fn end(&mut self, choice: u32, events: &mut Vec<Event>) {
        self.close(choice, events);
        for call in &self.calls {
            events.extend(call.part.map(|index| Event::PartStop { choice, index }));
        }
        let called = self.calls.iter().any(|call| call.part.is_some());
        let reason = match self.finish.take() {
            Some(Finish::Stop) if self.declined => Finish::Refusal,
            Some(finish) => finish,
            None if called => Finish::ToolCalls,
            None => Finish::Stop,
        };
        events.push(Event::Finish { choice, reason, stop_sequence: None });
    }
}

/// The text of a block of thoughts: `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}` or a plain string.
pub(super) fn thinking_text(block: &Value) -> Option<String> {
    if block.get("type").and_then(Value::as_str) != Some("thinking") {
        return None;
    }
    match block.get("thinking")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()),
        _ => None,
    }
}
