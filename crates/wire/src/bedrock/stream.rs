//! A ConverseStream → canon (docs: "ConverseStreamOutput").
//!
//! Texts and thoughts begin with their first delta, without a start; tools and pictures have one. `metadata` comes last.
//! `p`, which pads every event against guessing from its length, says nothing and is not kept.

use bytes::Bytes;
use contract::canon::{Event, MediaKind, Native, PartKind, PartStart, Provenance};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::block::{Block, system_tool};
use super::reply::stop_sequence;
use super::{DIALECT, citation, finish, format, invalid, own, single, take_text, usage};
use crate::emulate::Called;
use crate::frames::eventstream::{EventStreamError, Message, MessageKind, Reader};
use crate::frames::sse::HELD_CAP;
use crate::{StreamDecoder, WireError};

/// Reads a stream.
#[derive(Default)]
pub(crate) struct Decoder {
    reader: Reader,
    state: State,
}

#[derive(Default)]
struct State {
    open: Vec<(u32, Open)>,
    called: Called,
    finished: bool,
    ended: bool,
}

/// What an open block is.
enum Open {
    Text,
    /// A text that is known to rest on sources.
    Cited,
    Thoughts,
    Call,
    Picture,
    Native,
    /// A result of a tool that the provider ran, which canon wants whole.
    Result {
        fields: Map<String, Value>,
        bytes: usize,
    },
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.reader.feed(bytes, |message| state.read(message, events).map_err(Stop))?;
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.state.ended {
            return Ok(());
        }
        if !self.reader.is_between() || !self.state.finished {
            return Err(invalid("the stream ended before messageStop"));
        }
        self.state.ended = true;
        events.push(Event::End);
        Ok(())
    }
}

/// Carries an error of ours through the reader.
struct Stop(WireError);

impl From<EventStreamError> for Stop {
    fn from(error: EventStreamError) -> Self {
        Self(invalid(error))
    }
}

