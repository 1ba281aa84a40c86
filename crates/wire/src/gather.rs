//! Canon events → the whole answer they make: what a stream said, as if it had come in one piece.
//!
//! The rules are those of [`Event`]. An answer has no bound of its own, so this has one: past it nothing more is kept, and
//! [`Gather::complete`] says so. It knows no dialect. Used by stored answers, replay and the tests of every decoder.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use contract::canon::{
    Choice, Event, Extra, Finish, MediaSource, Native, Part, PartKind, PartStart, Provenance, Reply,
    ServerCall,
};
use serde_json::{Map, Value};

/// The most bytes of an answer that are kept unless told otherwise: room for some pictures in base64.
pub const ANSWER_CAP: usize = 64 << 20;

/// What a part, a choice or a citation is counted as beside its texts.
const WEIGHT: usize = 64;

/// An answer in the making.
#[derive(Debug)]
pub struct Gather {
    reply: Reply,
    choices: BTreeMap<u32, Making>,
    left: usize,
    cut: bool,
    ended: bool,
}

/// A choice in the making.
#[derive(Debug, Default)]
struct Making {
    choice: Choice,
    /// Where the part of a number stands.
    places: BTreeMap<u32, usize>,
}

impl Default for Gather {
    fn default() -> Self {
        Self::with_cap(ANSWER_CAP)
    }
}

impl Gather {
    /// One that keeps about so many bytes.
    #[must_use]
    pub fn with_cap(bytes: usize) -> Self {
        Self { reply: Reply::default(), choices: BTreeMap::new(), left: bytes, cut: false, ended: false }
    }

    /// Takes the next event.
    pub fn push(&mut self, event: Event) {
        if matches!(event, Event::End) {
            self.ended = true;
            return;
        }
        let weight = weight(&event);
        if self.cut || weight > self.left {
            // Why it stopped and what it cost are worth knowing of half an answer too, and take no room.
            self.cut = true;
            if !matches!(event, Event::Finish { .. } | Event::Usage(_)) {
                return;
            }
        }
        self.left = self.left.saturating_sub(weight);
        self.keep(event);
    }

    /// Has the whole answer arrived, and was there room for it?
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.ended && !self.cut
    }

    /// The answer as far as it came.
    #[must_use]
    pub fn finish(self) -> Reply {
        let choices = self.choices.into_values().map(|making| making.choice);
        Reply { choices: choices.collect(), ..self.reply }
    }

    fn keep(&mut self, event: Event) {
        match event {
            Event::Start { id, model, created, extra } => {
                self.reply = Reply { id, model, created, extra, usage: self.reply.usage, ..Reply::default() };
            }
            Event::PartStart { choice, index, part, native } => {
                let part = begun(part, native);
                let making = self.choices.entry(choice).or_default();
                making.places.insert(index, making.choice.parts.len());
                making.choice.parts.push(part);
            }
            Event::Delta { choice, index, text } => {
                if let Some(part) = self.part(choice, index) {
                    append(&mut part.kind, &text);
                }
            }
            Event::NativeDelta { choice, index, native } => {
                if let Some(part) = self.part(choice, index) {
                    match &mut part.native {
                        Some(before) if before.owner == native.owner => {
                            absorb(&mut before.value, native.value);
                        }
                        other => *other = Some(native),
                    }
                }
            }
            Event::Citation { choice, index, citation } => {
                if let Some(part) = self.part(choice, index) {
                    part.citations.push(citation);
                }
            }
            Event::Logprobs { choice, tokens } => {
                self.choices.entry(choice).or_default().choice.logprobs.extend(tokens);
            }
            Event::Extra { choice: Some(choice), extra } => {
                add(&mut self.choices.entry(choice).or_default().choice.extra, extra);
            }
            Event::Extra { choice: None, extra } => add(&mut self.reply.extra, extra),
            Event::Finish { choice, reason, stop_sequence } => self.finished(choice, reason, stop_sequence),
            Event::Usage(usage) => self.reply.usage = Some(usage),
            Event::PartStop { .. } | Event::Error { .. } | Event::End => {}
        }
    }

    fn finished(&mut self, number: u32, reason: Finish, stop_sequence: Option<String>) {
        let choice = if self.cut {
            self.choices.get_mut(&number)
        } else {
            Some(self.choices.entry(number).or_default())
        };
        if let Some(making) = choice {
            making.choice.finish = reason;
            making.choice.stop_sequence = stop_sequence;
        }
    }

    fn part(&mut self, choice: u32, index: u32) -> Option<&mut Part> {
        let making = self.choices.get_mut(&choice)?;
        making.choice.parts.get_mut(*making.places.get(&index)?)
    }
}

