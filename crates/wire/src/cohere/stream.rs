//! A streamed answer → canon events.
//!
//! Content blocks and tool calls are counted apart; canon counts parts. Citations come between the deltas of the block they
//! stand in (docs: "Streaming"). A stream without `message-end` broke off; `[DONE]` behind it says nothing.

use bytes::Bytes;
use contract::canon::{Event, Extra, Native, Part, PartKind, PartStart, Provenance};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::citation::{self, PLAN, Place};
use super::reply::left;
use super::{DIALECT, content, finish, invalid, logprobs, tools, usage};
use crate::frames::sse::Framer;
use crate::{StreamDecoder, WireError};

/// The most parts of an answer. More blocks than this are no answer.
const MOST_PARTS: u32 = 65_536;

/// Reads a stream.
pub(super) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    parts: u32,
    /// Content blocks: their number, their part, whether they are text.
    blocks: Vec<(u32, u32, bool)>,
    /// Open calls: their number and their part.
    calls: Vec<(u32, u32)>,
    /// The plan while it is being said, and where it was.
    plan: Option<u32>,
    planned: Option<u32>,
    /// The open content block.
    open: Option<u32>,
    /// Stretches of text whose likelihood was told.
    stretches: u64,
    ended: bool,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    index: u32,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    logprobs: Option<Value>,
    /// Of an error in place of an event.
    #[serde(default)]
    message: Option<Value>,
    /// Of `debug`.
    #[serde(default)]
    prompt: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    message: Option<Message>,
    finish_reason: Option<String>,
    usage: Option<Value>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Option<Value>,
    tool_plan: Option<String>,
    tool_calls: Option<Value>,
    citations: Option<Value>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(super) fn new() -> Self {
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
        if state.ended { Ok(()) } else { Err(invalid("the stream ended before message-end")) }
    }
}