impl From<Stop> for WireError {
    fn from(Stop(error): Stop) -> Self {
        error
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta {
    #[serde(default)]
    content_block_index: u32,
    delta: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    #[serde(default)]
    content_block_index: u32,
    start: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    #[serde(default)]
    content_block_index: u32,
}

impl State {
    fn read(&mut self, message: Message<'_>, events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let payload = message.payload;
        match message.kind {
            MessageKind::Event("messageStart") => {
                let mut fields = object(payload)?;
                let _constant = take_text(&mut fields, "role");
                let (id, model) = (String::new(), String::new());
                events.push(Event::Start { id, model, created: None, extra: own(fields) });
            }
            MessageKind::Event("contentBlockStart") => {
                let Start { content_block_index, start } = parse(payload)?;
                self.start(content_block_index, start, events)?;
            }
            MessageKind::Event("contentBlockDelta") => {
                let Delta { content_block_index, delta } = parse(payload)?;
                for (name, value) in delta {
                    self.delta(content_block_index, &name, value, events)?;
                }
            }
            MessageKind::Event("contentBlockStop") => {
                let Index { content_block_index } = parse(payload)?;
                self.stop(content_block_index, events)?;
            }
            MessageKind::Event("messageStop") => self.finish(object(payload)?, events)?,
            MessageKind::Event("metadata") => self.metadata(object(payload)?, events),
            MessageKind::Event(_) => {}
            MessageKind::Exception(kind) => {
                let message = object(payload).ok().and_then(|mut fields| take_text(&mut fields, "message"));
                self.fail(kind, message.unwrap_or_default(), events);
            }
            MessageKind::Error { code, message } => self.fail(code, message.to_owned(), events),
        }
        Ok(())
    }

    fn fail(&mut self, kind: &str, message: String, events: &mut Vec<Event>) {
        self.ended = true;
        let kind = (!kind.is_empty()).then(|| kind.to_owned());
        events.push(Event::Error { kind, message });
    }

    fn begin(
        &mut self,
        index: u32,
        open: Open,
        part: PartStart,
        native: Option<Value>,
        events: &mut Vec<Event>,
    ) {
        self.open.push((index, open));
        let native = native.map(|value| Native { owner: DIALECT, value });
        events.push(Event::PartStart { choice: 0, index, part, native });
    }

    fn opened(&mut self, index: u32) -> Option<&mut Open> {
        self.open.iter_mut().find(|(at, _)| *at == index).map(|(_, open)| open)
    }

    fn start(
        &mut self,
        index: u32,
        mut start: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        if self.opened(index).is_some() {
            return Err(invalid("a block begins twice"));
        }
        if let Some(Value::Object(mut call)) = start.shift_remove("toolUse") {
            let (id, name) = (take_text(&mut call, "toolUseId"), take_text(&mut call, "name"));
            let (Some(id), Some(name)) = (id, name) else {
                return Err(invalid("a call without an id or a name"));
            };
            call.retain(|_, value| !value.is_null());
            let server = call.get("type").is_some_and(|kind| kind == "server_tool_use");
            let native = (!call.is_empty()).then(|| json!({"toolUse": call}));
            if !server && self.called.is_answer(&name) {
                self.begin(index, Open::Call, PartStart::Text, None, events);
            } else if server {
                let part = PartStart::ServerCall { id, tool: system_tool(&name), name: Some(name) };
                self.begin(index, Open::Call, part, native, events);
            } else {
                self.begin(
                    index,
                    Open::Call,
                    PartStart::ToolCall { id, name, custom: false },
                    native,
                    events,
                );
            }
        } else if let Some(Value::Object(fields)) = start.shift_remove("toolResult") {
            self.open.push((index, Open::Result { fields, bytes: 0 }));
        } else if let Some(Value::Object(mut picture)) = start.shift_remove("image") {
            let known =
                take_text(&mut picture, "format").and_then(|name| format::mime(MediaKind::Image, &name));
            let part =
                PartStart::Media { kind: MediaKind::Image, mime: known.unwrap_or("image/png").to_owned() };
            let native = (!picture.is_empty()).then(|| json!({"image": picture}));
            self.begin(index, Open::Picture, part, native, events);
        } else {
            let whole = Value::Object(without_nulls(start));
            self.begin(index, Open::Native, PartStart::Native, Some(whole), events);
        }
        Ok(())
    }

    fn delta(
        &mut self,
        index: u32,
        name: &str,
        value: Value,
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        match (name, value) {
            ("text", Value::String(text)) => {
                if self.opened(index).is_none() {
                    self.begin(index, Open::Text, PartStart::Text, None, events);
                }
                push_text(index, text, events);
            }
            ("reasoningContent", Value::Object(fields)) => self.thoughts(index, fields, events),
            ("citation", value) => {
                let sidecar = json!({"citationsContent": {"content": []}});
                match self.opened(index) {
                    None => self.begin(index, Open::Cited, PartStart::Text, Some(sidecar), events),
                    Some(open @ Open::Text) => {
                        *open = Open::Cited;
                        push_native(index, sidecar, events);
                    }
                    Some(_) => {}
                }
                events.push(Event::Citation { choice: 0, index, citation: citation::read(value) });
            }
            ("toolUse", Value::Object(mut fields)) => match self.opened(index) {
                Some(Open::Call) => {
                    push_text(index, take_text(&mut fields, "input").unwrap_or_default(), events);
                }
                _ => return Err(invalid("a call goes on that did not begin")),
            },
            ("toolResult", Value::Array(items)) => match self.opened(index) {
                Some(Open::Result { fields, bytes }) => collect(fields, bytes, items)?,
                _ => return Err(invalid("a result goes on that did not begin")),
            },
            ("image", Value::Object(mut fields)) if matches!(self.opened(index), Some(Open::Picture)) => {
                let source = fields.get_mut("source").and_then(Value::as_object_mut);
                if let Some(bytes) = source.and_then(|source| take_text(source, "bytes")) {
                    push_text(index, bytes, events);
                }
                fields.retain(|_, value| !value.is_null() && *value != json!({}));
                if !fields.is_empty() {
                    push_native(index, json!({"image": fields}), events);
                }
            }
            (_, Value::Null) => {}
            (name, value) => {
                if self.opened(index).is_none() {
                    let whole = Some(json!({}));
                    self.begin(index, Open::Native, PartStart::Native, whole, events);
                }
                push_native(index, Value::Object(single(name, value)), events);
            }
        }
        Ok(())
    }

    fn thoughts(&mut self, index: u32, mut fields: Map<String, Value>, events: &mut Vec<Event>) {
        let opened = self.opened(index).is_some();
        if !opened && fields.contains_key("redactedContent") {
            let whole = json!({"reasoningContent": fields});
            return self.begin(index, Open::Native, PartStart::Native, Some(whole), events);
        }
        if !opened {
            self.begin(
                index,
                Open::Thoughts,
                PartStart::Reasoning,
                Some(json!({"reasoningContent": {}})),
                events,
            );
        }
        push_text(index, take_text(&mut fields, "text").unwrap_or_default(), events);
        if let Some(signature) = take_text(&mut fields, "signature") {
            push_native(
                index,
                json!({"reasoningContent": {"reasoningText": {"signature": signature}}}),
                events,
            );
        }
        if !fields.is_empty() {
            push_native(index, json!({"reasoningContent": fields}), events);
        }
    }

    fn stop(&mut self, index: u32, events: &mut Vec<Event>) -> Result<(), WireError> {
        // Some models close blocks that never began.
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else { return Ok(()) };
        let (_, open) = self.open.swap_remove(at);
        if let Open::Result { fields, .. } = open {
            let block = json!({"toolResult": fields});
            let mut parts = Vec::new();
            let read = Block::from_value(block).and_then(|block| block.read(Provenance::Model, &mut parts));
            read.map_err(invalid)?;
            for part in parts {
                let start = match part.kind {
                    PartKind::ServerResult(result) => PartStart::ServerResult(result),
                    _ => PartStart::Native,
                };
                events.push(Event::PartStart { choice: 0, index, part: start, native: part.native });
            }
        }
        events.push(Event::PartStop { choice: 0, index });
        Ok(())
    }

    fn finish(&mut self, mut fields: Map<String, Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, events)?;
        }
        self.finished = true;
        let reason = take_text(&mut fields, "stopReason").unwrap_or_else(|| "end_turn".to_owned());
        let (reason, extra) = finish(&reason);
        let reason = self.called.finish(reason);
        if extra.owner.is_some() {
            events.push(Event::Extra { choice: Some(0), extra });
        }
        fields.shift_remove("p");
        let stop_sequence = stop_sequence(&fields);
        let extra = own(fields);
        if extra.owner.is_some() {
            events.push(Event::Extra { choice: None, extra });
        }
        events.push(Event::Finish { choice: 0, reason, stop_sequence });
        Ok(())
    }

