//! Canon events → a ConverseStream: `messageStart`, blocks one after the other, `messageStop`, `metadata`.
//!
//! A block that begins while another is open waits, its frames kept up to [`WAITING_CAP`], and is written when its turn
//! comes: clients put blocks together in the order in which they arrive.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, Finish, MediaKind, Native, PartStart};
use contract::fault::Family;
use contract::words::Usage;
use serde_json::{Map, Value, json};

use super::written::call_id;
use super::{DIALECT, citation, format, single, stop_reason, usage};
use crate::StreamEncoder;
use crate::frames::eventstream::{MessageKind, write as write_message};
use crate::outgoing::merge;

/// The most bytes of waiting blocks that are kept. More than this beside an open one fails the stream.
const WAITING_CAP: usize = 4 << 20;

/// The encoder of one stream.
#[derive(Default)]
pub(crate) struct Encoder {
    begun: bool,
    ended: bool,
    next: u32,
    /// The first is being written, the others wait.
    blocks: VecDeque<Block>,
    waiting_bytes: usize,
    usage: Usage,
    finish: Finish,
    stop_sequence: Option<String>,
    /// The upstream's own reason, where it speaks this dialect.
    reason: Option<String>,
    extra: Map<String, Value>,
}

/// A block that has begun.
struct Block {
    part: u32,
    index: u32,
    kind: Kind,
    /// Has any frame of it been made? One without needs no end.
    written: bool,
    stopped: bool,
    frames: BytesMut,
}

/// What a block's deltas are called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thoughts,
    Call,
    Picture,
    Native,
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { extra, .. } => self.begin(extra, out),
            Event::PartStart { choice: 0, index, part, native } => {
                self.part_start(*index, part, native.as_ref(), out);
            }
            Event::Delta { choice: 0, index, text } => {
                self.frame(*index, out, |block| block.delta(text));
            }
            Event::NativeDelta { choice: 0, index, native } if native.owner == DIALECT => {
                self.frame(*index, out, |block| {
                    block.native(&native.value);
                    block.more(&native.value);
                });
            }
            Event::Citation { choice: 0, index, citation } => {
                let delta = single("citation", citation::write(citation));
                self.frame(*index, out, |block| {
                    block.push("contentBlockDelta", "delta", &Value::Object(delta));
                });
            }
            Event::PartStop { choice: 0, index } => self.part_stop(*index, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = reason.clone();
                self.stop_sequence.clone_from(stop_sequence);
            }
            Event::Extra { choice, extra } if extra.owner == Some(DIALECT) => self.keep(*choice, extra),
            Event::Usage(usage) => self.usage = *usage,
            Event::Error { kind, message } => self.fail_with(exception(kind.as_deref()), message, out),
            Event::End => self.end(out),
            // A message has one choice, and takes nothing that another dialect alone understands.
            _ => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        let name = match fault.code().family() {
            Family::RateLimit => "throttlingException",
            Family::Overloaded => "serviceUnavailableException",
            Family::Timeout => "modelStreamErrorException",
            Family::Server => "internalServerException",
            Family::InvalidRequest
            | Family::Authentication
            | Family::Permission
            | Family::NotFound
            | Family::TooLarge => "validationException",
        };
        self.fail_with(name, fault.message(), out);
    }
}

/// One of the exceptions a stream knows (docs: "ConverseStreamOutput").
fn exception(kind: Option<&str>) -> &'static str {
    let Some(kind) = kind else { return "modelStreamErrorException" };
    let known = [
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "serviceUnavailableException",
    ];
    if let Some(known) = known.into_iter().find(|known| known.eq_ignore_ascii_case(kind)) {
        return known;
    }
    let kind = kind.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| kind.contains(part));
    if has(&["rate_limit", "throttl", "exhausted"]) {
        "throttlingException"
    } else if has(&["overloaded", "unavailable"]) {
        "serviceUnavailableException"
    } else if has(&["invalid", "validation"]) {
        "validationException"
    } else if has(&["internal", "server", "api_error"]) {
        "internalServerException"
    } else {
        "modelStreamErrorException"
    }
}

