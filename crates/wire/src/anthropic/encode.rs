//! Canon events → a stream of Messages events, in the order Anthropic's SDKs build a message from:
//! `message_start`, blocks one after the other, `message_delta` with reason and counts, `message_stop`.
//!
//! Only one block may be open at a time. Other dialects interleave parallel tool calls: a part that begins while another
//! is open waits, its deltas kept up to [`WAITING_CAP`], and is written when its turn comes.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, Finish, Native, PartStart};
use contract::words::Usage;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::written::call_id;
use super::{DIALECT, cite, message_id, model, stop_reason, usage};
use crate::outgoing::merge;
use crate::{EncodeOptions, StreamEncoder};

/// The most bytes of waiting parts that are kept. Calls larger than this beside an open one fail the stream.
const WAITING_CAP: usize = 4 << 20;

/// The encoder of one stream.
pub(crate) struct Encoder {
    options: EncodeOptions,
    /// `message_start`, held back until the first block: the counts of the input often come right after it.
    head: Option<Map<String, Value>>,
    usage: Usage,
    finish: Finish,
    stop_sequence: Option<String>,
    /// What the answer's own dialect says of it at the end.
    extra: Map<String, Value>,
    open: Option<Open>,
    next: u32,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    begun: bool,
    ended: bool,
}

/// The block being written.
struct Open {
    part: u32,
    kind: Kind,
}

/// What a block's deltas are called.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
    /// A block of this type that canon has no word for.
    Native(String),
}