    fn metadata(&mut self, mut fields: Map<String, Value>, events: &mut Vec<Event>) {
        fields.shift_remove("p");
        if let Some(usage) = usage::take(&mut fields) {
            events.push(Event::Usage(usage));
        }
        let extra = own(fields);
        if extra.owner.is_some() {
            events.push(Event::Extra { choice: None, extra });
        }
        if self.finished {
            self.ended = true;
            events.push(Event::End);
        }
    }
}

/// Adds pieces of a result to those before; texts go on where the last one ended.
fn collect(fields: &mut Map<String, Value>, bytes: &mut usize, items: Vec<Value>) -> Result<(), WireError> {
    let content = fields.entry("content").or_insert_with(|| json!([]));
    let Some(content) = content.as_array_mut() else { return Err(invalid("a result's content is no list")) };
    for item in items {
        *bytes += item.to_string().len();
        if *bytes > HELD_CAP {
            return Err(invalid("a result is too large"));
        }
        let more = item.get("text").and_then(Value::as_str);
        match (content.last_mut().and_then(|last| last.get_mut("text")), more) {
            (Some(Value::String(text)), Some(more)) => text.push_str(more),
            _ => content.push(item),
        }
    }
    Ok(())
}

fn parse<'de, T: Deserialize<'de>>(payload: &'de [u8]) -> Result<T, WireError> {
    serde_json::from_slice(payload).map_err(invalid)
}

fn object(payload: &[u8]) -> Result<Map<String, Value>, WireError> {
    let mut fields: Map<String, Value> = parse(payload)?;
    fields.shift_remove("p");
    Ok(fields)
}

fn without_nulls(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|_, value| !value.is_null());
    fields
}

fn push_text(index: u32, text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Delta { choice: 0, index, text });
    }
}

fn push_native(index: u32, value: Value, events: &mut Vec<Event>) {
    events.push(Event::NativeDelta { choice: 0, index, native: Native { owner: DIALECT, value } });
}
