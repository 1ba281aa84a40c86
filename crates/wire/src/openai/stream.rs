//! A streamed chat completion → canon events.
//!
//! Read leniently, because many servers speak this dialect with an accent: `[DONE]` may be missing, thoughts come in fields
//! of several names or as blocks, calls may lack an index or an id, a finish reason may come twice. Here is what concerns
//! the whole answer; `choice.rs` reads each choice, `calls.rs` its calls, `chunk.rs` is what a frame looks like.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::canon::{Citation, Event, Extra};
use contract::words::Usage;
use serde_json::{Map, Value};

use super::choice::Choice;
use super::chunk::{Chunk, ChunkChoice};
use super::reply::owned;
use super::{DIALECT, annotations, invalid};
use crate::frames::sse::{Frame, Framer};
use crate::outgoing::is_empty;
use crate::{StreamDecoder, WireError};

/// Fields of frames beyond canon's words whose last value is remembered, so that what every frame repeats is told once.
const REMEMBERED: usize = 64;

/// The most choices that are followed; 128 can be asked for (`n`).
const MOST: usize = 256;

/// The decoder of one stream.
pub(crate) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    /// Fields beside the choices as they were last told.
    told: Map<String, Value>,
    /// The sources listed beside the choices.
    sources: Vec<Citation>,
    choices: BTreeMap<u32, Choice>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(crate) fn new() -> Self {
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
        let complete = !state.choices.is_empty() && state.choices.values().all(Choice::is_finished);
        if !complete {
            return Err(invalid("the stream ended before the answer was complete"));
        }
        state.end(events);
        Ok(())
    }
}

/// The counts where Groq (`x_groq.usage`) and Moonshot (`choices[0].usage`) put them. They stay there too.
fn elsewhere(beside: &Map<String, Value>, choices: Option<&[ChunkChoice]>) -> Option<Usage> {
    let groq = beside.get("x_groq").and_then(|it| it.get("usage"));
    let moonshot = || choices?.iter().find_map(|choice| choice.rest.get("usage"));
    let usage = groq.or_else(moonshot).filter(|usage| usage.is_object())?;
    super::reply::read_usage(usage.clone()).0
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
        if let Some(error) = &chunk.error {
            let error = super::error::describe(error);
            // What failed was consumed all the same (OpenRouter).
            let usage = chunk.usage.take().and_then(|usage| super::reply::read_usage(usage).0);
            events.extend(usage.map(Event::Usage));
            events.push(Event::Error { kind: error.kind, message: error.message });
            self.ended = true;
            return Ok(());
        }
        if chunk.choices.is_none()
            && let Some(error) = super::instead::of_base_resp(&chunk.rest)
        {
            events.push(Event::Error { kind: error.code, message: error.message });
            self.ended = true;
            return Ok(());
        }
        let usage = chunk.usage.take().map(super::reply::read_usage);
        let mut rest = std::mem::take(&mut chunk.rest);
        let (usage, more) = usage.unwrap_or_default();
        let usage = usage.or_else(|| elsewhere(&rest, chunk.choices.as_deref()));
        rest.extend(more.map(|more| ("usage".to_owned(), Value::Object(more))));
        self.beside(rest, events);
        let empty = chunk.choices.as_ref().is_none_or(Vec::is_empty) && usage.is_none();
        if !self.started && !empty {
            self.start(&mut chunk, events);
        }
        for delta in chunk.choices.into_iter().flatten() {
            let number = delta.index.unwrap_or_default();
            if self.choices.len() >= MOST && !self.choices.contains_key(&number) {
                return Err(invalid("the answer holds too many choices"));
            }
            let choice = self.choices.entry(number).or_default();
            choice.read(delta, &self.sources, events)?;
        }
        events.extend(usage.map(Event::Usage));
        Ok(())
    }

    /// Takes fields beside the choices. Those of frames before the first choice (Azure's filter results) go with the start.
    fn beside(&mut self, mut fields: Map<String, Value>, events: &mut Vec<Event>) {
        fields.retain(|name, value| self.told.get(name) != Some(value) && !is_empty(value));
        if fields.is_empty() {
            return;
        }
        for (name, value) in &fields {
            if self.told.len() < REMEMBERED || self.told.contains_key(name) {
                self.told.insert(name.clone(), value.clone());
            }
        }
        if fields.contains_key("search_results") || fields.contains_key("citations") {
            self.sources = annotations::sources(&self.told);
        }
        if self.started {
            events.push(Event::Extra { choice: None, extra: owned(fields) });
        }
    }

    fn start(&mut self, chunk: &mut Chunk, events: &mut Vec<Event>) {
        self.started = true;
        events.push(Event::Start {
            id: chunk.id.take().unwrap_or_default(),
            model: chunk.model.take().unwrap_or_default(),
            created: chunk.created.as_ref().and_then(Value::as_i64),
            extra: owned(self.told.clone()),
        });
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.ended = true;
        if !self.started {
            events.push(Event::Start {
                id: String::new(),
                model: String::new(),
                created: None,
                extra: Extra::default(),
            });
        }
        for (number, choice) in &mut self.choices {
            choice.end(*number, &self.sources, events);
        }
        events.push(Event::End);
    }
}
