//! Canon events → a streamed answer: an object on each line, the last with the counts.
//!
//! Calls and pictures go out whole, so their pieces are kept until they are complete, up to a cap. Only the first of several
//! choices has a place here.

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, Finish, MediaKind, PartStart, TokenLogprob};
use contract::words::Usage;
use serde_json::{Map, Value, json};

use super::calls::Call;
use super::chunk::{Saying, Written, time};
use super::{Form, done_reason, logprobs};
use crate::frames::sse::HELD_CAP;
use crate::outgoing::merge;
use crate::{EncodeOptions, StreamEncoder};

/// The encoder of one stream.
pub(super) struct Encoder {
    form: Form,
    options: EncodeOptions,
    model: String,
    created_at: String,
    extra: Map<String, Value>,
    parts: Vec<(u32, Kind)>,
    /// Bytes that are kept in `parts`.
    kept: usize,
    calls: u32,
    finish: Finish,
    usage: Option<Usage>,
    over: bool,
}

/// What a part is, with what is kept of it.
enum Kind {
    Text,
    Thoughts,
    Call {
        id: String,
        name: String,
        arguments: String,
    },
    Image(String),
    /// Has no place here.
    Other,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(form: Form, options: EncodeOptions) -> Self {
        let model = if options.model.is_empty() { options.asked.clone() } else { options.model.clone() };
        Self {
            form,
            model,
            created_at: time(options.created),
            options,
            extra: Map::new(),
            parts: Vec::new(),
            kept: 0,
            calls: 0,
            finish: Finish::Stop,
            usage: None,
            over: false,
        }
    }

    fn start(&mut self, model: &str, created: Option<i64>, extra: &Extra) {
        if self.options.model.is_empty() && !model.is_empty() {
            model.clone_into(&mut self.model);
        }
        if let Some(created) = created {
            self.created_at = time(created);
        }
        self.add(extra);
        if let Some(Value::String(time)) = self.extra.shift_remove("created_at") {
            self.created_at = time;
        }
    }

    fn add(&mut self, extra: &Extra) {
        if extra.owner == Some(self.form.dialect()) {
            let mut fields = extra.fields.clone();
            merge(&mut fields, &self.extra);
            self.extra = fields;
        }
    }

    fn line(&self, said: Saying<'_>, tokens: &[TokenLogprob], out: &mut BytesMut) {
        let mut written = Written {
            model: &self.model,
            created_at: &self.created_at,
            logprobs: logprobs::write(tokens),
            ..Written::default()
        };
        written.say(self.form, said);
        push(&written, out);
    }

    fn open(&mut self, index: u32, part: &PartStart) {
        let kind = match part {
            PartStart::Text | PartStart::Refusal => Kind::Text,
            PartStart::Reasoning => Kind::Thoughts,
            PartStart::ToolCall { id, name, .. } if self.form == Form::Chat => {
                Kind::Call { id: id.clone(), name: name.clone(), arguments: String::new() }
            }
            PartStart::Media { kind: MediaKind::Image, .. } if self.form == Form::Generate => {
                Kind::Image(String::new())
            }
            _ => Kind::Other,
        };
        self.parts.push((index, kind));
    }

    fn delta(&mut self, index: u32, text: &str, out: &mut BytesMut) {
        let found = self.parts.iter_mut().rev().find(|(part, _)| *part == index);
        match found.map(|(_, kind)| kind) {
            Some(Kind::Call { arguments: keeps, .. } | Kind::Image(keeps)) => {
                self.kept += text.len();
                if self.kept <= HELD_CAP {
                    keeps.push_str(text);
                } else {
                    self.error("A part of the answer is larger than can be sent in one piece.", out);
                }
            }
            Some(Kind::Thoughts) => self.line(Saying { thinking: text, ..Saying::default() }, &[], out),
            Some(Kind::Text) | None => self.line(Saying { text, ..Saying::default() }, &[], out),
            Some(Kind::Other) => {}
        }
    }

    fn stop(&mut self, index: u32, out: &mut BytesMut) {
        let Some(at) = self.parts.iter().rposition(|(part, _)| *part == index) else { return };
        match self.parts.remove(at).1 {
            Kind::Call { id, name, arguments } => {
                self.kept = self.kept.saturating_sub(arguments.len());
                let call = Call::streamed(self.calls, &id, &name, &arguments);
                self.line(Saying { calls: vec![call], ..Saying::default() }, &[], out);
                self.calls += 1;
            }
            Kind::Image(data) => {
                self.kept = self.kept.saturating_sub(data.len());
                self.line(Saying { image: Some(&data), ..Saying::default() }, &[], out);
            }
            Kind::Text | Kind::Thoughts | Kind::Other => {}
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        let mut written = Written {
            model: &self.model,
            created_at: &self.created_at,
            done: true,
            done_reason: Some(done_reason(&self.finish)),
            extra: std::mem::take(&mut self.extra),
            ..Written::default()
        };
        written.say(self.form, Saying::default());
        written.count(self.usage);
        push(&written, out);
        self.over = true;
    }

    /// An error in mid-stream is a line of its own, and the last.
    fn error(&mut self, message: &str, out: &mut BytesMut) {
        push(&json!({"error": message}), out);
        self.over = true;
    }
}

/// Writes a value as a line. Such values always have a JSON form, and memory takes every write.
fn push<T: serde::Serialize>(value: &T, out: &mut BytesMut) {
    let _infallible = serde_json::to_writer(out.writer(), value);
    out.extend_from_slice(b"\n");
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.over {
            return;
        }
        match event {
            Event::Start { model, created, extra, .. } => self.start(model, *created, extra),
            Event::PartStart { choice: 0, index, part, .. } => self.open(*index, part),
            Event::Delta { choice: 0, index, text } => self.delta(*index, text, out),
            Event::PartStop { choice: 0, index } => self.stop(*index, out),
            Event::Logprobs { choice: 0, tokens } => self.line(Saying::default(), tokens, out),
            Event::Extra { choice: None, extra } => self.add(extra),
            Event::Finish { choice: 0, reason, .. } => self.finish = reason.clone(),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { message, .. } => self.error(message, out),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.over {
            let error = crate::errors::render::ollama_error(fault);
            push(&error, out);
            self.over = true;
        }
    }
}
