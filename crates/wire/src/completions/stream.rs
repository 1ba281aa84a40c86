//! A streamed completion → canon events.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::canon::{Event, Extra, Finish, PartStart};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DIALECT, OBJECT, finish, finish_reason, invalid, logprobs};
use crate::frames::sse::{Frame, Framer};
use crate::usage::Openai;
use crate::{StreamDecoder, WireError};

/// The decoder of one stream.
pub(super) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    choices: BTreeMap<u32, Choice>,
}

/// One answer in the making: its only part, once there is text, and why it ended.
#[derive(Default)]
struct Choice {
    open: bool,
    finish: Option<Finish>,
    /// The server's own members, each as it was told last; the end carries them.
    left: Map<String, Value>,
}

/// The most members of its own that a server has for one choice; vLLM, which has most, has five.
const MOST_OWN: usize = 32;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<Value>,
    #[serde(default)]
    choices: Option<Vec<ChunkChoice>>,
    #[serde(default)]
    usage: Option<Openai>,
    #[serde(default)]
    error: Option<Value>,
    /// A whole frame of Writer's: it names neither the answer nor its end.
    #[serde(default)]
    value: Option<String>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    delta: Option<Value>,
    #[serde(default)]
    logprobs: Option<Value>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(super) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.frame(&frame, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.frame(&frame, events))?;
        if state.ended {
            return Ok(());
        }
        let finished = |choice: &Choice| choice.finish.is_some();
        if state.choices.is_empty() || !state.choices.values().all(finished) {
            return Err(invalid("the stream ended before the answer was complete"));
        }
        state.end(events);
        Ok(())
    }
}

impl State {
    fn frame(&mut self, frame: &Frame<'_>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let data = frame.data.trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.end(events);
            return Ok(());
        }
        let mut chunk: Chunk = serde_json::from_slice(data).map_err(invalid)?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            let message = error.as_str().map(str::to_owned).or_else(|| text("message"));
            events.push(Event::Error { kind: text("type"), message: message.unwrap_or_default() });
            self.ended = true;
            return Ok(());
        }
        let choices = chunk.choices.take().unwrap_or_default();
        let usage = chunk.usage.take();
        let value = chunk.value.take();
        if !self.started && (!choices.is_empty() || usage.is_some() || value.is_some()) {
            self.started = true;
            events.push(start(chunk.id, chunk.model, chunk.created.as_ref(), chunk.left));
        }
        for choice in choices {
            self.choices.entry(choice.index).or_default().read(choice, events);
        }
        if let Some(text) = value {
            let choice = self.choices.entry(0).or_default();
            choice.say(0, text, events);
            choice.finish = Some(Finish::Stop);
        }
        events.extend(usage.and_then(|usage| usage.reported()).map(Event::Usage));
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.ended = true;
        if !self.started {
            events.push(start(None, None, None, Map::new()));
        }
        for (number, choice) in &mut self.choices {
            if choice.open {
                events.push(Event::PartStop { choice: *number, index: 0 });
            }
            let left = std::mem::take(&mut choice.left);
            if !left.is_empty() {
                let extra = Extra { owner: Some(DIALECT), fields: left };
                events.push(Event::Extra { choice: Some(*number), extra });
            }
            let reason = choice.finish.take().unwrap_or_default();
            events.push(Event::Finish { choice: *number, reason, stop_sequence: None });
        }
        events.push(Event::End);
    }
}

fn start(
    id: Option<String>,
    model: Option<String>,
    created: Option<&Value>,
    mut left: Map<String, Value>,
) -> Event {
    let constant = |value: &Value| value == OBJECT || value == "chat.completion.chunk";
    left.retain(|name, value| !(value.is_null() || name == "object" && constant(value)));
    Event::Start {
        id: id.unwrap_or_default(),
        model: model.unwrap_or_default(),
        created: created.and_then(Value::as_i64),
        extra: Extra { owner: (!left.is_empty()).then_some(DIALECT), fields: left },
    }
}

impl Choice {
    fn read(&mut self, chunk: ChunkChoice, events: &mut Vec<Event>) {
        let number = chunk.index;
        let text = chunk.text.or_else(|| super::reply::in_chat(chunk.delta?));
        self.say(number, text.unwrap_or_default(), events);
        if let Some(Ok((tokens, _))) = chunk.logprobs.map(logprobs::read)
            && !tokens.is_empty()
        {
            events.push(Event::Logprobs { choice: number, tokens });
        }
        for (name, value) in chunk.left.into_iter().filter(|(_, value)| !value.is_null()) {
            if self.left.len() < MOST_OWN {
                self.left.insert(name, value);
            }
        }
        if let Some(reason) = chunk.finish_reason.filter(|reason| !reason.is_empty() && self.finish.is_none())
        {
            let word = finish(&reason);
            if finish_reason(&word) != reason {
                self.left.insert("finish_reason".to_owned(), Value::String(reason));
            }
            self.finish = Some(word);
        }
    }

    fn say(&mut self, choice: u32, text: String, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.open, true) {
            events.push(Event::PartStart { choice, index: 0, part: PartStart::Text, native: None });
        }
        events.push(Event::Delta { choice, index: 0, text });
    }
}
