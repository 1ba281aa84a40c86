//! Canon events → a streamed chat completion.
//!
//! Frames are written by hand around the few values that vary: the fields that every chunk repeats are kept ready.
//! Signatures of thoughts have no place here; the thoughts themselves go out as `reasoning_content`.

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, PartStart};
use contract::words::Usage;
use serde_json::{Value, json};
use smallvec::SmallVec;

use super::{DIALECT, finish_reason};
use crate::usage::OpenaiOut;
use crate::{EncodeOptions, StreamEncoder};

/// The encoder of one stream.
pub(crate) struct Encoder {
    options: EncodeOptions,
    head: Vec<u8>,
    usage: Option<Usage>,
    choices: SmallVec<[Choice; 1]>,
}

#[derive(Default)]
struct Choice {
    number: u32,
    calls: u32,
    declined: bool,
    parts: SmallVec<[(u32, Kind); 4]>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Reasoning,
    Refusal,
    Call(u32),
    Native,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(crate) fn new(options: EncodeOptions) -> Self {
        Self { options, head: Vec::new(), usage: None, choices: SmallVec::new() }
    }

    /// The part of a chunk that is the same in all of them, up to its choices.
    fn start(&mut self, id: &str, model: &str, created: Option<i64>, extra: &Extra) {
        let id = if id.is_empty() { &self.options.id } else { id };
        let model = if self.options.model.is_empty() { model } else { &self.options.model };
        let mut fields = super::content::object([
            ("id", Some(json!(id))),
            ("object", Some(json!("chat.completion.chunk"))),
            ("created", Some(json!(created.unwrap_or(self.options.created)))),
            ("model", Some(json!(model))),
        ]);
        if extra.owner == Some(DIALECT) {
            crate::outgoing::merge(&mut fields, &extra.fields);
            fields.shift_remove("choices");
            fields.shift_remove("usage");
        }
        let mut head = b"data: ".to_vec();
        head.extend_from_slice(Value::Object(fields).to_string().as_bytes());
        head.pop();
        head.extend_from_slice(b",\"choices\":[");
        self.head = head;
    }

    fn chunk(
        &mut self,
        choice: u32,
        finish: Option<&str>,
        out: &mut BytesMut,
        delta: impl FnOnce(&mut BytesMut),
    ) {
        if self.head.is_empty() {
            self.start("", "", None, &Extra::default());
        }
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        json_to(out, &choice);
        out.extend_from_slice(b",\"delta\":{");
        delta(out);
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":");
        json_to(out, &finish);
        out.extend_from_slice(b"}]");
        if self.options.usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The state of a choice; the first mention of one sends its role.
    fn choice(&mut self, number: u32, out: &mut BytesMut) -> usize {
        if let Some(at) = self.choices.iter().position(|choice| choice.number == number) {
            return at;
        }
        self.choices.push(Choice { number, ..Choice::default() });
        self.chunk(number, None, out, |out| {
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
        });
        self.choices.len() - 1
    }

    fn part_start(&mut self, choice: u32, index: u32, part: &PartStart, out: &mut BytesMut) {
        let at = self.choice(choice, out);
        let state = &mut self.choices[at];
        let kind = match part {
            PartStart::Text => Kind::Text,
            PartStart::Reasoning => Kind::Reasoning,
            PartStart::Refusal => {
                state.declined = true;
                Kind::Refusal
            }
            PartStart::ToolCall { .. } => {
                state.calls += 1;
                Kind::Call(state.calls - 1)
            }
            PartStart::Native
            | PartStart::Media { .. }
            | PartStart::ServerCall { .. }
            | PartStart::ServerResult(_) => Kind::Native,
        };
        state.parts.push((index, kind));
        if let (PartStart::ToolCall { id, name, .. }, Kind::Call(call)) = (part, kind) {
            let call = json!([{"index": call, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""}}]);
            self.chunk(choice, None, out, |out| {
                out.extend_from_slice(b"\"tool_calls\":");
                json_to(out, &call);
            });
        }
    }

    fn delta(&mut self, choice: u32, index: u32, text: &str, out: &mut BytesMut) {
        let at = self.choice(choice, out);
        let parts = &self.choices[at].parts;
        let kind = parts.iter().rev().find(|(part, _)| *part == index).map_or(Kind::Text, |(_, kind)| *kind);
        let field: &[u8] = match kind {
            Kind::Text => b"\"content\":",
            Kind::Reasoning => b"\"reasoning_content\":",
            Kind::Refusal => b"\"refusal\":",
            Kind::Call(call) => {
                return self.chunk(choice, None, out, |out| {
                    out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                    json_to(out, &call);
                    out.extend_from_slice(b",\"function\":{\"arguments\":");
                    json_to(out, text);
                    out.extend_from_slice(b"}}]");
                });
            }
            Kind::Native => return,
        };
        self.chunk(choice, None, out, |out| {
            out.extend_from_slice(field);
            json_to(out, text);
        });
    }

    fn end(&mut self, out: &mut BytesMut) {
        if let Some(usage) = self.usage.filter(|_| self.options.usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            json_to(out, &OpenaiOut::from(&usage));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Writes a value as JSON. Texts and numbers always have a JSON form, and memory takes every write.
fn json_to<T: serde::Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    let _infallible = serde_json::to_writer(out.writer(), value);
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, model, created, extra } => {
                self.start(id, model, *created, extra);
                self.choice(0, out);
            }
            Event::PartStart { choice, index, part, .. } => self.part_start(*choice, *index, part, out),
            Event::Delta { choice, index, text } => self.delta(*choice, *index, text, out),
            Event::NativeDelta { .. }
            | Event::PartStop { .. }
            | Event::Citation { .. }
            | Event::Logprobs { .. }
            | Event::Extra { .. } => {}
            Event::Finish { choice, reason, .. } => {
                let at = self.choice(*choice, out);
                let reason = finish_reason(reason, self.choices[at].declined);
                self.chunk(*choice, Some(reason), out, |_| {});
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { kind, message } => {
                let kind = kind.as_deref().unwrap_or("server_error");
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                write_error(&error, out);
            }
            Event::End => self.end(out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        write_error(&crate::render::openai_error(fault), out);
    }
}

/// An error in mid-stream, as the official clients recognise it. No `[DONE]` follows: the answer is not complete.
fn write_error(error: &Value, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    json_to(out, error);
    out.extend_from_slice(b"\n\n");
}