/// A part that began while another was open.
struct Waiting {
    open: Open,
    block: Value,
    text: String,
    deltas: Vec<Value>,
    stopped: bool,
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, extra, .. } => self.start(id, model, extra),
            Event::PartStart { choice: 0, index, part, native } => {
                self.part_start(*index, part, native.as_ref(), out);
            }
            Event::Delta { choice: 0, index, text } => self.delta(*index, text, out),
            Event::NativeDelta { choice: 0, index, native } if native.owner == DIALECT => {
                self.deltas(*index, |kind| native_deltas(kind, &native.value), out);
            }
            Event::Citation { choice: 0, index, citation } => {
                let delta = json!({"type": "citations_delta", "citation": cite::shown(citation)});
                self.deltas(*index, |_| vec![delta], out);
            }
            Event::Extra { choice: None | Some(0), extra } if extra.owner == Some(DIALECT) => {
                replace(&mut self.extra, &extra.fields);
            }
            Event::PartStop { choice: 0, index } => self.part_stop(*index, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = reason.clone();
                self.stop_sequence.clone_from(stop_sequence);
            }
            Event::Usage(usage) => self.usage = *usage,
            Event::Error { kind, message } => {
                self.error(kind.as_deref().unwrap_or("api_error"), message, out);
            }
            Event::End => self.end(out),
            // A message has one choice, and takes nothing that another dialect alone understands.
            Event::PartStart { .. }
            | Event::Delta { .. }
            | Event::NativeDelta { .. }
            | Event::PartStop { .. }
            | Event::Citation { .. }
            | Event::Logprobs { .. }
            | Event::Extra { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.ended {
            self.ended = true;
            frame(out, "error", &crate::errors::render::anthropic_error(fault));
        }
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(crate) fn new(options: EncodeOptions) -> Self {
        Self {
            options,
            head: None,
            usage: Usage::default(),
            finish: Finish::Stop,
            stop_sequence: None,
            extra: Map::new(),
            open: None,
            next: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            begun: false,
            ended: false,
        }
    }

    fn start(&mut self, id: &str, name: &str, extra: &Extra) {
        let message = json!({
            "id": message_id(id, &self.options), "type": "message", "role": "assistant",
            "model": model(name, &self.options), "content": [], "stop_reason": null, "stop_sequence": null,
        });
        if let Value::Object(mut message) = message {
            if extra.owner == Some(DIALECT) {
                merge(&mut message, &extra.fields);
            }
            self.head = Some(message);
        }
    }

    /// Writes `message_start` if it is still owed.
    fn begin(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        if self.head.is_none() {
            self.start("", "", &Extra::default());
        }
        let mut message = self.head.take().unwrap_or_default();
        let mut counts = usage::write(&self.usage);
        if let Some(Value::Object(left)) = message.shift_remove("usage") {
            merge(&mut counts, &left);
        }
        message.insert("usage".to_owned(), Value::Object(counts));
        frame(out, "message_start", &json!({"type": "message_start", "message": message}));
    }

    fn part_start(&mut self, part: u32, start: &PartStart, native: Option<&Native>, out: &mut BytesMut) {
        let own = native.filter(|native| native.owner == DIALECT).and_then(|native| native.value.as_object());
        let (kind, mut block) = match (start, own) {
            (PartStart::Text | PartStart::Refusal, _) => (Kind::Text, json!({"type": "text", "text": ""})),
            (PartStart::Reasoning, _) => {
                (Kind::Thinking, json!({"type": "thinking", "thinking": "", "signature": ""}))
            }
            (PartStart::ToolCall { id, name, .. }, _) => {
                let id = call_id(id);
                (Kind::Call, json!({"type": "tool_use", "id": id, "name": name, "input": {}}))
            }
            (PartStart::ServerCall { .. }, Some(_)) => (Kind::Call, json!({"input": {}})),
            (PartStart::Native | PartStart::ServerResult(_), Some(own)) => {
                let kind = own.get("type").and_then(Value::as_str).unwrap_or_default();
                (Kind::Native(kind.to_owned()), json!({}))
            }
            // Tools that other providers ran, and media, have no blocks in an answer here.
            _ => return,
        };
        if let (Value::Object(block), Some(own)) = (&mut block, own) {
            block.extend(own.clone());
        }
        let open = Open { part, kind };
        self.begin(out);
        if self.open.is_some() {
            self.waiting.push_back(Waiting {
                open,
                block,
                text: String::new(),
                deltas: Vec::new(),
                stopped: false,
            });
        } else {
            self.open_block(open, &block, out);
        }
    }

    fn open_block(&mut self, open: Open, block: &Value, out: &mut BytesMut) {
        let index = self.next;
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        frame(out, "content_block_start", &start);
        self.open = Some(open);
    }

    fn delta(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        match &self.open {
            Some(open) if open.part == part => write_delta(out, self.next, &open.kind, text),
            _ => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.open.part == part) {
                    waiting.text.push_str(text);
                    self.hold(text.len(), out);
                }
            }
        }
    }

    /// Writes deltas that are no text, made for the kind of block they belong to.
    fn deltas(&mut self, part: u32, make: impl FnOnce(&Kind) -> Vec<Value>, out: &mut BytesMut) {
        match &self.open {
            Some(open) if open.part == part => {
                for delta in make(&open.kind) {
                    write_other(out, self.next, &delta);
                }
            }
            _ => {
                let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.open.part == part) else {
                    return;
                };
                let made = make(&waiting.open.kind);
                let bytes = made.iter().map(|delta| delta.to_string().len()).sum();
                waiting.deltas.extend(made);
                self.hold(bytes, out);
            }
        }
    }

    fn hold(&mut self, bytes: usize, out: &mut BytesMut) {
        self.waiting_bytes += bytes;
        if self.waiting_bytes > WAITING_CAP {
            self.error("api_error", "The tool calls are too large to be put in order.", out);
        }
    }

    fn part_stop(&mut self, part: u32, out: &mut BytesMut) {
        match &self.open {
            Some(open) if open.part == part => {
                self.close_block(out);
                self.catch_up(out);
            }
            _ => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.open.part == part) {
                    waiting.stopped = true;
                }
            }
        }
    }

    fn close_block(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            let stop = json!({"type": "content_block_stop", "index": self.next});
            frame(out, "content_block_stop", &stop);
            self.next += 1;
        }
    }

    /// Writes waiting parts until one is still being made.
    fn catch_up(&mut self, out: &mut BytesMut) {
        while self.open.is_none() {
            let Some(Waiting { open, block, text, deltas, stopped }) = self.waiting.pop_front() else {
                break;
            };
            let kind = open.kind.clone();
            self.open_block(open, &block, out);
            if !text.is_empty() {
                write_delta(out, self.next, &kind, &text);
            }
            for delta in &deltas {
                write_other(out, self.next, delta);
            }
            if stopped {
                self.close_block(out);
            }
        }
        if self.waiting.is_empty() {
            self.waiting_bytes = 0;
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(out);
        while self.open.is_some() {
            self.close_block(out);
            self.catch_up(out);
        }
        self.ended = true;
        let mut counts = usage::write(&self.usage);
        // The split by lifetime is part of `message_start`, where Anthropic knows it already. Another provider tells at the
        // end, and an hour costs more.
        if self.usage.cache_write_long == 0 {
            counts.shift_remove("cache_creation");
        }
        let mut extra = std::mem::take(&mut self.extra);
        if let Some(Value::Object(left)) = extra.shift_remove("usage") {
            merge(&mut counts, &left);
        }
        let mut delta =
            json!({"stop_reason": stop_reason(&self.finish), "stop_sequence": self.stop_sequence});
        for field in ["container", "stop_details"] {
            if let (Some(delta), Some(value)) = (delta.as_object_mut(), extra.shift_remove(field)) {
                delta.insert(field.to_owned(), value);
            }
        }
        let mut last = json!({"type": "message_delta", "delta": delta, "usage": counts});
        if let Some(last) = last.as_object_mut() {
            merge(last, &extra);
        }
        frame(out, "message_delta", &last);
        frame(out, "message_stop", &json!({"type": "message_stop"}));
    }

    fn error(&mut self, kind: &str, message: &str, out: &mut BytesMut) {
        self.ended = true;
        frame(out, "error", &json!({"type": "error", "error": {"type": kind, "message": message}}));
    }
}

