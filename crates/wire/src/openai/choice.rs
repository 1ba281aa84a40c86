//! One choice of a stream in the making: which part its next words belong to.
//!
//! Parts follow each other, except calls, which servers interleave. What the message holds beyond canon's words is put
//! together here and told once at the end, because pieces of it mean nothing to anyone. Next: `calls.rs`, `stream.rs`.

use contract::canon::{Citation, Event, MediaKind, Native, PartStart};
use serde_json::{Map, Value, json};

use super::calls::Calls;
use super::chunk::{CallDelta, ChunkChoice, Delta, FunctionDelta};
use super::held::Held;
use super::reply::{outcome, owned};
use super::thoughts::{self, Said};
use super::{DIALECT, annotations, likely, media};
use crate::WireError;
use crate::outgoing::is_empty;

/// A choice in the making.
#[derive(Default)]
pub(super) struct Choice {
    parts: u32,
    open: Option<Open>,
    calls: Calls,
    declined: bool,
    finish: Option<String>,
    /// Fields of the message that canon has no word for, and lists of tokens that say more than canon can.
    held: Held,
    /// Fields beside the message as they were last told.
    told: Map<String, Value>,
    /// Annotations that wait for a text.
    waiting: Vec<Value>,
    /// How many of the sources beside the choices were told.
    sourced: usize,
}

/// The part that words are added to.
struct Open {
    index: u32,
    place: Place,
    /// The sidecar as far as it was told.
    told: Map<String, Value>,
}

/// What an open part is, and where its words come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    Refusal,
    Audio,
    Field(&'static str, Option<&'static str>),
    Detail,
    Block,
}

impl Place {
    fn start(self) -> PartStart {
        match self {
            Self::Text => PartStart::Text,
            Self::Refusal => PartStart::Refusal,
            Self::Audio => PartStart::Media { kind: MediaKind::Audio, mime: media::STREAMED.to_owned() },
            Self::Field(..) | Self::Detail | Self::Block => PartStart::Reasoning,
        }
    }
}

/// One choice's view of the frame being read.
pub(super) struct Scene<'a> {
    number: u32,
    sources: &'a [Citation],
    events: &'a mut Vec<Event>,
}

