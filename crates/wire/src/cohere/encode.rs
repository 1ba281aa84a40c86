//! Canon events → a stream of Cohere's events: `message-start`, blocks and calls one after the other, `message-end` with
//! reason and counts, and the `[DONE]` that Cohere itself sends.
//!
//! Clients take it that one call is made at a time. Other dialects interleave them: a part that begins while another is open
//! waits, its deltas kept up to [`WAITING_CAP`], and is written when its turn comes.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, Finish, Native, PartStart, TokenLogprob};
use contract::words::Usage;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::citation::{self, PLAN};
use super::{DIALECT, finish_reason, usage};
use crate::outgoing::merge;
use crate::{EncodeOptions, StreamEncoder};

/// The most bytes of waiting parts that are kept. Calls larger than this beside an open one fail the stream.
const WAITING_CAP: usize = 4 << 20;

/// The encoder of one stream.
pub(super) struct Encoder {
    options: EncodeOptions,
    begun: bool,
    ended: bool,
    finish: Finish,
    usage: Option<Usage>,
    /// `usage` as Cohere itself wrote it.
    counts: Option<Value>,
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    blocks: u32,
    calls: u32,
    citations: u32,
    /// Of the text that comes next.
    logprobs: Option<Value>,
    /// The text of the open block so far, for citations that other dialects made.
    said: String,
}

/// The part being written: its place in canon, its number here.
#[derive(Clone, Copy)]
struct Open {
    part: u32,
    number: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Plan,
    Call,
    /// A block of Cohere's that canon has no word for: whole from its start.
    Block,
}

