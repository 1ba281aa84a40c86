//! A stream of `GenerateContentResponse` frames → canon.
//!
//! Gemini marks neither where a part begins nor where the stream ends: a part lasts as long as the kind of its pieces, and
//! a stream that closes before every candidate has a `finishReason` broke off. The reason may come before the last
//! counts, so `Finish` is held back to the end.

use bytes::Bytes;
use contract::canon::{Event, Finish, MediaSource, Native, Part, PartKind, PartStart, Provenance};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::answer::{Answer, Candidate};
use super::grounding::Searched;
use super::ids::Ids;
use super::objects::Frames;
use super::out::{Out, media, sidecar};
use super::part::{Call, Piece};
use super::reply::extra;
use super::ruler::Ruler;
use super::sources::{self, Text};
use super::{DIALECT, finish, invalid, likely};
use crate::{StreamDecoder, WireError};

/// The most candidates that are followed; Google makes eight at most.
const MOST: usize = 128;

/// Reads a stream.
pub(super) struct Decoder {
    frames: Frames,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    blocked: bool,
    ids: Ids,
    /// What was told of the answer so far.
    told: Map<String, Value>,
    searched: Searched,
    choices: SmallVec<[Choice; 1]>,
}

/// One candidate as far as it has come.
#[derive(Default)]
struct Choice {
    number: u32,
    next: u32,
    open: Option<Open>,
    called: bool,
    reason: Option<Value>,
    /// What was told of it so far.
    told: Map<String, Value>,
    texts: Vec<Text>,
}

/// The part being read.
struct Open {
    index: u32,
    kind: Kind,
}

