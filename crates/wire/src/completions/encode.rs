//! Canon events → a streamed completion. Only prose has a place here; thoughts and calls are left out.

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Event, Extra, PartStart, TokenLogprob};
use contract::words::Usage;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::{DIALECT, OBJECT, finish_reason, logprobs};
use crate::usage::OpenaiOut;
use crate::{EncodeOptions, StreamEncoder};

/// The encoder of one stream.
pub(super) struct Encoder {
    options: EncodeOptions,
    head: Vec<u8>,
    usage: Option<Usage>,
    choices: SmallVec<[Choice; 1]>,
    over: bool,
}

#[derive(Default)]
struct Choice {
    number: u32,
    /// The open parts that are no prose.
    silent: SmallVec<[u32; 2]>,
    /// Characters of the tokens told so far.
    offset: i64,
    /// Members of this dialect's own, for the last chunk.
    own: Map<String, Value>,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(options: EncodeOptions) -> Self {
        Self { options, head: Vec::new(), usage: None, choices: SmallVec::new(), over: false }
    }

    /// The part of a chunk that is the same in all of them, up to its choices.
    fn start(&mut self, id: &str, model: &str, created: Option<i64>, extra: &Extra) {
        let first =
            |texts: [&str; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned();
        let mut fields = Map::new();
        fields.insert("id".to_owned(), json!(first([id, &self.options.id, ""])));
        fields.insert("object".to_owned(), json!(OBJECT));
        fields.insert("created".to_owned(), json!(created.unwrap_or(self.options.created)));
        let model = first([&self.options.model, model, &self.options.asked]);
        fields.insert("model".to_owned(), json!(model));
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

    fn chunk(&mut self, choice: u32, (text, logprobs): (&str, Value), out: &mut BytesMut) {
        let entry = json!({"text": text, "index": choice, "logprobs": logprobs, "finish_reason": null});
        self.entry(&entry, out);
    }

    fn entry(&mut self, entry: &Value, out: &mut BytesMut) {
        self.begin(out);
        json_to(out, entry);
        out.extend_from_slice(b"]}\n\n");
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.head.is_empty() {
            self.start("", "", None, &Extra::default());
        }
        out.extend_from_slice(&self.head);
    }

    fn choice(&mut self, number: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.number == number).unwrap_or_else(|| {
            self.choices.push(Choice { number, ..Choice::default() });
            self.choices.len() - 1
        });
        &mut self.choices[at]
    }

    /// Each choice begins with the prompt, where that was asked for.
    fn echo(&mut self, number: u32, out: &mut BytesMut) {
        if self.options.echo.is_none() || self.choices.iter().any(|choice| choice.number == number) {
            return;
        }
        self.choice(number);
        let prompt = self.options.echo.take().unwrap_or_default();
        self.chunk(number, (&prompt, Value::Null), out);
        self.options.echo = Some(prompt);
    }

    fn logprobs(&mut self, choice: u32, tokens: &[TokenLogprob], out: &mut BytesMut) {
        let lists = logprobs::write(tokens, &mut self.choice(choice).offset);
        self.chunk(choice, ("", lists), out);
    }

    fn finish(&mut self, choice: u32, reason: &str, out: &mut BytesMut) {
        let mut last = std::mem::take(&mut self.choice(choice).own);
        let reason = last.shift_remove("finish_reason").unwrap_or_else(|| json!(reason));
        let mut entry = json!({"text": "", "index": choice, "logprobs": null, "finish_reason": reason});
        if let Some(entry) = entry.as_object_mut() {
            crate::outgoing::merge(entry, &last);
        }
        self.entry(&entry, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        if let Some(usage) = self.usage.filter(|_| self.options.usage) {
            self.begin(out);
            out.extend_from_slice(b"],\"usage\":");
            json_to(out, &OpenaiOut::from(&usage));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.over = true;
    }

    /// An error in mid-stream, as the official clients recognise it. No `[DONE]` follows: the answer is not complete.
    fn error(&mut self, error: &Value, out: &mut BytesMut) {
        out.extend_from_slice(b"data: ");
        json_to(out, error);
        out.extend_from_slice(b"\n\n");
        self.over = true;
    }
}

/// The choice that an event says something of.
const fn choice_of(event: &Event) -> Option<u32> {
    match event {
        Event::PartStart { choice, .. } | Event::Delta { choice, .. } | Event::Finish { choice, .. } => {
            Some(*choice)
        }
        _ => None,
    }
}

/// Writes a value as JSON. Such values always have a JSON form, and memory takes every write.
fn json_to<T: serde::Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    let _infallible = serde_json::to_writer(out.writer(), value);
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.over {
            return;
        }
        if let Some(choice) = choice_of(event) {
            self.echo(choice, out);
        }
        match event {
            Event::Start { id, model, created, extra } => self.start(id, model, *created, extra),
            Event::PartStart { choice, index, part, .. } => {
                if !matches!(part, PartStart::Text | PartStart::Refusal) {
                    self.choice(*choice).silent.push(*index);
                }
            }
            Event::Delta { choice, index, text } => {
                if !self.choice(*choice).silent.contains(index) {
                    self.chunk(*choice, (text, Value::Null), out);
                }
            }
            Event::PartStop { choice, index } => self.choice(*choice).silent.retain(|open| open != index),
            Event::Logprobs { choice, tokens } => self.logprobs(*choice, tokens, out),
            Event::Finish { choice, reason, .. } => self.finish(*choice, finish_reason(reason), out),
            Event::Extra { choice: Some(choice), extra } if extra.owner == Some(DIALECT) => {
                self.choice(*choice).own.extend(extra.fields.clone());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { kind, message } => {
                let kind = kind.as_deref().unwrap_or("server_error");
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                self.error(&error, out);
            }
            Event::End => self.end(out),
            Event::NativeDelta { .. } | Event::Citation { .. } | Event::Extra { .. } => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.over {
            self.error(&crate::errors::render::openai_error(fault), out);
        }
    }
}