/// A part that began while another was open.
struct Waiting {
    part: u32,
    kind: Kind,
    head: Value,
    text: String,
    stopped: bool,
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, .. } => self.begin(id, out),
            Event::PartStart { choice: 0, index, part, native } => {
                self.part_start(*index, part, native.as_ref(), out);
            }
            Event::Delta { choice: 0, index, text } => self.delta(*index, text, out),
            Event::PartStop { choice: 0, index } => self.part_stop(*index, out),
            Event::Citation { choice: 0, citation, .. } => {
                let block = self.open.map_or(self.blocks.saturating_sub(1), |open| open.number) as usize;
                if let Some(citation) = citation::write(citation, &self.said, block) {
                    self.citation(&citation, out);
                }
            }
            Event::Logprobs { choice: 0, tokens } => self.token(tokens),
            Event::Extra { choice, extra } if extra.owner == Some(DIALECT) => self.own(*choice, extra, out),
            Event::Finish { choice: 0, reason, .. } => self.finish = reason.clone(),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { message, .. } => self.error(message, out),
            Event::End => self.end(out),
            // A message has one choice, and takes nothing that another dialect alone understands.
            _ => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.ended {
            let error = crate::errors::render::cohere_error(fault);
            self.error(error["message"].as_str().unwrap_or_default(), out);
        }
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(options: EncodeOptions) -> Self {
        Self {
            options,
            begun: false,
            ended: false,
            finish: Finish::Stop,
            usage: None,
            counts: None,
            open: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            blocks: 0,
            calls: 0,
            citations: 0,
            logprobs: None,
            said: String::new(),
        }
    }

    /// An encoder within a message that passed through so far.
    pub(super) fn begun() -> Self {
        Self { begun: true, ..Self::new(EncodeOptions::default()) }
    }

    fn begin(&mut self, id: &str, out: &mut BytesMut) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let id = if id.is_empty() { &self.options.id } else { id };
        let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [],
            "citations": []});
        let start = json!({"id": id, "type": "message-start", "delta": {"message": message}});
        frame(out, "message-start", &start);
    }

    fn part_start(&mut self, part: u32, start: &PartStart, native: Option<&Native>, out: &mut BytesMut) {
        let own = native.filter(|native| native.owner == DIALECT).and_then(|native| native.value.as_object());
        let (kind, mut head) = match start {
            PartStart::Text | PartStart::Refusal => (Kind::Text, json!({"type": "text", "text": ""})),
            PartStart::Reasoning if own.and_then(|own| own.get("field")).is_some_and(|it| it == PLAN) => {
                (Kind::Plan, Value::Null)
            }
            PartStart::Reasoning => (Kind::Thinking, json!({"type": "thinking", "thinking": ""})),
            PartStart::ToolCall { id, name, .. } => (
                Kind::Call,
                json!({"id": id, "type": "function", "function": {"name": name, "arguments": ""}}),
            ),
            PartStart::Native if own.is_some() => (Kind::Block, json!({})),
            PartStart::Native
            | PartStart::Media { .. }
            | PartStart::ServerCall { .. }
            | PartStart::ServerResult(_) => return,
        };
        if let (Value::Object(head), Some(own)) = (&mut head, own) {
            merge(head, own);
        }
        self.begin("", out);
        if self.open.is_some() {
            self.waiting.push_back(Waiting { part, kind, head, text: String::new(), stopped: false });
        } else {
            self.open_part(part, kind, &head, out);
        }
    }

    fn open_part(&mut self, part: u32, kind: Kind, head: &Value, out: &mut BytesMut) {
        let number = match kind {
            Kind::Plan => 0,
            Kind::Call => self.calls,
            Kind::Text | Kind::Thinking | Kind::Block => self.blocks,
        };
        let (event, field) = match kind {
            Kind::Plan => ("", ""),
            Kind::Call => ("tool-call-start", "tool_calls"),
            Kind::Text | Kind::Thinking | Kind::Block => ("content-start", "content"),
        };
        if kind != Kind::Plan {
            let message: Map<String, Value> = [(field.to_owned(), head.clone())].into_iter().collect();
            let start = json!({"type": event, "index": number, "delta": {"message": message}});
            frame(out, event, &start);
        }
        self.said.clear();
        self.open = Some(Open { part, number, kind });
    }

    fn delta(&mut self, part: u32, text: &str, out: &mut BytesMut) {
        match self.open {
            Some(open) if open.part == part => self.say(open, text, out),
            _ => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) {
                    waiting.text.push_str(text);
                    self.waiting_bytes += text.len();
                    if self.waiting_bytes > WAITING_CAP {
                        self.error("The tool calls are too large to be put in order.", out);
                    }
                }
            }
        }
    }

    /// The frame every token comes in: written around the text, without an intermediate value.
    fn say(&mut self, open: Open, text: &str, out: &mut BytesMut) {
        let (event, before, after) = match open.kind {
            Kind::Text => ("content-delta", "{\"content\":{\"text\":", "}}}"),
            Kind::Thinking => ("content-delta", "{\"content\":{\"thinking\":", "}}}"),
            Kind::Plan => ("tool-plan-delta", "{\"tool_plan\":", "}}"),
            Kind::Call => ("tool-call-delta", "{\"tool_calls\":{\"function\":{\"arguments\":", "}}}}"),
            Kind::Block => return,
        };
        if open.kind == Kind::Text && self.said.len() < WAITING_CAP {
            self.said.push_str(text);
        }
        for piece in ["event: ", event, "\ndata: {\"type\":\"", event, "\""] {
            out.extend_from_slice(piece.as_bytes());
        }
        if open.kind != Kind::Plan {
            out.extend_from_slice(b",\"index\":");
            write_json(out, &open.number);
        }
        out.extend_from_slice(b",\"delta\":{\"message\":");
        out.extend_from_slice(before.as_bytes());
        write_json(out, text);
        out.extend_from_slice(after.as_bytes());
        let here = |item: &mut Value| match open.kind {
            Kind::Text => true,
            // Of thoughts Cohere alone tells them.
            Kind::Thinking => is_own(item),
            Kind::Plan | Kind::Call | Kind::Block => false,
        };
        if let Some(item) = self.logprobs.take_if(here) {
            out.extend_from_slice(b",\"logprobs\":");
            write_json(out, &item);
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn part_stop(&mut self, part: u32, out: &mut BytesMut) {
        match self.open {
            Some(open) if open.part == part => {
                self.close(out);
                self.catch_up(out);
            }
            _ => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) {
                    waiting.stopped = true;
                }
            }
        }
    }

    fn close(&mut self, out: &mut BytesMut) {
        let Some(open) = self.open.take() else { return };
        if self.logprobs.is_some() && open.kind == Kind::Text {
            // They came behind the last of the text.
            self.say(open, "", out);
        }
        let Open { number, kind, .. } = open;
        let event = match kind {
            Kind::Plan => return,
            Kind::Call => {
                self.calls += 1;
                "tool-call-end"
            }
            Kind::Text | Kind::Thinking | Kind::Block => {
                self.blocks += 1;
                "content-end"
            }
        };
        frame(out, event, &json!({"type": event, "index": number}));
    }

    /// Writes waiting parts until one is still being made.
    fn catch_up(&mut self, out: &mut BytesMut) {
        while self.open.is_none() {
            let Some(Waiting { part, kind, head, text, stopped }) = self.waiting.pop_front() else { break };
            self.open_part(part, kind, &head, out);
            if let Some(open) = self.open.filter(|_| !text.is_empty()) {
                self.say(open, &text, out);
            }
            if stopped {
                self.close(out);
            }
        }
        if self.waiting.is_empty() {
            self.waiting_bytes = 0;
        }
    }

    fn citation(&mut self, citation: &Value, out: &mut BytesMut) {
        self.begin("", out);
        let index = self.citations;
        self.citations += 1;
        let start =
            json!({"type": "citation-start", "index": index, "delta": {"message": {"citations": citation}}});
        frame(out, "citation-start", &start);
        frame(out, "citation-end", &json!({"type": "citation-end", "index": index}));
    }

    /// Those of several tokens are one stretch.
    fn token(&mut self, tokens: &[TokenLogprob]) {
        if tokens.is_empty() {
            return;
        }
        let before = self.logprobs.take();
        let part = |name: &str| before.as_ref().and_then(|before| before.get(name));
        // What Cohere said of them itself says more.
        if before.as_ref().is_some_and(is_own) {
            self.logprobs = before;
            return;
        }
        let mut text = part("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut logprobs = part("logprobs").and_then(Value::as_array).cloned().unwrap_or_default();
        text.extend(tokens.iter().map(|token| token.token.text.as_str()));
        logprobs.extend(tokens.iter().map(|token| json!(token.token.logprob)));
        self.logprobs = Some(json!({"text": text, "token_ids": [], "logprobs": logprobs}));
    }

    /// What a frame of Cohere's own said beyond canon.
    fn own(&mut self, choice: Option<u32>, extra: &Extra, out: &mut BytesMut) {
        if let (None, Some(counts)) = (choice, extra.fields.get("usage")) {
            self.counts = Some(counts.clone());
        }
        if let (None, Some(prompt)) = (choice, extra.fields.get("prompt")) {
            frame(out, "debug", &json!({"type": "debug", "prompt": prompt}));
        }
        let first =
            |list: Option<&Value>| list.and_then(Value::as_array).and_then(|list| list.first()).cloned();
        let told = extra.fields.get("logprobs").and_then(Value::as_object);
        if let Some(item) = told.and_then(|told| told.values().next()) {
            self.logprobs = Some(item.clone());
        }
        let beside = extra.fields.get("message").and_then(|message| message.get("citations"));
        if let Some(citation) = first(beside) {
            self.citation(&citation, out);
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin("", out);
        while self.open.is_some() {
            self.close(out);
            self.catch_up(out);
        }
        let mut delta = Map::new();
        delta.insert("finish_reason".to_owned(), json!(finish_reason(&self.finish)));
        self.message_end(delta, out);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// A failure ends the message, with its reason and its words (docs: "Streaming", `message-end`).
    fn error(&mut self, message: &str, out: &mut BytesMut) {
        self.begin("", out);
        let mut delta = Map::new();
        delta.insert("error".to_owned(), json!(message));
        delta.insert("finish_reason".to_owned(), json!("ERROR"));
        self.message_end(delta, out);
    }

    /// The last event, with what was consumed, however the message ends.
    fn message_end(&mut self, mut delta: Map<String, Value>, out: &mut BytesMut) {
        self.ended = true;
        let counts = self.counts.take();
        let counts = counts.or_else(|| self.usage.as_ref().map(|usage| Value::Object(usage::write(usage))));
        delta.extend(counts.map(|counts| ("usage".to_owned(), counts)));
        frame(out, "message-end", &json!({"type": "message-end", "delta": delta}));
    }
}

/// Are these likelihoods in Cohere's own words? It alone knows the numbers of the tokens.
fn is_own(item: &Value) -> bool {
    item.get("token_ids").and_then(Value::as_array).is_some_and(|ids| !ids.is_empty())
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
