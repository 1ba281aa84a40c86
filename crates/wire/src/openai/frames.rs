//! The frames of a streamed chat completion: what every chunk repeats is kept ready, what is said once waits for the next.

use bytes::{BufMut, BytesMut};
use contract::canon::{Extra, TokenLogprob};
use contract::words::Usage;
use serde_json::{Map, Value, json};

use super::{DIALECT, likely};
use crate::EncodeOptions;
use crate::outgoing::merge;
use crate::usage::OpenaiOut;

/// Fields beside the choices that every chunk repeats, as OpenAI's do; others are said once.
const REPEATED: [&str; 2] = ["service_tier", "system_fingerprint"];

/// What chunks have in common.
pub(super) struct Frames {
    options: EncodeOptions,
    head: Vec<u8>,
    /// Fields beside the choices that the next chunk takes along.
    beside: Map<String, Value>,
    /// What the counts say beyond canon's words.
    counts: Map<String, Value>,
    usage: Option<Usage>,
}

/// What a chunk says of its choice beside what is new.
#[derive(Default)]
pub(super) struct Beside {
    /// How likely the tokens were.
    pub(super) tokens: Vec<TokenLogprob>,
    /// Are they a refusal's?
    pub(super) refused: bool,
    /// Fields canon has no word for.
    pub(super) fields: Map<String, Value>,
}

impl Frames {
    pub(super) fn new(options: EncodeOptions) -> Self {
        let (beside, counts) = (Map::new(), Map::new());
        Self { options, head: Vec::new(), beside, counts, usage: None }
    }

    /// The part of a chunk that is the same in all of them, up to its choices.
    pub(super) fn start(&mut self, id: &str, model: &str, created: Option<i64>, extra: &Extra) {
        let id = if id.is_empty() { &self.options.id } else { id };
        let model = if self.options.model.is_empty() { model } else { &self.options.model };
        let mut fields = super::content::object([
            ("id", Some(json!(id))),
            ("object", Some(json!("chat.completion.chunk"))),
            ("created", Some(json!(created.unwrap_or(self.options.created)))),
            ("model", Some(json!(model))),
        ]);
        self.add(extra);
        for name in REPEATED {
            fields.extend(self.beside.shift_remove(name).map(|value| (name.to_owned(), value)));
        }
        let mut head = b"data: ".to_vec();
        head.extend_from_slice(Value::Object(fields).to_string().as_bytes());
        head.pop();
        head.extend_from_slice(b",\"choices\":[");
        self.head = head;
    }

    /// Takes fields beside the choices; those of another dialect have no place here.
    pub(super) fn add(&mut self, extra: &Extra) {
        if extra.owner != Some(DIALECT) {
            return;
        }
        for (name, value) in &extra.fields {
            match (name.as_str(), value) {
                ("choices", _) => {}
                ("usage", Value::Object(counts)) => {
                    self.counts.extend(counts.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                _ => {
                    self.beside.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// Takes the counts; the last ones go out at the end.
    pub(super) const fn count(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.head.is_empty() {
            self.start("", "", None, &Extra::default());
        }
        out.extend_from_slice(&self.head);
    }

    fn fields(&mut self, out: &mut BytesMut) {
        for (name, value) in std::mem::take(&mut self.beside) {
            member(out, &name, &value);
        }
    }

    /// A chunk of one choice.
    pub(super) fn chunk(
        &mut self,
        (choice, beside): (u32, Beside),
        finish: Option<&str>,
        out: &mut BytesMut,
        delta: impl FnOnce(&mut BytesMut),
    ) {
        self.begin(out);
        out.extend_from_slice(b"{\"index\":");
        json_to(out, &choice);
        out.extend_from_slice(b",\"delta\":{");
        delta(out);
        out.extend_from_slice(b"},\"logprobs\":");
        let mut fields = beside.fields;
        let own = fields.shift_remove("logprobs");
        json_to(out, &likely::whole(own.as_ref(), &beside.tokens, beside.refused));
        out.extend_from_slice(b",\"finish_reason\":");
        json_to(out, &finish);
        fields.iter().for_each(|(name, value)| member(out, name, value));
        out.extend_from_slice(b"}]");
        self.fields(out);
        if self.options.usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The last frames: the counts if they were asked for, and what was still to be said.
    pub(super) fn end(&mut self, out: &mut BytesMut) {
        let usage = self.usage.filter(|_| self.options.usage);
        if usage.is_some() || !self.beside.is_empty() {
            self.begin(out);
            out.extend_from_slice(b"]");
            self.fields(out);
            if let Some(usage) = usage {
                let mut counts = json!(OpenaiOut::from(&usage));
                if let Value::Object(counts) = &mut counts {
                    merge(counts, &self.counts);
                }
                member(out, "usage", &counts);
            }
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn member(out: &mut BytesMut, name: &str, value: &Value) {
    out.extend_from_slice(b",");
    json_to(out, name);
    out.extend_from_slice(b":");
    json_to(out, value);
}

/// Writes a value as JSON. Texts and numbers always have a JSON form, and memory takes every write.
pub(super) fn json_to<T: serde::Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    let _infallible = serde_json::to_writer(out.writer(), value);
}

/// The members of an object without its braces.
pub(super) fn members(out: &mut BytesMut, object: &Map<String, Value>) {
    for (at, (name, value)) in object.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",");
        }
        json_to(out, name);
        out.extend_from_slice(b":");
        json_to(out, value);
    }
}

/// An error in mid-stream, as the official clients recognise it. No `[DONE]` follows: the answer is not complete.
pub(super) fn write_error(error: &Value, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    json_to(out, error);
    out.extend_from_slice(b"\n\n");
}