impl Choice {
    /// Has its server said why it ended?
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Takes a frame's part of this choice.
    pub(super) fn read(
        &mut self,
        chunk: ChunkChoice,
        sources: &[Citation],
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        let number = chunk.index.unwrap_or_default();
        let mut fields = chunk.rest;
        fields.retain(|name, value| self.told.get(name) != Some(value) && !is_empty(value));
        if !fields.is_empty() {
            self.told.extend(fields.clone());
            events.push(Event::Extra { choice: Some(number), extra: owned(fields) });
        }
        if let Some(value) = chunk.logprobs {
            let said = chunk.delta.as_ref().and_then(|delta| delta.content.as_ref()).and_then(Value::as_str);
            let alone = likely::alone(&value, said);
            let (mut tokens, left) = likely::read(value);
            tokens.extend(alone);
            let told = !tokens.is_empty();
            if told {
                events.push(Event::Logprobs { choice: number, tokens });
            }
            let mut left = left.unwrap_or_default();
            if let Value::Object(left) = &mut left {
                left.retain(|_, value| !is_empty(value));
            }
            if !is_empty(&left) {
                if told {
                    let fields = Map::from_iter([("logprobs".to_owned(), left.clone())]);
                    events.push(Event::Extra { choice: Some(number), extra: owned(fields) });
                }
                self.held.add("logprobs", left)?;
            }
        }
        let mut scene = Scene { number, sources, events };
        if let Some(delta) = chunk.delta {
            self.delta(delta, &mut scene)?;
        }
        if let Some(reason) = chunk.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish.get_or_insert(reason);
        }
        Ok(())
    }

    fn delta(&mut self, delta: Delta, scene: &mut Scene<'_>) -> Result<(), WireError> {
        let fields = [delta.reasoning_content, delta.reasoning, delta.reasoning_text];
        self.thoughts(fields, delta.reasoning_details, scene)?;
        match delta.content {
            Some(Value::String(text)) => self.say(Place::Text, text, scene),
            Some(Value::Array(blocks)) => blocks.into_iter().for_each(|block| self.block(block, scene)),
            Some(other) => self.held.message("content", other)?,
            None => {}
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            self.declined = true;
            self.say(Place::Refusal, text, scene);
        }
        match delta.annotations {
            Some(Value::Array(list)) => self.cite(list, scene)?,
            other => other.map_or(Ok(()), |other| self.held.message("annotations", other))?,
        }
        match delta.audio {
            // Some servers write every field of an answer, empty.
            Some(Value::Object(audio)) if audio.values().all(is_silent) => {}
            Some(Value::Object(audio)) => self.audio(audio, scene),
            other => other.map_or(Ok(()), |other| self.held.message(media::AUDIO, other))?,
        }
        self.images(delta.images, scene)?;
        for call in delta.tool_calls.map(|calls| calls.0).unwrap_or_default() {
            self.call(call, scene)?;
        }
        if let Some(function) = delta.function_call {
            let function = FunctionDelta { rest: Map::new(), ..function };
            let call = CallDelta { index: Some(json!(0)), function: Some(function), ..CallDelta::default() };
            self.call(call, scene)?;
        }
        delta.rest.into_iter().try_for_each(|(name, value)| self.held.message(&name, value))
    }

    fn thoughts(
        &mut self,
        fields: [Option<Value>; 3],
        details: Option<Value>,
        scene: &mut Scene<'_>,
    ) -> Result<(), WireError> {
        let mut said: Option<Said> = None;
        for (field, value) in thoughts::FIELDS.into_iter().zip(fields) {
            match (value, &mut said) {
                (None, _) => {}
                (Some(Value::String(text)), _) if text.is_empty() => {}
                (Some(Value::String(text)), None) => said = Some(Said { field, twin: None, text }),
                (Some(Value::String(text)), Some(said)) if said.text == text && said.twin.is_none() => {
                    said.twin = Some(field);
                }
                (Some(other), _) => self.held.message(field, other)?,
            }
        }
        let details = match details {
            Some(Value::Array(list)) if list.iter().all(Value::is_object) => list,
            other => {
                other.map_or(Ok(()), |other| self.held.message(thoughts::DETAILS, other))?;
                Vec::new()
            }
        };
        let details: Vec<Map<String, Value>> = details
            .into_iter()
            .filter_map(|detail| if let Value::Object(detail) = detail { Some(detail) } else { None })
            .collect();
        let joined: String = details.iter().map(thoughts::text_of).collect();
        let repeats = said.as_ref().is_none_or(|said| said.text == joined);
        if let Some(said) = said.as_ref().filter(|_| !repeats || details.is_empty()) {
            self.say(Place::Field(said.field, said.twin), said.text.clone(), scene);
        }
        for detail in details {
            self.detail(detail, repeats.then_some(said.as_ref()), scene);
        }
        Ok(())
    }

    /// An entry of `reasoning_details`. It continues the one before if that has the same type and number.
    ///
    /// `said` is none if the text fields say something else: then the entry keeps its text.
    fn detail(&mut self, mut detail: Map<String, Value>, said: Option<Option<&Said>>, scene: &mut Scene<'_>) {
        let text = if said.is_some() { thoughts::take_text(&mut detail) } else { String::new() };
        let mut news = said.flatten().filter(|_| !text.is_empty()).map(Said::sidecar).unwrap_or_default();
        let continues = |open: &Open| {
            let before = open.told.get("detail").and_then(Value::as_object);
            let same = |name: &str| before.and_then(|before| before.get(name)) == detail.get(name);
            open.place == Place::Detail && same("type") && same("index")
        };
        if let Some(open) = self.open.as_mut().filter(|open| continues(open)) {
            news.retain(|name, _| !open.told.contains_key(name));
            let before = open.told.get("detail").and_then(Value::as_object);
            let grows = |name: &String| matches!(name.as_str(), "signature" | "data" | "text" | "summary");
            detail.retain(|name, value| {
                !value.is_null() && (grows(name) || before.is_none_or(|before| !before.contains_key(name)))
            });
            detail.retain(|_, value| value.as_str() != Some(""));
            if !detail.is_empty() {
                news.insert("detail".to_owned(), Value::Object(detail));
            }
            open.tell(news, scene);
        } else {
            news.insert("detail".to_owned(), Value::Object(detail));
            self.begin(Place::Detail, news, scene);
        }
        self.more(text, scene);
    }

    /// A block of content, as Mistral writes it.
    fn block(&mut self, block: Value, scene: &mut Scene<'_>) {
        let Value::Object(mut block) = block else { return };
        let is_text = block.get("type").is_some_and(|kind| kind == "text");
        if let Some(Value::String(text)) = block.get_mut("text").filter(|_| is_text) {
            let text = std::mem::take(text);
            block.retain(|name, value| !matches!(name.as_str(), "type" | "text") && !value.is_null());
            return if block.is_empty() {
                self.say(Place::Text, text, scene);
            } else {
                self.whole(PartStart::Text, Value::Object(block), text, scene);
            };
        }
        match thoughts::read_block(block) {
            Ok((text, native)) => {
                let Value::Object(mut native) = native else { return };
                if let Some(Value::Object(block)) = native.get_mut("block") {
                    block.shift_remove("thinking");
                }
                match self.open.as_mut().filter(|open| open.place == Place::Block) {
                    Some(open) => {
                        native.retain(|name, value| {
                            open.told.get(name) != Some(value) && *value != Value::Object(Map::new())
                        });
                        open.tell(native, scene);
                    }
                    None => self.begin(Place::Block, native, scene),
                }
                self.more(text, scene);
            }
            Err(block) => {
                if let Some((citation, open)) = annotations::of_block(&block).zip(self.text()) {
                    scene.events.push(Event::Citation { choice: scene.number, index: open, citation });
                }
                self.whole(PartStart::Native, Value::Object(block), String::new(), scene);
            }
        }
    }

    /// Annotations belong to the text that is open, else to the next.
    fn cite(&mut self, list: Vec<Value>, scene: &mut Scene<'_>) -> Result<(), WireError> {
        let Some(index) = self.text() else {
            self.waiting.extend(list);
            return Ok(());
        };
        let (citations, others) = annotations::read_all(Value::Array(list));
        let choice = scene.number;
        scene.events.extend(citations.into_iter().map(|citation| Event::Citation {
            choice,
            index,
            citation,
        }));
        others.map_or(Ok(()), |others| self.held.message("annotations", others))
    }

    fn audio(&mut self, mut audio: Map<String, Value>, scene: &mut Scene<'_>) {
        let data = match audio.shift_remove("data") {
            Some(Value::String(data)) => data,
            _ => String::new(),
        };
        audio.retain(|_, value| !value.is_null());
        match self.open.as_mut().filter(|open| open.place == Place::Audio) {
            Some(open) => {
                let before = open.told.get(media::AUDIO);
                audio.retain(|name, value| {
                    name == "transcript" || before.is_none_or(|before| before.get(name) != Some(value))
                });
                let news = Map::from_iter([(media::AUDIO.to_owned(), Value::Object(audio))]);
                open.tell(news, scene);
            }
            None => {
                let native = Map::from_iter([(media::AUDIO.to_owned(), Value::Object(audio))]);
                self.begin(Place::Audio, native, scene);
            }
        }
        self.more(data, scene);
    }

    fn images(&mut self, images: Option<Value>, scene: &mut Scene<'_>) -> Result<(), WireError> {
        let Some(Value::Array(images)) = images else {
            return images.map_or(Ok(()), |other| self.held.message(media::IMAGES, other));
        };
        for image in images {
            match media::read_image(&image) {
                Some((mime, data, native)) => {
                    let start = PartStart::Media { kind: MediaKind::Image, mime };
                    self.whole(start, native, data, scene);
                }
                None => self.held.message(media::IMAGES, json!([image]))?,
            }
        }
        Ok(())
    }

    fn call(&mut self, delta: CallDelta, scene: &mut Scene<'_>) -> Result<(), WireError> {
        let step = self.calls.take(scene.number, delta)?;
        let mut part = self.parts;
        if step.begins() {
            self.close(scene);
            part = self.next_part();
        }
        self.calls.tell(scene.number, step, part, scene.events);
        Ok(())
    }

    /// More of a part of this kind. It continues the open part if that is of the same kind.
    fn say(&mut self, place: Place, text: String, scene: &mut Scene<'_>) {
        if text.is_empty() {
            return;
        }
        if self.open.as_ref().is_none_or(|open| open.place != place) {
            let native = match place {
                Place::Field(field, twin) => Said { field, twin, text: String::new() }.sidecar(),
                _ => Map::new(),
            };
            self.begin(place, native, scene);
        }
        self.more(text, scene);
    }

    fn begin(&mut self, place: Place, native: Map<String, Value>, scene: &mut Scene<'_>) {
        self.close(scene);
        let index = self.next_part();
        let sidecar = Native { owner: DIALECT, value: Value::Object(native.clone()) };
        scene.events.push(Event::PartStart {
            choice: scene.number,
            index,
            part: place.start(),
            native: (!native.is_empty()).then_some(sidecar),
        });
        self.open = Some(Open { index, place, told: native });
        if place == Place::Text && !self.waiting.is_empty() {
            let (citations, others) = annotations::read_all(Value::Array(std::mem::take(&mut self.waiting)));
            let choice = scene.number;
            scene.events.extend(citations.into_iter().map(|it| Event::Citation {
                choice,
                index,
                citation: it,
            }));
            if let Some(Value::Array(others)) = others {
                self.waiting = others;
            }
        }
    }

    /// A part that comes in one piece.
    fn whole(&mut self, part: PartStart, native: Value, text: String, scene: &mut Scene<'_>) {
        self.close(scene);
        let (choice, index) = (scene.number, self.next_part());
        let native = Some(Native { owner: DIALECT, value: native });
        scene.events.push(Event::PartStart { choice, index, part, native });
        if !text.is_empty() {
            scene.events.push(Event::Delta { choice, index, text });
        }
        scene.events.push(Event::PartStop { choice, index });
    }

    /// More of the open part.
    fn more(&self, text: String, scene: &mut Scene<'_>) {
        if let Some(open) = self.open.as_ref().filter(|_| !text.is_empty()) {
            scene.events.push(Event::Delta { choice: scene.number, index: open.index, text });
        }
    }

    fn close(&mut self, scene: &mut Scene<'_>) {
        let Some(open) = self.open.take() else { return };
        let (choice, index) = (scene.number, open.index);
        if open.place == Place::Text {
            let news = scene.sources.get(self.sourced..).unwrap_or_default();
            scene.events.extend(news.iter().map(|it| Event::Citation {
                choice,
                index,
                citation: it.clone(),
            }));
            self.sourced = self.sourced.max(scene.sources.len());
        }
        scene.events.push(Event::PartStop { choice, index });
    }

    /// The number of the open part if it is a text.
    fn text(&self) -> Option<u32> {
        self.open.as_ref().filter(|open| open.place == Place::Text).map(|open| open.index)
    }

    const fn next_part(&mut self) -> u32 {
        let index = self.parts;
        self.parts += 1;
        index
    }

    /// Closes what is open and says why the choice ended.
    pub(super) fn end(&mut self, number: u32, sources: &[Citation], events: &mut Vec<Event>) {
        self.close(&mut Scene { number, sources, events });
        let called = self.calls.end(number, self.parts, events);
        let (reason, raw) = outcome(self.finish.take(), self.declined, called);
        if !self.waiting.is_empty() {
            let waiting = Value::Array(std::mem::take(&mut self.waiting));
            let _counted_when_it_was_read = self.held.message("annotations", waiting);
        }
        let mut fields = std::mem::take(&mut self.held.fields);
        fields.extend(raw.map(|raw| ("finish_reason".to_owned(), Value::String(raw))));
        if !fields.is_empty() {
            events.push(Event::Extra { choice: Some(number), extra: owned(fields) });
        }
        events.push(Event::Finish { choice: number, reason, stop_sequence: None });
    }
}

impl Open {
    /// Adds to the sidecar.
    fn tell(&mut self, news: Map<String, Value>, scene: &mut Scene<'_>) {
        let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        if news.values().all(empty) {
            return;
        }
        for (name, value) in &news {
            match (self.told.get_mut(name), value) {
                (Some(Value::Object(before)), Value::Object(more)) => {
                    before.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                _ => {
                    self.told.insert(name.clone(), value.clone());
                }
            }
        }
        let native = Native { owner: DIALECT, value: Value::Object(news) };
        scene.events.push(Event::NativeDelta { choice: scene.number, index: self.index, native });
    }
}

/// Does a field of a sound say nothing?
fn is_silent(value: &Value) -> bool {
    value.is_null() || *value == "" || *value == 0
}
