//! Canon events → a stream of `GenerateContentResponse` frames, as `alt=sse` sends them.
//!
//! Text goes out as it comes, a frame for each delta. Calls, pictures and code are written whole: their pieces are held, up
//! to [`HELD`] bytes, until they are complete. The last frame says why each candidate ended and carries the counts.

use bytes::{BufMut, BytesMut};
use contract::Fault;
use contract::canon::{Citation, Event, Extra, Finish, MediaKind, Native, PartStart, TokenLogprob};
use contract::words::Usage;
use serde::Serialize;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::out::{Args, Body, Out, code_of, code_result, is_made_up};
use super::ruler::Ruler;
use super::sources::{self, Grounding};
use super::{DIALECT, counts, finish, likely, time};
use crate::frames::sse::HELD_CAP;
use crate::{EncodeOptions, StreamEncoder};

/// The most bytes of unfinished parts that are held: what a frame may have.
const HELD: usize = HELD_CAP;

/// The most citations that are held for the last frame.
const CITED: usize = 1024;

/// The encoder of one stream.
pub(super) struct Encoder {
    options: EncodeOptions,
    /// What ends each frame: the model, the id, the blank line.
    tail: Vec<u8>,
    /// Fields of the answer still to be told.
    news: Map<String, Value>,
    /// What stands beside the counts.
    counts: Map<String, Value>,
    usage: Option<Usage>,
    choices: SmallVec<[Choice; 1]>,
    held: usize,
    blocked: bool,
    ended: bool,
}

/// One candidate.
#[derive(Default)]
struct Choice {
    number: u32,
    open: Vec<Open>,
    /// Whole parts that no frame has carried yet, as JSON, with commas between them.
    whole: Vec<u8>,
    spoken: bool,
    finish: Option<Finish>,
    /// Fields still to be told.
    news: Map<String, Value>,
    likely: Vec<TokenLogprob>,
    /// Does its own dialect tell its sources?
    grounded: bool,
    grounding: Grounding,
    citations: Vec<(u32, Citation)>,
    rulers: Vec<(u32, Ruler)>,
}

/// A part being made.
struct Open {
    index: u32,
    kind: Kind,
    text: String,
    native: Map<String, Value>,
}