impl Encoder {
    fn begin(&mut self, extra: &Extra, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.begun, true) {
            let mut fields = single("role", "assistant");
            if extra.owner == Some(DIALECT) {
                merge(&mut fields, &extra.fields);
            }
            event("messageStart", &Value::Object(fields), out);
        }
    }

    fn keep(&mut self, choice: Option<u32>, extra: &Extra) {
        match choice {
            None => merge(&mut self.extra, &extra.fields),
            Some(_) => {
                let reason = extra.fields.get("stopReason").and_then(Value::as_str);
                self.reason = reason.map(str::to_owned).or(self.reason.take());
            }
        }
    }

    fn part_start(&mut self, part: u32, start: &PartStart, native: Option<&Native>, out: &mut BytesMut) {
        let own = native.filter(|native| native.owner == DIALECT).map(|native| &native.value);
        let Some((kind, first)) = beginning(start, own) else { return };
        self.begin(&Extra::default(), out);
        let mut block =
            Block { part, index: self.next, kind, written: false, stopped: false, frames: BytesMut::new() };
        self.next += 1;
        if let Some(first) = first {
            block.push("contentBlockStart", "start", &first);
        }
        if let Some(own) = own {
            block.native(own);
        }
        self.blocks.push_back(block);
        self.flush(out);
    }

    /// Makes frames of a block and lets them go if it is its turn.
    fn frame(&mut self, part: u32, out: &mut BytesMut, make: impl FnOnce(&mut Block)) {
        let Some(block) = self.blocks.iter_mut().find(|block| block.part == part && !block.stopped) else {
            return;
        };
        let before = block.frames.len();
        make(block);
        self.waiting_bytes += block.frames.len() - before;
        self.flush(out);
        if self.waiting_bytes > WAITING_CAP {
            self.fail_with(
                "modelStreamErrorException",
                "The tool calls are too large to be put in order.",
                out,
            );
        }
    }

    fn part_stop(&mut self, part: u32, out: &mut BytesMut) {
        if let Some(block) = self.blocks.iter_mut().find(|block| block.part == part && !block.stopped) {
            block.stop();
        }
        self.flush(out);
    }

    /// Lets go what the first block has, and while it is complete, what the next ones have.
    fn flush(&mut self, out: &mut BytesMut) {
        while let Some(block) = self.blocks.front_mut() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(block.frames.len());
            out.extend_from_slice(&block.frames);
            block.frames.clear();
            if !block.stopped {
                return;
            }
            self.blocks.pop_front();
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(&Extra::default(), out);
        for block in &mut self.blocks {
            if !block.stopped {
                block.stop();
            }
        }
        self.flush(out);
        self.ended = true;
        let mut extra = std::mem::take(&mut self.extra);
        let reason = self.reason.as_deref().unwrap_or_else(|| stop_reason(&self.finish));
        let mut stop = single("stopReason", reason);
        let own = extra.shift_remove("additionalModelResponseFields");
        let told = self.stop_sequence.as_ref().filter(|_| self.finish == Finish::StopSequence);
        if let Some(own) = own.or_else(|| told.map(|text| json!({"stop_sequence": text}))) {
            stop.insert("additionalModelResponseFields".to_owned(), own);
        }
        event("messageStop", &Value::Object(stop), out);
        let left = match extra.shift_remove("usage") {
            Some(Value::Object(left)) => left,
            _ => Map::new(),
        };
        let mut metadata = single("usage", usage::write(&self.usage, left));
        merge(&mut metadata, &extra);
        // SDKs insist on a number.
        merge(&mut metadata, &single("metrics", single("latencyMs", 0)));
        event("metadata", &Value::Object(metadata), out);
    }

    fn fail_with(&mut self, name: &str, message: &str, out: &mut BytesMut) {
        self.ended = true;
        let payload = json!({"message": message}).to_string();
        write_message(MessageKind::Exception(name), payload.as_bytes(), out);
    }
}

/// Members of a sidecar that [`Block::native`] writes, or that stand for what other events say.
const WRITTEN: [&str; 4] = ["reasoningContent", "toolResult", "toolUse", "citationsContent"];