enum Kind {
    Text,
    Thought,
    /// A call whose arguments arrive in pieces.
    Call(Value),
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub(super) fn new() -> Self {
        Self { frames: Frames::Undecided, state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.frames.feed(bytes, |frame| state.read(frame, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.frames.finish(|frame| state.read(frame, events))?;
        state.end(events)
    }
}

impl State {
    fn read(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let mut answer: Answer = serde_json::from_slice(data).map_err(invalid)?;
        if let Some(message) = answer.error_message() {
            self.ended = true;
            events.push(Event::Error {
                kind: answer.error_kind().map(str::to_owned),
                message: message.to_owned(),
            });
            return Ok(());
        }
        self.blocked |= answer.is_blocked();
        let usage = answer.take_usage();
        let created = answer.created();
        let id = answer.take_text("responseId").unwrap_or_default();
        let model = answer.take_text("modelVersion").unwrap_or_default();
        let candidates = std::mem::take(&mut answer.candidates);
        self.searched.see(&candidates);
        let new = news(&mut self.told, answer.fields);
        if !std::mem::replace(&mut self.started, true) {
            self.ids = Ids::of_answer(&id);
            events.push(Event::Start { id, model, created, extra: extra(new) });
        } else if !new.is_empty() {
            events.push(Event::Extra { choice: None, extra: extra(new) });
        }
        for candidate in candidates {
            self.candidate(candidate, events);
        }
        events.extend(usage.map(|usage| Event::Usage(self.searched.beside(usage))));
        Ok(())
    }

    fn candidate(&mut self, mut candidate: Candidate, events: &mut Vec<Event>) {
        let number = candidate.take_index();
        let known = self.choices.iter().position(|choice| choice.number == number);
        if known.is_none() && self.choices.len() < MOST {
            self.choices.push(Choice { number, ..Choice::default() });
        }
        let choice = match known {
            Some(at) => self.choices.get_mut(at),
            None => self.choices.last_mut().filter(|choice| choice.number == number),
        };
        let Some(choice) = choice else { return };
        for raw in candidate.take_parts() {
            match raw.piece(&mut self.ids, Provenance::Model) {
                Piece::Text { text, thought, left } => choice.text(text, thought, left, events),
                Piece::Call { call, left } => choice.call(call, left, &mut self.ids, events),
                Piece::Whole(part) => choice.whole(part, events),
            }
        }
        choice.tell(candidate.fields, events);
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        if self.choices.is_empty() {
            if !self.blocked {
                return Err(invalid("the stream ended before its first candidate"));
            }
            events.push(Event::Finish { choice: 0, reason: Finish::ContentFilter, stop_sequence: None });
        }
        if self.choices.iter().any(|choice| choice.reason.is_none()) && !self.blocked {
            return Err(invalid("the stream ended before its finishReason"));
        }
        for choice in &mut self.choices {
            choice.end(events);
        }
        events.push(Event::End);
        Ok(())
    }
}

/// The fields that were not told before, or told otherwise; they are noted as told.
fn news(told: &mut Map<String, Value>, fields: Map<String, Value>) -> Map<String, Value> {
    let mut new = fields;
    new.retain(|key, value| told.get(key) != Some(value));
    for (key, value) in &new {
        told.insert(key.clone(), value.clone());
    }
    new
}

impl Choice {
    fn text(&mut self, text: String, thought: bool, left: Option<Value>, events: &mut Vec<Event>) {
        let same = match &self.open {
            Some(open) => matches!((&open.kind, thought), (Kind::Text, false) | (Kind::Thought, true)),
            None => false,
        };
        // A signature without text closes what is open, whatever that is.
        let goes_on = same
            || (text.is_empty() && matches!(&self.open, Some(open) if !matches!(open.kind, Kind::Call(_))));
        if text.is_empty() && left.is_none() {
            return;
        }
        if !goes_on {
            let (kind, part) =
                if thought { (Kind::Thought, PartStart::Reasoning) } else { (Kind::Text, PartStart::Text) };
            self.begin(kind, part, None, events);
        }
        let Some(Open { index, kind }) = &self.open else { return };
        let index = *index;
        if matches!(kind, Kind::Text) {
            match self.texts.last_mut().filter(|text| text.0 == index) {
                Some((_, ruler)) => ruler.add(&text),
                None => {
                    let mut ruler = Ruler::default();
                    ruler.add(&text);
                    self.texts.push((index, ruler));
                }
            }
        }
        if !text.is_empty() {
            events.push(Event::Delta { choice: self.number, index, text });
        }
        if let Some(value) = left {
            // A signature is that of what came before it: what comes behind is another part.
            let signed = value.get("thoughtSignature").is_some();
            let native = Native { owner: DIALECT, value };
            events.push(Event::NativeDelta { choice: self.number, index, native });
            if signed {
                self.close_open(events);
            }
        }
    }

    /// A call comes whole, or as a name followed by pieces of its arguments.
    fn call(&mut self, mut call: Call, left: Map<String, Value>, ids: &mut Ids, events: &mut Vec<Event>) {
        let goes_on = call.name().is_none() && matches!(&self.open, Some(Open { kind: Kind::Call(_), .. }));
        let mut whole = call.arguments().map(str::to_owned);
        let (pieces, will_continue) = (call.take_pieces(), call.will_continue());
        // Pieces are put into what came whole before them.
        let begun = whole.take_if(|_| will_continue || goes_on || !pieces.is_empty());
        let begun = begun.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
        if !goes_on {
            self.called = true;
            let (id, name, left) = call.named(ids, left);
            let native = left.map(|value| Native { owner: DIALECT, value });
            let start = PartStart::ToolCall { id, name, custom: false };
            self.begin(Kind::Call(Value::Object(Map::new())), start, native, events);
        } else if let (Some(Open { index, .. }), false) = (&self.open, left.is_empty()) {
            let native = Native { owner: DIALECT, value: Value::Object(left) };
            events.push(Event::NativeDelta { choice: self.number, index: *index, native });
        }
        let Some(Open { index, kind: Kind::Call(arguments) }) = &mut self.open else { return };
        if let (Some(begun), Value::Object(arguments)) = (begun, &mut *arguments) {
            arguments.extend(begun);
        }
        for piece in pieces {
            piece.put(arguments);
        }
        if will_continue {
            return;
        }
        let text = whole.unwrap_or_else(|| arguments.to_string());
        events.push(Event::Delta { choice: self.number, index: *index, text });
        self.close_open(events);
    }

    /// A part that comes in one piece.
    fn whole(&mut self, mut part: Part, events: &mut Vec<Event>) {
        let (start, text) = match part.kind {
            PartKind::Media { kind, source: MediaSource::Base64 { mime, data } } => {
                (PartStart::Media { kind, mime }, data)
            }
            PartKind::ServerCall(call) => {
                (PartStart::ServerCall { id: call.id, tool: call.tool, name: call.name }, call.input)
            }
            PartKind::ServerResult(result) => (PartStart::ServerResult(result), String::new()),
            // A file somewhere else has no stream of its own in canon.
            PartKind::Media { kind, ref source } => {
                let out =
                    media(kind, source).map(|body| Out { body, native: sidecar(&part), ..Out::default() });
                let value = out.ok().and_then(|out| serde_json::to_value(out).ok()).unwrap_or_default();
                part.native = Some(Native { owner: DIALECT, value });
                (PartStart::Native, String::new())
            }
            _ => (PartStart::Native, String::new()),
        };
        self.begin(Kind::Text, start, part.native, events);
        if let Some(Open { index, .. }) = self.open.as_ref().filter(|_| !text.is_empty()) {
            events.push(Event::Delta { choice: self.number, index: *index, text });
        }
        self.close_open(events);
    }

    /// What a frame says of the candidate beyond its parts.
    fn tell(&mut self, mut fields: Map<String, Value>, events: &mut Vec<Event>) {
        let reason = fields.shift_remove("finishReason");
        self.reason = reason.filter(|reason| finish::word(reason).is_some()).or(self.reason.take());
        if let Some(result) = fields.get("logprobsResult") {
            let tokens = likely::read(result);
            if !tokens.is_empty() {
                events.push(Event::Logprobs { choice: self.number, tokens });
            }
        }
        // Those of one frame's tokens, never told twice.
        let likely = fields.shift_remove("logprobsResult");
        let mut new = news(&mut self.told, fields);
        let sources: Map<String, Value> = new
            .iter()
            .filter(|(key, _)| sources::FIELDS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        for (index, citation) in sources::read(&sources, &self.texts) {
            events.push(Event::Citation { choice: self.number, index, citation });
        }
        new.extend(likely.map(|result| ("logprobsResult".to_owned(), result)));
        if !new.is_empty() {
            events.push(Event::Extra { choice: Some(self.number), extra: extra(new) });
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.close(events);
        let reason = self.reason.take();
        let finish = match reason.as_ref().and_then(finish::word) {
            Some(word) => finish::read(&word, self.called),
            None => Finish::ContentFilter,
        };
        if let Some(kept) = reason.and_then(|reason| finish::kept(&reason, &finish)) {
            let fields = [("finishReason".to_owned(), kept)].into_iter().collect();
            events.push(Event::Extra { choice: Some(self.number), extra: extra(fields) });
        }
        events.push(Event::Finish { choice: self.number, reason: finish, stop_sequence: None });
    }

    fn begin(&mut self, kind: Kind, part: PartStart, native: Option<Native>, events: &mut Vec<Event>) {
        self.close(events);
        let index = self.next;
        self.next += 1;
        self.open = Some(Open { index, kind });
        events.push(Event::PartStart { choice: self.number, index, part, native });
    }

    /// Ends the open part; a call whose last piece never came keeps what did.
    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(Open { index, kind: Kind::Call(arguments) }) = &self.open {
            events.push(Event::Delta { choice: self.number, index: *index, text: arguments.to_string() });
        }
        self.close_open(events);
    }

    fn close_open(&mut self, events: &mut Vec<Event>) {
        if let Some(Open { index, .. }) = self.open.take() {
            events.push(Event::PartStop { choice: self.number, index });
        }
    }
}
