//! A stream of `GenerateContentResponse` chunks → canon.
//!
//! Gemini marks neither where a part begins nor where the stream ends: a part lasts as long as the kind of its pieces, and
//! a stream that closes before every candidate has a `finishReason` broke off. The reason may come before the last
//! counts, so `Finish` is held back to the end.

use bytes::Bytes;
use contract::canon::{Event, Extra, Finish, Native, PartStart};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::part::{Answer, Call, Candidate, Ids, Piece};
use super::{DIALECT, finish, invalid};
use crate::sse::Framer;
use crate::{StreamDecoder, WireError};

/// Reads a stream.
pub(crate) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    blocked: bool,
    ids: Ids,
    choices: SmallVec<[Choice; 1]>,
}

/// One candidate as far as it has come.
#[derive(Default)]
struct Choice {
    number: u32,
    next: u32,
    open: Option<Open>,
    called: bool,
    reason: Option<String>,
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
    pub(crate) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.read(&frame.data, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.read(&frame.data, events))?;
        state.end(events)
    }
}

impl State {
    fn read(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.ended {
            return Ok(());
        }
        let mut answer: Answer = serde_json::from_slice(data).map_err(invalid)?;
        if let Some(error) = answer.error {
            self.ended = true;
            events.push(Event::Error { kind: error.status, message: error.message });
            return Ok(());
        }
        self.blocked |= answer.is_blocked();
        if !std::mem::replace(&mut self.started, true) {
            let id = answer.response_id.take().unwrap_or_default();
            self.ids = Ids::of(&id);
            let model = answer.model_version.take().unwrap_or_default();
            events.push(Event::Start { id, model, created: None, extra: Extra::default() });
        }
        for candidate in answer.candidates {
            self.candidate(candidate, events);
        }
        if let Some(counts) = answer.usage_metadata {
            events.push(Event::Usage(counts.canon()));
        }
        Ok(())
    }

    fn candidate(&mut self, mut candidate: Candidate, events: &mut Vec<Event>) {
        let number = candidate.index;
        let at = self.choices.iter().position(|choice| choice.number == number).unwrap_or_else(|| {
            self.choices.push(Choice { number, ..Choice::default() });
            self.choices.len() - 1
        });
        let Some(choice) = self.choices.get_mut(at) else { return };
        for piece in candidate.take_pieces() {
            match piece {
                Piece::Text { text, thought, left } => choice.text(text, thought, left, events),
                Piece::Call { call, left } => choice.call(call, left, &mut self.ids, events),
                Piece::Other(part) => choice.other(part, events),
            }
        }
        choice.reason = candidate.finish_reason.or(choice.reason.take());
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
            choice.close(events);
            let reason =
                choice.reason.take().map_or(Finish::ContentFilter, |reason| finish(&reason, choice.called));
            events.push(Event::Finish { choice: choice.number, reason, stop_sequence: None });
        }
        events.push(Event::End);
        Ok(())
    }
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
        let Some(Open { index, .. }) = self.open else { return };
        if !text.is_empty() {
            events.push(Event::Delta { choice: self.number, index, text });
        }
        if let Some(value) = left {
            let native = Native { owner: DIALECT, value };
            events.push(Event::NativeDelta { choice: self.number, index, native });
        }
    }

    /// A call comes whole, or as a name followed by pieces of its arguments.
    fn call(&mut self, mut call: Call, left: Option<Value>, ids: &mut Ids, events: &mut Vec<Event>) {
        let goes_on = call.name.is_none() && matches!(&self.open, Some(Open { kind: Kind::Call(_), .. }));
        if !goes_on {
            self.called = true;
            let id = ids.pick(&mut call);
            let name = call.name.take().unwrap_or_default();
            let native = left.map(|value| Native { owner: DIALECT, value });
            self.begin(
                Kind::Call(Value::Object(Map::new())),
                PartStart::ToolCall { id, name, custom: false },
                native,
                events,
            );
        }
        let Some(Open { index, kind: Kind::Call(arguments) }) = &mut self.open else { return };
        for piece in call.partial_args.drain(..) {
            piece.put(arguments);
        }
        if call.will_continue {
            return;
        }
        let text = if goes_on || call.args.is_none() { arguments.to_string() } else { call.arguments() };
        events.push(Event::Delta { choice: self.number, index: *index, text });
        self.close_open(events);
    }

    /// A part that canon has no stream for, whole.
    fn other(&mut self, part: Map<String, Value>, events: &mut Vec<Event>) {
        let native = Native { owner: DIALECT, value: Value::Object(part) };
        self.begin(Kind::Text, PartStart::Native, Some(native), events);
        self.close_open(events);
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