enum Kind {
    Text,
    Thought,
    Call {
        id: String,
        name: String,
        custom: bool,
    },
    Media {
        kind: MediaKind,
        mime: String,
    },
    /// A part that stands whole in the sidecar, or a run of code, or nothing to be written.
    Server(PartStart),
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, created, extra } => self.start(id, model, *created, extra),
            Event::PartStart { choice, index, part, native } => {
                self.part_start(*choice, *index, part, native.as_ref(), out);
            }
            Event::Delta { choice, index, text } => self.delta(*choice, *index, text, out),
            Event::NativeDelta { choice, index, native } if native.owner == DIALECT => {
                self.native_delta(*choice, *index, &native.value, out);
            }
            Event::PartStop { choice, index } => self.part_stop(*choice, *index, out),
            Event::Citation { choice, index, citation } => {
                let choice = self.choice(*choice);
                if choice.citations.len() < CITED {
                    choice.citations.push((*index, citation.clone()));
                }
            }
            Event::Logprobs { choice, tokens } => self.choice(*choice).likely.extend_from_slice(tokens),
            Event::Extra { choice, extra } if extra.owner == Some(DIALECT) => {
                self.extra(*choice, &extra.fields, out);
            }
            Event::Finish { choice, reason, .. } => self.choice(*choice).finish = Some(reason.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { kind, message } => self.error(kind.as_deref(), message, out),
            Event::End => self.end(out),
            // What another dialect alone understands.
            Event::NativeDelta { .. } | Event::Extra { .. } => {}
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.ended {
            self.ended = true;
            frame(out, &crate::errors::render::google_error(fault));
        }
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(options: EncodeOptions) -> Self {
        Self {
            options,
            tail: Vec::new(),
            news: Map::new(),
            counts: Map::new(),
            usage: None,
            choices: SmallVec::new(),
            held: 0,
            blocked: false,
            ended: false,
        }
    }

    fn start(&mut self, id: &str, model: &str, created: Option<i64>, extra: &Extra) {
        if extra.owner == Some(DIALECT) {
            self.tell(&extra.fields);
        }
        if let Some(time) = created.filter(|_| !self.news.contains_key("createTime")).and_then(time::write) {
            self.news.insert("createTime".to_owned(), time.into());
        }
        let model = if self.options.model.is_empty() { model } else { &self.options.model };
        let id = if id.is_empty() { &self.options.id } else { id };
        self.tail.clear();
        for (name, value) in [("modelVersion", model), ("responseId", id)] {
            if !value.is_empty() {
                self.tail.extend_from_slice(format!(",\"{name}\":{}", Value::from(value)).as_bytes());
            }
        }
        self.tail.extend_from_slice(b"}\r\n\r\n");
    }

    /// Notes fields of the answer.
    fn tell(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("usageMetadata", Value::Object(counts)) => self.counts.clone_from(counts),
                _ => {
                    self.blocked |= key == "promptFeedback" && value.get("blockReason").is_some();
                    self.news.insert(key.clone(), value.clone());
                }
            }
        }
    }

    fn choice(&mut self, number: u32) -> &mut Choice {
        let at = self.at(number);
        &mut self.choices[at]
    }

    fn at(&mut self, number: u32) -> usize {
        self.choices.iter().position(|choice| choice.number == number).unwrap_or_else(|| {
            self.choices.push(Choice { number, ..Choice::default() });
            self.choices.len() - 1
        })
    }

    fn extra(&mut self, choice: Option<u32>, fields: &Map<String, Value>, out: &mut BytesMut) {
        let Some(number) = choice else { return self.tell(fields) };
        const LIKELY: &str = "logprobsResult";
        // Each frame has those of its own tokens.
        if fields.contains_key(LIKELY) && self.choice(number).news.contains_key(LIKELY) {
            self.frame(number, out, |out| out.extend_from_slice(b"{\"text\":\"\"}"));
        }
        let choice = self.choice(number);
        choice.grounded |= sources::FIELDS.iter().any(|name| fields.contains_key(*name));
        if fields.contains_key(LIKELY) {
            choice.likely.clear();
        }
        for (key, value) in fields {
            choice.news.insert(key.clone(), value.clone());
        }
    }

    fn part_start(
        &mut self,
        number: u32,
        index: u32,
        part: &PartStart,
        native: Option<&Native>,
        out: &mut BytesMut,
    ) {
        let native =
            native.filter(|native| native.owner == DIALECT).and_then(|native| native.value.as_object());
        let native = native.cloned().unwrap_or_default();
        let kind = match part {
            PartStart::Text | PartStart::Refusal => Kind::Text,
            PartStart::Reasoning => Kind::Thought,
            PartStart::ToolCall { id, name, custom } => {
                Kind::Call { id: id.clone(), name: name.clone(), custom: *custom }
            }
            PartStart::Media { kind, mime } => Kind::Media { kind: *kind, mime: mime.clone() },
            PartStart::Native | PartStart::ServerCall { .. } | PartStart::ServerResult(_) => {
                Kind::Server(part.clone())
            }
        };
        let streamed = matches!(kind, Kind::Text | Kind::Thought);
        self.choice(number).open.push(Open { index, kind, text: String::new(), native: Map::new() });
        if streamed && !native.is_empty() {
            self.native_delta(number, index, &Value::Object(native), out);
        } else if let Some(open) = self.choice(number).open.last_mut() {
            open.native = native;
        }
    }

    fn delta(&mut self, number: u32, index: u32, text: &str, out: &mut BytesMut) {
        let choice = self.choice(number);
        let Some(open) = choice.open.iter_mut().rev().find(|open| open.index == index) else { return };
        let thought = match &open.kind {
            Kind::Text => false,
            Kind::Thought => true,
            // Sound is heard as it comes, cut where base64 may be.
            Kind::Media { kind: MediaKind::Audio, mime } => {
                open.text.push_str(text);
                let rest = open.text.split_off(open.text.len() / 4 * 4);
                let data = std::mem::replace(&mut open.text, rest);
                let mime = mime.clone();
                if !data.is_empty() {
                    let part = Out::of(Body::Blob { mime: &mime, data: &data });
                    self.frame(number, out, |out| json_to(out, &part));
                }
                return;
            }
            _ => {
                open.text.push_str(text);
                return self.hold(text.len(), out);
            }
        };
        if !thought {
            choice.measure(index, text);
        }
        self.frame(number, out, |out| {
            out.extend_from_slice(b"{\"text\":");
            json_to(out, text);
            out.extend_from_slice(if thought { b",\"thought\":true}" } else { b"}" });
        });
    }

    /// A signature of a text comes with an empty text; that of another part with the part.
    fn native_delta(&mut self, number: u32, index: u32, delta: &Value, out: &mut BytesMut) {
        let Some(delta) = delta.as_object() else { return };
        let choice = self.choice(number);
        let Some(open) = choice.open.iter_mut().rev().find(|open| open.index == index) else { return };
        let body = match &open.kind {
            Kind::Text => Body::Text(""),
            Kind::Thought => Body::Thought(""),
            _ => {
                grow(&mut open.native, delta);
                return self.hold(Value::Object(delta.clone()).to_string().len(), out);
            }
        };
        let part = Out { body, native: Some(delta), ..Out::default() };
        self.frame(number, out, |out| json_to(out, &part));
    }

    fn hold(&mut self, bytes: usize, out: &mut BytesMut) {
        self.held += bytes;
        if self.held > HELD {
            self.error(None, "A part of the answer is larger than a frame may be.", out);
        }
    }

    fn part_stop(&mut self, number: u32, index: u32, out: &mut BytesMut) {
        let choice = self.choice(number);
        let Some(at) = choice.open.iter().rposition(|open| open.index == index) else { return };
        let open = choice.open.remove(at);
        let before = choice.whole.len();
        if let Some(part) = open.written(&mut choice.grounding) {
            if !choice.whole.is_empty() {
                choice.whole.push(b',');
            }
            // Texts and maps with text keys always have a JSON form.
            let _written = serde_json::to_writer(&mut choice.whole, &part);
        }
        let grown = choice.whole.len() - before;
        self.held = self.held.saturating_sub(open.text.len());
        self.hold(grown, out);
    }

    /// Writes a frame of one candidate: the whole parts that wait, then the part that `write` writes.
    fn frame(&mut self, number: u32, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
        if self.tail.is_empty() {
            self.start("", "", None, &Extra::default());
        }
        let at = self.at(number);
        let choice = &mut self.choices[at];
        out.extend_from_slice(b"data: {\"candidates\":[{\"content\":{\"parts\":[");
        let waiting = std::mem::take(&mut choice.whole);
        self.held = self.held.saturating_sub(waiting.len());
        out.extend_from_slice(&waiting);
        if !waiting.is_empty() {
            out.put_u8(b',');
        }
        write(out);
        choice.spoken = true;
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        json_to(out, &number);
        let mut news = std::mem::take(&mut choice.news);
        // Why it ended is told last.
        let reason = news.shift_remove("finishReason");
        choice.news.extend(reason.map(|reason| ("finishReason".to_owned(), reason)));
        let likely = likely::write(&std::mem::take(&mut choice.likely));
        news.extend(likely.map(|result| ("logprobsResult".to_owned(), result)));
        members(out, &news);
        out.extend_from_slice(b"}]");
        members(out, &std::mem::take(&mut self.news));
        out.extend_from_slice(&self.tail);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.ended = true;
        if self.tail.is_empty() {
            self.start("", "", None, &Extra::default());
        }
        let unasked = |choice: &Choice| !choice.spoken && choice.whole.is_empty() && choice.news.is_empty();
        let blocked = self.blocked && self.choices.iter().all(unasked);
        out.extend_from_slice(b"data: {");
        if !blocked {
            out.extend_from_slice(b"\"candidates\":[");
            for (at, choice) in self.choices.iter_mut().enumerate() {
                if at > 0 {
                    out.put_u8(b',');
                }
                choice.last(out);
            }
            out.extend_from_slice(b"],");
        }
        out.extend_from_slice(b"\"usageMetadata\":");
        json_to(out, &counts::write(self.usage.as_ref(), Some(&self.counts)));
        members(out, &std::mem::take(&mut self.news));
        out.extend_from_slice(&self.tail);
    }

    /// An error as Google's streams report it, with a status word that its clients know.
    fn error(&mut self, kind: Option<&str>, message: &str, out: &mut BytesMut) {
        self.ended = true;
        let (code, status) = match kind.unwrap_or_default() {
            "RESOURCE_EXHAUSTED" | "rate_limit_error" => (429, "RESOURCE_EXHAUSTED"),
            "UNAVAILABLE" | "overloaded_error" => (503, "UNAVAILABLE"),
            "DEADLINE_EXCEEDED" | "timeout_error" => (504, "DEADLINE_EXCEEDED"),
            "INVALID_ARGUMENT" | "invalid_request_error" => (400, "INVALID_ARGUMENT"),
            "FAILED_PRECONDITION" => (400, "FAILED_PRECONDITION"),
            "UNAUTHENTICATED" | "authentication_error" => (401, "UNAUTHENTICATED"),
            "PERMISSION_DENIED" | "permission_error" => (403, "PERMISSION_DENIED"),
            "NOT_FOUND" | "not_found_error" => (404, "NOT_FOUND"),
            "CANCELLED" => (499, "CANCELLED"),
            _ => (500, "INTERNAL"),
        };
        frame(out, &json!({"error": {"code": code, "message": message, "status": status}}));
    }
}