/// What a block's deltas are called and the frame it begins with; none when there is no place for it here.
fn beginning(start: &PartStart, own: Option<&Value>) -> Option<(Kind, Option<Value>)> {
    let call = |id: &str, name: &str| {
        let mut fields = single("toolUseId", call_id(id).as_ref());
        fields.insert("name".to_owned(), name.into());
        if let Some(Value::Object(left)) = own.and_then(|own| own.get("toolUse")) {
            merge(&mut fields, left);
        }
        Some(json!({"toolUse": fields}))
    };
    Some(match start {
        PartStart::Text | PartStart::Refusal => (Kind::Text, None),
        PartStart::Reasoning => (Kind::Thoughts, None),
        PartStart::ToolCall { id, name, .. } => (Kind::Call, call(id, name)),
        PartStart::ServerCall { id, name: Some(name), .. } if own.is_some() => (Kind::Call, call(id, name)),
        PartStart::Media { kind: MediaKind::Image, mime } => {
            let mut fields = single("format", format::format(MediaKind::Image, mime)?);
            if let Some(Value::Object(left)) = own.and_then(|own| own.get("image")) {
                merge(&mut fields, left);
            }
            (Kind::Picture, Some(json!({"image": fields})))
        }
        PartStart::ServerResult(_) | PartStart::Native => {
            let own = own?.as_object()?;
            let first = match own.get("toolResult") {
                Some(Value::Object(fields)) => {
                    let mut fields = fields.clone();
                    fields.shift_remove("content");
                    Some(json!({"toolResult": fields}))
                }
                // Thoughts and blocks that begin with a delta have no start.
                _ if own.is_empty() || own.contains_key("reasoningContent") => None,
                _ => Some(Value::Object(own.clone())),
            };
            (Kind::Native, first)
        }
        PartStart::ServerCall { .. } | PartStart::Media { .. } => return None,
    })
}

impl Block {
    fn push(&mut self, name: &str, member: &str, value: &Value) {
        self.written = true;
        event(name, &json!({"contentBlockIndex": self.index, member: value}), &mut self.frames);
    }

    fn delta(&mut self, text: &str) {
        let delta = match self.kind {
            Kind::Text => json!({"text": text}),
            Kind::Thoughts => json!({"reasoningContent": {"text": text}}),
            Kind::Call => json!({"toolUse": {"input": text}}),
            Kind::Picture => json!({"image": {"source": {"bytes": text}}}),
            // Their deltas are native too.
            Kind::Native => return,
        };
        self.push("contentBlockDelta", "delta", &delta);
    }

    /// What a sidecar adds that has a delta of its own.
    fn native(&mut self, value: &Value) {
        if let Some(fields) = value.get("reasoningContent") {
            if let Some(signature) = fields.pointer("/reasoningText/signature") {
                let delta = json!({"reasoningContent": {"signature": signature}});
                self.push("contentBlockDelta", "delta", &delta);
            }
            if let Some(redacted) = fields.get("redactedContent") {
                let delta = json!({"reasoningContent": {"redactedContent": redacted}});
                self.push("contentBlockDelta", "delta", &delta);
            }
        }
        if let Some(Value::Array(content)) = value.pointer("/toolResult/content") {
            for item in content {
                self.push("contentBlockDelta", "delta", &json!({"toolResult": [item]}));
            }
        }
    }

    /// What else a delta of Bedrock's own said: each member in a delta of its own.
    fn more(&mut self, value: &Value) {
        for (name, said) in value.as_object().into_iter().flatten() {
            if !WRITTEN.contains(&name.as_str()) {
                let delta = Value::Object(single(name, said.clone()));
                self.push("contentBlockDelta", "delta", &delta);
            }
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        if self.written {
            event("contentBlockStop", &json!({"contentBlockIndex": self.index}), &mut self.frames);
        }
    }
}

fn event(name: &str, payload: &Value, out: &mut BytesMut) {
    let mut text = BytesMut::with_capacity(128).writer();
    // Memory grows and texts always have a JSON form, so that there is no error to report.
    let _written = serde_json::to_writer(&mut text, payload);
    write_message(MessageKind::Event(name), &text.into_inner(), out);
}