impl State {
    fn read(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
        let data = data.trim_ascii();
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let Frame { kind, index, id, delta, logprobs, message, prompt } =
            serde_json::from_slice(data).map_err(invalid)?;
        let delta = delta.unwrap_or_default();
        let said = delta.message.unwrap_or_default();
        if self.parts >= MOST_PARTS {
            return Err(invalid("more parts than an answer can have"));
        }
        if kind != "message-start" && !kind.is_empty() {
            self.start(None, events);
        }
        match kind.as_str() {
            "message-start" => self.start(id, events),
            "content-start" => self.open(index, said.content, events)?,
            "content-delta" => self.content(index, said.content, logprobs, events)?,
            "content-end" => self.close(index, events),
            "tool-plan-delta" => self.plan(said.tool_plan, events),
            "tool-call-start" => self.call(index, one(said.tool_calls), events)?,
            "tool-call-delta" => self.arguments(index, one(said.tool_calls), events),
            "tool-call-end" => self.end_call(index, events),
            "citation-start" => self.cite(one(said.citations), events),
            "message-end" => self.end(delta.finish_reason.as_deref(), delta.usage, delta.error, events),
            "debug" => {
                let told = prompt.map(|prompt| Event::Extra { choice: None, extra: left("prompt", prompt) });
                events.extend(told);
            }
            "" => {
                let text = message.as_ref().and_then(Value::as_str).unwrap_or("The stream failed.");
                self.fail(text.to_owned(), events);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, id: Option<String>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let id = id.unwrap_or_default();
            events.push(Event::Start { id, model: String::new(), created: None, extra: Extra::default() });
        }
    }

    const fn next_part(&mut self) -> u32 {
        let part = self.parts;
        self.parts += 1;
        part
    }

    /// What a model plans is said before anything that follows it.
    fn end_plan(&mut self, events: &mut Vec<Event>) {
        if let Some(index) = self.plan.take() {
            events.push(Event::PartStop { choice: 0, index });
        }
    }

    fn plan(&mut self, text: Option<String>, events: &mut Vec<Event>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let index = match self.plan {
            Some(index) => index,
            None => {
                let index = self.next_part();
                (self.plan, self.planned) = (Some(index), Some(index));
                let native = Some(Native { owner: DIALECT, value: json!({"field": PLAN}) });
                events.push(Event::PartStart { choice: 0, index, part: PartStart::Reasoning, native });
                index
            }
        };
        events.push(Event::Delta { choice: 0, index, text });
    }

    fn open(&mut self, number: u32, block: Option<Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        self.end_plan(events);
        let mut parts = content::read(Some(begun(block)), "content", Provenance::Model).map_err(invalid)?;
        let Part { kind, native, .. } =
            parts.pop().ok_or_else(|| invalid("content-start without content"))?;
        let (part, text) = match kind {
            PartKind::Text(text) => (PartStart::Text, text),
            PartKind::Reasoning(text) => (PartStart::Reasoning, text),
            _ => (PartStart::Native, String::new()),
        };
        let index = self.next_part();
        self.blocks.retain(|(block, _, _)| *block != number);
        self.blocks.push((number, index, part == PartStart::Text));
        self.open = Some(number);
        events.push(Event::PartStart { choice: 0, index, part, native });
        if !text.is_empty() {
            events.push(Event::Delta { choice: 0, index, text });
        }
        Ok(())
    }

    fn part_of(&self, number: u32) -> Option<u32> {
        self.blocks.iter().find(|(block, _, _)| *block == number).map(|(_, part, _)| *part)
    }

    fn content(
        &mut self,
        number: u32,
        said: Option<Value>,
        item: Option<Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        if let Some(item) = item {
            // Canon's are of the text.
            let thinks = said.as_ref().is_some_and(|said| said.get("thinking").is_some_and(Value::is_string));
            let token = logprobs::read(&item).filter(|_| !thinks);
            // By its place: fields of events add to each other, elements of lists need not.
            let whole = Map::from_iter([(self.stretches.to_string(), item)]);
            self.stretches += 1;
            let extra = left("logprobs", Value::Object(whole));
            events.push(Event::Extra { choice: Some(0), extra });
            events.extend(token.map(|token| Event::Logprobs { choice: 0, tokens: vec![token] }));
        }
        let Some(mut said) = said else { return Ok(()) };
        let kind = if said.get("thinking").is_some_and(Value::is_string) { "thinking" } else { "text" };
        let text = match said.get_mut(kind).map(Value::take) {
            Some(Value::String(text)) if !text.is_empty() => text,
            _ => return Ok(()),
        };
        if self.part_of(number).is_none() {
            let mut block = json!({"type": kind});
            block[kind] = json!("");
            self.open(number, Some(block), events)?;
        }
        if let Some(index) = self.part_of(number) {
            events.push(Event::Delta { choice: 0, index, text });
        }
        Ok(())
    }

    fn close(&mut self, number: u32, events: &mut Vec<Event>) {
        if self.open == Some(number) {
            self.open = None;
            events.extend(self.part_of(number).map(|index| Event::PartStop { choice: 0, index }));
        }
    }

    fn call(&mut self, number: u32, call: Option<Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        self.end_plan(events);
        if let Some(open) = self.open {
            self.close(open, events);
        }
        let call = call.ok_or_else(|| invalid("tool-call-start without a call"))?;
        let made_up = format!("call_{number}");
        let part = tools::read_call(call, "tool_calls", made_up).map_err(invalid)?;
        let PartKind::ToolCall { id, name, arguments, custom } = part.kind else { return Ok(()) };
        let index = self.next_part();
        self.calls.push((number, index));
        let start = PartStart::ToolCall { id, name, custom };
        events.push(Event::PartStart { choice: 0, index, part: start, native: part.native });
        if !arguments.is_empty() {
            events.push(Event::Delta { choice: 0, index, text: arguments });
        }
        Ok(())
    }

    fn arguments(&mut self, number: u32, call: Option<Value>, events: &mut Vec<Event>) {
        let text = call.and_then(|mut call| Some(call.get_mut("function")?.get_mut("arguments")?.take()));
        let text = tools::arguments(text.filter(|text| !text.is_null()));
        let part = self.calls.iter().rev().find(|(call, _)| *call == number);
        if let Some((_, index)) = part.filter(|_| !text.is_empty()) {
            events.push(Event::Delta { choice: 0, index: *index, text });
        }
    }

    fn end_call(&mut self, number: u32, events: &mut Vec<Event>) {
        if let Some(at) = self.calls.iter().rposition(|(call, _)| *call == number) {
            let (_, index) = self.calls.remove(at);
            events.push(Event::PartStop { choice: 0, index });
        }
    }

    fn cite(&mut self, citation: Option<Value>, events: &mut Vec<Event>) {
        let Some(citation) = citation else { return };
        let text = || self.blocks.iter().find(|(_, _, text)| *text).map(|(_, part, _)| *part);
        let at = match citation::place(&citation) {
            Place::Plan => self.planned,
            Place::Block(block) => u32::try_from(block).ok().and_then(|block| self.part_of(block)),
            Place::Text => text(),
        };
        match at {
            Some(index) => {
                let cited = citation::read(citation).into_iter();
                events.extend(cited.map(|citation| Event::Citation { choice: 0, index, citation }));
            }
            None => {
                let extra = left("message", json!({"citations": [citation]}));
                events.push(Event::Extra { choice: Some(0), extra });
            }
        }
    }

    fn end(
        &mut self,
        reason: Option<&str>,
        counts: Option<Value>,
        error: Option<String>,
        events: &mut Vec<Event>,
    ) {
        self.end_plan(events);
        if let Some(open) = self.open {
            self.close(open, events);
        }
        let called = self.blocks.is_empty() && self.parts > 0;
        for (_, index) in std::mem::take(&mut self.calls) {
            events.push(Event::PartStop { choice: 0, index });
        }
        if let Some(counts) = counts {
            let read = usage::read(&counts);
            events.push(Event::Extra { choice: None, extra: left("usage", counts) });
            events.extend(read.map(Event::Usage));
        }
        if let Some(message) = error.filter(|text| !text.is_empty()) {
            self.fail(message, events);
            return;
        }
        let reason = reason.unwrap_or(if called { "TOOL_CALL" } else { "COMPLETE" });
        events.push(Event::Finish { choice: 0, reason: finish(reason), stop_sequence: None });
        self.ended = true;
        events.push(Event::End);
    }

    fn fail(&mut self, message: String, events: &mut Vec<Event>) {
        self.ended = true;
        events.push(Event::Error { kind: None, message });
    }
}

/// A block that begins, with what it need not say: its type and its text (SDK: `ChatContentStartEventDeltaMessageContent`).
fn begun(block: Option<Value>) -> Value {
    let mut fields = match block {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(fields)) => fields,
        Some(other) => return other,
    };
    fields.retain(|_, value| !value.is_null());
    let guessed = if fields.contains_key("thinking") { "thinking" } else { "text" };
    let kind = match fields.entry("type").or_insert_with(|| json!(guessed)).as_str() {
        Some("text") => "text",
        Some("thinking") => "thinking",
        _ => return Value::Object(fields),
    };
    fields.entry(kind).or_insert_with(|| json!(""));
    Value::Object(fields)
}

/// The one value, also where it is written as a list of one.
fn one(value: Option<Value>) -> Option<Value> {
    match value? {
        Value::Array(list) => list.into_iter().next(),
        value => Some(value),
    }
}