impl Choice {
    /// Keeps the measure of a text.
    fn measure(&mut self, index: u32, text: &str) {
        match self.rulers.last_mut().filter(|(known, _)| *known == index) {
            Some((_, ruler)) => ruler.add(text),
            None => {
                let mut ruler = Ruler::default();
                ruler.add(text);
                self.rulers.push((index, ruler));
            }
        }
    }

    /// What the last frame says of it.
    fn last(&mut self, out: &mut BytesMut) {
        let reason = self.finish.take().unwrap_or_default();
        let mut told = std::mem::take(&mut self.news);
        let reason = told.shift_remove("finishReason").unwrap_or_else(|| finish::write(&reason).into());
        if !self.grounded {
            let mut grounding = std::mem::take(&mut self.grounding);
            for (index, citation) in &self.citations {
                let at = self.rulers.binary_search_by_key(index, |(known, _)| *known).ok();
                let ruler = at.and_then(|at| self.rulers.get(at)).map(|(_, ruler)| ruler);
                grounding.add(*index, citation, ruler.map(|ruler| sources::rests(citation, ruler)));
            }
            told.extend(grounding.written());
        }
        let likely = likely::write(&std::mem::take(&mut self.likely));
        told.extend(likely.map(|result| ("logprobsResult".to_owned(), result)));
        out.put_u8(b'{');
        if self.spoken || !self.whole.is_empty() {
            out.extend_from_slice(b"\"content\":{\"parts\":[");
            out.extend_from_slice(if self.whole.is_empty() { b"{\"text\":\"\"}" } else { &self.whole });
            out.extend_from_slice(b"],\"role\":\"model\"},");
        }
        out.extend_from_slice(b"\"finishReason\":");
        json_to(out, &reason);
        out.extend_from_slice(b",\"index\":");
        json_to(out, &self.number);
        told.shift_remove("content");
        members(out, &told);
        out.put_u8(b'}');
    }
}