/// A part at its beginning.
fn begun(start: PartStart, native: Option<Native>) -> Part {
    let mut provenance = Provenance::Model;
    let kind = match start {
        PartStart::Text => PartKind::Text(String::new()),
        PartStart::Reasoning => PartKind::Reasoning(String::new()),
        PartStart::Refusal => PartKind::Refusal(String::new()),
        PartStart::ToolCall { id, name, custom } => {
            PartKind::ToolCall { id, name, arguments: String::new(), custom }
        }
        PartStart::Media { kind, mime } => {
            PartKind::Media { kind, source: MediaSource::Base64 { mime, data: String::new() } }
        }
        PartStart::ServerCall { id, tool, name } => {
            PartKind::ServerCall(ServerCall { id, tool, name, input: String::new() })
        }
        PartStart::ServerResult(result) => {
            provenance = Provenance::Tool;
            PartKind::ServerResult(result)
        }
        PartStart::Native => PartKind::Native,
    };
    Part { native, ..Part::new(kind, provenance) }
}

/// More of a part.
fn append(kind: &mut PartKind, text: &str) {
    match kind {
        PartKind::Text(before) | PartKind::Reasoning(before) | PartKind::Refusal(before) => {
            before.push_str(text);
        }
        PartKind::ToolCall { arguments, .. } => arguments.push_str(text),
        PartKind::ServerCall(call) => call.input.push_str(text),
        PartKind::Media { source: MediaSource::Base64 { data, .. }, .. } => append_base64(data, text),
        PartKind::Media { .. } | PartKind::ToolResult(_) | PartKind::ServerResult(_) | PartKind::Native => {}
    }
}

/// Joins base64. Some providers encode each piece on its own, so that padding stands between them.
fn append_base64(data: &mut String, piece: &str) {
    if !data.ends_with('=') || piece.is_empty() {
        data.push_str(piece);
        return;
    }
    let tail = data.len().saturating_sub(4);
    let last = data.get(tail..).and_then(|tail| BASE64_STANDARD.decode(tail).ok());
    match (last, BASE64_STANDARD.decode(piece)) {
        (Some(mut bytes), Ok(more)) => {
            bytes.extend_from_slice(&more);
            data.truncate(tail);
            data.push_str(&BASE64_STANDARD.encode(bytes));
        }
        _ => data.push_str(piece),
    }
}

/// Merges more of a sidecar: strings are appended, arrays extended, objects merged, anything else replaced.
fn absorb(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::String(before), Value::String(more)) => before.push_str(&more),
        (Value::Array(before), Value::Array(more)) => before.extend(more),
        (Value::Object(before), Value::Object(more)) => {
            for (key, value) in more {
                match before.get_mut(&key) {
                    Some(inner) => absorb(inner, value),
                    None => {
                        before.insert(key, value);
                    }
                }
            }
        }
        (before, value) => *before = value,
    }
}

/// Adds fields to those seen before: objects are merged, anything else is replaced.
fn add(into: &mut Extra, from: Extra) {
    if into.owner.is_some() && into.owner != from.owner {
        return;
    }
    into.owner = from.owner;
    merge(&mut into.fields, from.fields);
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(before)), Value::Object(more)) => merge(before, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// About the bytes an event takes when it is kept.
fn weight(event: &Event) -> usize {
    match event {
        Event::Start { id, model, extra, .. } => id.len() + model.len() + fields(&extra.fields),
        Event::PartStart { part, native, .. } => WEIGHT + of_start(part) + sidecar(native.as_ref()),
        Event::Delta { text, .. } => text.len(),
        Event::NativeDelta { native, .. } => value(&native.value),
        Event::Citation { citation, .. } => {
            let texts = [&citation.url, &citation.title, &citation.quote, &citation.source];
            let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
            WEIGHT + texts + sidecar(citation.native.as_ref())
        }
        Event::Logprobs { tokens, .. } => tokens.iter().map(|token| WEIGHT * (1 + token.top.len())).sum(),
        Event::Extra { extra, .. } => WEIGHT + fields(&extra.fields),
        Event::Finish { .. }
        | Event::PartStop { .. }
        | Event::Usage(_)
        | Event::Error { .. }
        | Event::End => 0,
    }
}

fn of_start(part: &PartStart) -> usize {
    match part {
        PartStart::ToolCall { id, name, .. } => id.len() + name.len(),
        PartStart::ServerCall { id, name, .. } => id.len() + name.as_ref().map_or(0, String::len),
        PartStart::ServerResult(result) => result.call.len() + result.output.len(),
        PartStart::Media { mime, .. } => mime.len(),
        PartStart::Text | PartStart::Reasoning | PartStart::Refusal | PartStart::Native => 0,
    }
}

fn sidecar(native: Option<&Native>) -> usize {
    native.map_or(0, |native| value(&native.value))
}

fn fields(map: &Map<String, Value>) -> usize {
    map.iter().map(|(key, inner)| key.len() + value(inner)).sum()
}

/// The bytes of a value; it was parsed, so it is not nested without bound.
fn value(json: &Value) -> usize {
    const LEAF: usize = 16;
    LEAF + match json {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value).sum(),
        Value::Object(map) => fields(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests;
