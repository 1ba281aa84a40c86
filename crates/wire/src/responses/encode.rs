//! Canon events → a stream of response events, in the order OpenAI's SDKs build a response from.
//!
//! Every event has a `sequence_number`; an item begins with `output_item.added`, its parts begin, go on and end within it,
//! `output_item.done` carries it whole, and the last frame the whole response with its usage. For that the answer is kept,
//! up to [`OUTPUT_CAP`]. Items are written by `emit.rs`.

use bytes::BytesMut;
use contract::Fault;
use contract::canon::{Event, Extra, Finish};
use contract::words::Usage;
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::body::Outline;
use super::emit::Emit;
use super::reply::mark_incomplete;
use crate::{Begun, EncodeOptions, StreamEncoder};

/// The most bytes of an answer that are kept for its last frame. A larger one fails.
const OUTPUT_CAP: usize = 32 << 20;

/// The encoder of one stream.
pub(super) struct Encoder {
    options: EncodeOptions,
    outline: Option<Outline>,
    emit: Emit,
    usage: Option<Usage>,
    finish: Finish,
    ended: bool,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(options: EncodeOptions) -> Self {
        Self {
            emit: Emit::of(options.grouped.clone()),
            options,
            outline: None,
            usage: None,
            finish: Finish::Stop,
            ended: false,
        }
    }

    /// An encoder within a response that passed through so far.
    pub(super) fn resumed(begun: &Begun) -> Self {
        let mut encoder = Self::new(EncodeOptions::default());
        let own = Extra { owner: Some(DIALECT), ..Extra::default() };
        let outline = Outline::of(&begun.id, &begun.model, begun.created, &own, &encoder.options);
        encoder.emit.resume(&outline.id, begun.sequence);
        encoder.outline = Some(outline);
        encoder
    }

    fn start(&mut self, id: &str, model: &str, created: Option<i64>, extra: &Extra, out: &mut BytesMut) {
        if self.outline.is_some() {
            return;
        }
        let model = if model.is_empty() { self.options.asked.clone() } else { model.to_owned() };
        let outline = Outline::of(id, &model, created, extra, &self.options);
        self.emit.begin(&outline.id);
        let response = outline.in_progress();
        for kind in ["response.created", "response.in_progress"] {
            self.emit.response(kind, &response, out);
        }
        self.outline = Some(outline);
    }

    /// The response so far; begins the stream if it has not begun.
    fn outline(&mut self, out: &mut BytesMut) -> &Outline {
        self.start("", "", None, &Extra::default(), out);
        let options = &self.options;
        self.outline.get_or_insert_with(|| Outline::of("", "", None, &Extra::default(), options))
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.outline(out);
        self.emit.close(out);
        self.ended = true;
        let declined = self.emit.declined;
        let (status, _) = super::status(&self.finish, declined);
        let mut output = std::mem::take(&mut self.emit.output);
        if status == "incomplete" && !self.emit.own {
            mark_incomplete(&mut output);
        }
        let (finish, usage) = (self.finish.clone(), self.usage);
        let response = self.outline(out).whole(&finish, declined, output, usage.as_ref());
        let kind = match response.get("status").and_then(Value::as_str) {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        self.emit.response(kind, &response, out);
    }

    /// `error`, then `response.failed`: some clients know the one, some the other.
    fn failed(&mut self, error: &Map<String, Value>, code: &str, message: &str, out: &mut BytesMut) {
        self.outline(out);
        self.ended = true;
        self.emit.frame("error", error, out);
        let mut output = std::mem::take(&mut self.emit.output);
        output.retain(|item| !item.is_null());
        let usage = self.usage;
        let response = self.outline(out).failed((code, message), output, usage.as_ref());
        self.emit.response("response.failed", &response, out);
    }
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, created, extra } => self.start(id, model, *created, extra, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Finish { choice: 0, reason, .. } => self.finish = reason.clone(),
            Event::Error { kind, message } => {
                let code = kind.as_deref().unwrap_or("server_error");
                let error = error_fields(code, message, None);
                self.failed(&error, error_code(code), message, out);
            }
            Event::End => self.end(out),
            Event::Extra { choice: None, extra } => {
                self.outline(out);
                if let Some(outline) = &mut self.outline {
                    outline.update(extra);
                }
            }
            // An answer has one choice.
            Event::Finish { .. } | Event::Extra { .. } => {}
            part => {
                self.outline(out);
                self.emit.part_event(part, out);
                if self.emit.kept > OUTPUT_CAP {
                    let message = "The answer is too large to be kept for its last event.";
                    let error = error_fields("server_error", message, None);
                    self.failed(&error, "server_error", message, out);
                }
            }
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        let error = crate::errors::render::openai_error(fault);
        let text = |name: &str| error["error"][name].as_str().unwrap_or_default();
        let code = error_code(text("type"));
        let fields = error_fields(text("code"), text("message"), error["error"]["param"].as_str());
        self.failed(&fields, code, text("message"), out);
    }
}

fn error_fields(code: &str, message: &str, param: Option<&str>) -> Map<String, Value> {
    super::object([
        ("code", Some(json!(code))),
        ("message", Some(json!(message))),
        ("param", Some(json!(param))),
    ])
}

/// The codes that a failed response may have (schema `ResponseErrorCode`), nearest to another's word.
pub(super) fn error_code(code: &str) -> &'static str {
    match code {
        "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" | "RESOURCE_EXHAUSTED" => {
            "rate_limit_exceeded"
        }
        "invalid_prompt" => "invalid_prompt",
        _ => "server_error",
    }
}