impl Open {
    /// The part, now that it is whole; none when it was written already or Gemini has no form for it.
    fn written(&self, grounding: &mut Grounding) -> Option<Out<'_>> {
        let native = (!self.native.is_empty()).then_some(&self.native);
        let body = match &self.kind {
            Kind::Text | Kind::Thought => return None,
            Kind::Call { id, name, custom } => {
                let id = (!is_made_up(native, "functionCall")).then_some(id.as_str());
                Body::Call { id, name, args: Args::of(&self.text, *custom) }
            }
            Kind::Media { mime, .. } if !self.text.is_empty() => Body::Blob { mime, data: &self.text },
            Kind::Server(_) if native.is_some() => Body::Native,
            Kind::Server(PartStart::ServerCall { id, tool, name }) => {
                let input = self.text.clone();
                let call =
                    contract::canon::ServerCall { id: id.clone(), tool: *tool, name: name.clone(), input };
                grounding.asked(&call);
                Body::Code(code_of(&call)?)
            }
            Kind::Server(PartStart::ServerResult(result)) => {
                grounding.answered(result);
                code_result(result)?
            }
            Kind::Server(_) | Kind::Media { .. } => return None,
        };
        Some(Out { body, native, ..Out::default() })
    }
}

/// Merges more of a sidecar into it, as [`Event::NativeDelta`] says.
fn grow(native: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (key, value) in delta {
        match (native.get_mut(key), value) {
            (Some(Value::String(before)), Value::String(more)) => before.push_str(more),
            (Some(Value::Array(before)), Value::Array(more)) => before.extend_from_slice(more),
            (Some(Value::Object(before)), Value::Object(more)) => grow(before, more),
            _ => {
                native.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Writes the members of an object, each after a comma.
fn members(out: &mut BytesMut, fields: &Map<String, Value>) {
    for (key, value) in fields {
        out.put_u8(b',');
        json_to(out, key.as_str());
        out.put_u8(b':');
        json_to(out, value);
    }
}

fn frame(out: &mut BytesMut, data: &Value) {
    out.extend_from_slice(b"data: ");
    json_to(out, data);
    out.extend_from_slice(b"\r\n\r\n");
}

fn json_to<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    // Memory grows and texts always have a JSON form, so that there is no error to report.
    let _written = serde_json::to_writer(out.writer(), value);
}