/// The frame every token comes in: written around the text, without an intermediate value.
fn write_delta(out: &mut BytesMut, index: u32, kind: &Kind, text: &str) {
    let (kind, field) = match kind {
        Kind::Text => ("text_delta", "text"),
        Kind::Thinking => ("thinking_delta", "thinking"),
        Kind::Call => ("input_json_delta", "partial_json"),
        // Their deltas are native too.
        Kind::Native(_) => return,
    };
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    write_json(out, &index);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(field.as_bytes());
    out.extend_from_slice(b"\":");
    write_json(out, text);
    out.extend_from_slice(b"}}\n\n");
}

fn write_other(out: &mut BytesMut, index: u32, delta: &Value) {
    frame(
        out,
        "content_block_delta",
        &json!({"type": "content_block_delta", "index": index, "delta": delta}),
    );
}

/// The deltas that bring these fields to a block. What has no delta of its own comes in one that is named after the block,
/// as `compaction_delta` is.
fn native_deltas(kind: &Kind, fields: &Value) -> Vec<Value> {
    let (mut deltas, mut rest) = (Vec::new(), Map::new());
    let is_native = matches!(kind, Kind::Native(_));
    for (key, value) in fields.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("signature", Value::String(_)) => {
                deltas.push(json!({"type": "signature_delta", "signature": value}));
            }
            ("citations", Value::Array(list)) => {
                deltas.extend(list.iter().map(|one| json!({"type": "citations_delta", "citation": one})));
            }
            ("text" | "thinking", Value::String(_)) if is_native => {
                deltas.push(json!({"type": format!("{key}_delta"), key: value}));
            }
            ("input", _) if is_native => {
                deltas.push(json!({"type": "input_json_delta", "partial_json": value.to_string()}));
            }
            _ => {
                rest.insert(key.clone(), value.clone());
            }
        }
    }
    if !rest.is_empty() {
        let block = match kind {
            Kind::Text => "text",
            Kind::Thinking => "thinking",
            Kind::Call => "input_json",
            Kind::Native(name) => name,
        };
        rest.insert("type".to_owned(), format!("{block}_delta").into());
        deltas.push(Value::Object(rest));
    }
    deltas
}

/// Adds fields to those seen before: objects are merged, anything else is replaced.
fn replace(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => replace(inner, value),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn frame(out: &mut BytesMut, event: &str, data: &Value) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write_json(out, data);
    out.extend_from_slice(b"\n\n");
}

fn write_json<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    // Memory grows and texts always have a JSON form, so that there is no error to report.
    let _written = serde_json::to_writer(out.writer(), value);
}
