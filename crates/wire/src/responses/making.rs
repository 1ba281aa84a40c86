//! The items of a streamed answer in the making → events.
//!
//! Canon wants one part after the other, calls apart: servers that go on with one item while another has begun get the
//! earlier part closed, and what comes for it later in a part that joins its item. How much of a text has been told is
//! counted, so that the whole item, when it is done, adds only what was left out.

use std::collections::BTreeMap;

use contract::canon::{Citation, Event, MediaSource, Native, Part, PartKind, PartStart, TokenLogprob};
use serde_json::{Map, Value, json};

use super::items::{self, Kind};
use super::namespaces::{self, NAMESPACE};
use super::reply::take_logprobs;
use super::{Content, DIALECT, invalid, server, sidecar};
use crate::WireError;
use crate::fields::Fields;

/// The place of a part: `raw` is an index into the content of the item, else into its summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) item: u64,
    pub(super) raw: bool,
    pub(super) at: u64,
}

/// All items so far.
#[derive(Default)]
pub(super) struct Making {
    items: BTreeMap<u64, Item>,
    /// How many items have begun.
    begun: usize,
    /// The next part's index.
    next: u32,
    /// The item of which a part other than a call is open.
    open: Option<u64>,
    /// What the answer consists of.
    pub(super) content: Content,
}

struct Item {
    kind: Kind,
    /// Fields that its first part is to have beside it, then those that have been told.
    fields: Map<String, Value>,
    /// By place; one that was closed early may be followed by another.
    pieces: BTreeMap<(bool, u64), Piece>,
    /// Where the last piece is: no other is open.
    last: (bool, u64),
    done: bool,
}

/// A part of an item.
struct Piece {
    index: u32,
    open: bool,
    sent: usize,
    citations: usize,
    tokens: bool,
}

impl Item {
    fn of(item: &Map<String, Value>) -> Self {
        let kind = Kind::of(item.get("type").and_then(Value::as_str));
        let mut fields = item.clone();
        for known in ["role", "content", "summary", "call_id", "name", "arguments", "input"] {
            if known != "name" || !fields.contains_key(NAMESPACE) {
                fields.shift_remove(known);
            }
        }
        fields.retain(|name, value| {
            let told = if kind == Kind::Server { name == "id" } else { name != "type" };
            told && !value.is_null() && !sidecar::LATE.contains(&name.as_str())
        });
        if kind == Kind::Server {
            fields.extend(item.get("type").map(|kind| ("type".to_owned(), kind.clone())));
        }
        Self { kind, fields, pieces: BTreeMap::new(), last: (false, 0), done: false }
    }

    /// The piece that is open.
    fn open(&mut self) -> Option<&mut Piece> {
        self.pieces.get_mut(&self.last).filter(|piece| piece.open)
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(piece) = self.open() {
            piece.open = false;
            events.push(Event::PartStop { choice: 0, index: piece.index });
        }
    }
}

impl Making {
    /// An item begins.
    pub(super) fn added(&mut self, index: u64, item: &Map<String, Value>, events: &mut Vec<Event>) {
        if self.items.get(&index).is_some_and(|there| !there.done) {
            return;
        }
        self.begin(index, Item::of(item));
        let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match Kind::of(text("type")) {
            Kind::Call { custom } => {
                if let (Some(id), Some(name)) = (text("call_id"), text("name")) {
                    let name = namespaces::called(name, item.get(NAMESPACE));
                    let start = PartStart::ToolCall { id: id.to_owned(), name, custom };
                    self.open(call(index), start, events);
                }
            }
            Kind::Server => {
                if let Some(tool) = server::tool(server::kind(item)) {
                    let (id, name) = (server::id(item), server::name(item));
                    self.open(call(index), PartStart::ServerCall { id, tool, name }, events);
                }
            }
            Kind::Message | Kind::Reasoning | Kind::Other => {}
        }
    }

    fn piece(&mut self, place: Place) -> Option<&mut Piece> {
        self.items.get_mut(&place.item)?.pieces.get_mut(&(place.raw, place.at))
    }

    fn begin(&mut self, index: u64, item: Item) {
        self.items.insert(index, item);
        self.begun += 1;
    }

    /// A part begins, if it has not.
    pub(super) fn open(&mut self, place: Place, start: PartStart, events: &mut Vec<Event>) {
        if self.piece(place).is_none() {
            self.start(place, start, None, events);
        }
    }

    fn start(&mut self, place: Place, start: PartStart, native: Option<Native>, events: &mut Vec<Event>) {
        let calls = matches!(start, PartStart::ToolCall { .. } | PartStart::ServerCall { .. });
        self.interrupt(place.item, events);
        if !self.items.contains_key(&place.item) {
            let kind = match start {
                PartStart::Reasoning => "reasoning",
                _ => "message",
            };
            self.begin(place.item, Item::of(&Map::from_iter([("type".to_owned(), json!(kind))])));
        }
        let Some(item) = self.items.get_mut(&place.item) else { return };
        // The parts of an item follow each other.
        item.close(events);
        if !calls {
            self.open = Some(place.item);
        }
        let raw = place.raw && item.kind == Kind::Reasoning;
        let native = native.unwrap_or_else(|| native_of(item, raw));
        let index = self.next;
        self.next += 1;
        item.last = (place.raw, place.at);
        let piece = Piece { index, open: true, sent: 0, citations: 0, tokens: false };
        item.pieces.insert(item.last, piece);
        self.content.called |= matches!(start, PartStart::ToolCall { .. });
        self.content.declined |= start == PartStart::Refusal;
        events.push(Event::PartStart { choice: 0, index, part: start, native: Some(native) });
    }

    /// Closes the open part of another item.
    fn interrupt(&mut self, item: u64, events: &mut Vec<Event>) {
        let Some(other) = self.open.take_if(|open| *open != item) else { return };
        if let Some(other) = self.items.get_mut(&other) {
            other.close(events);
        }
    }

    /// More of a part.
    pub(super) fn say(&mut self, place: Place, start: PartStart, text: &str, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let sent = match self.piece(place).map(|piece| (piece.open, piece.sent)) {
            Some((true, sent)) => sent,
            other => {
                self.start(place, start, None, events);
                other.map_or(0, |(_, sent)| sent)
            }
        };
        if let Some(piece) = self.piece(place) {
            piece.sent = sent + text.len();
            events.push(Event::Delta { choice: 0, index: piece.index, text: text.to_owned() });
        }
    }

    /// The whole text of a part: what has not been told of it.
    pub(super) fn said(&mut self, place: Place, start: PartStart, text: &str, events: &mut Vec<Event>) {
        let sent = self.piece(place).map_or(0, |piece| piece.sent);
        self.say(place, start, text.get(sent..).unwrap_or_default(), events);
    }

    /// How likely the last tokens of a part were.
    pub(super) fn tokens(&mut self, place: Place, tokens: Vec<TokenLogprob>, events: &mut Vec<Event>) {
        if let Some(piece) = self.piece(place).filter(|_| !tokens.is_empty()) {
            piece.tokens = true;
            events.push(Event::Logprobs { choice: 0, tokens });
        }
    }

    /// A source of a text.
    pub(super) fn cite(&mut self, place: Place, citation: Citation, events: &mut Vec<Event>) {
        self.open(place, PartStart::Text, events);
        if let Some(piece) = self.piece(place).filter(|piece| piece.open) {
            piece.citations += 1;
            events.push(Event::Citation { choice: 0, index: piece.index, citation });
        }
    }

    /// More of what a call asks for. Before its name is known nothing can be told of it.
    pub(super) fn ask(&mut self, item: u64, text: &str, events: &mut Vec<Event>) {
        if self.piece(call(item)).is_some_and(|piece| piece.open) {
            self.say(call(item), PartStart::Native, text, events);
        }
    }

    /// All of it.
    pub(super) fn asked(&mut self, item: u64, text: &str, events: &mut Vec<Event>) {
        let sent = self.piece(call(item)).map_or(0, |piece| piece.sent);
        self.ask(item, text.get(sent..).unwrap_or_default(), events);
    }

    /// More of the code that the provider runs: a fragment of the text in `{"code": "…"}`.
    pub(super) fn code(&mut self, item: u64, text: &str, events: &mut Vec<Event>) {
        let begins = self.piece(call(item)).is_some_and(|piece| piece.sent == 0);
        let quoted = Value::from(text).to_string();
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        self.ask(item, &if begins { format!("{{\"code\":\"{inner}") } else { inner.to_owned() }, events);
    }

    /// An item is complete.
    pub(super) fn done(
        &mut self,
        index: u64,
        item: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        if let Some(there) = self.items.get(&index).filter(|there| there.done) {
            // Told twice, unless it is another item under the same number.
            if there.fields.get("id") == item.get("id") {
                return Ok(());
            }
            self.items.remove(&index);
        }
        if !self.items.contains_key(&index) {
            self.begin(index, Item::of(&item));
        }
        let parts =
            items::read(Fields::of(Value::Object(item), "item").map_err(invalid)?).map_err(invalid)?;
        let mut left = Map::new();
        let (mut summary, mut content) = (0, 0);
        for mut part in parts {
            let raw = !matches!(part.kind, PartKind::Reasoning(_)) || sidecar::is_raw(&part);
            let count = if raw { &mut content } else { &mut summary };
            let place = Place { item: index, raw, at: *count };
            *count += 1;
            let tokens = take_logprobs(&mut part);
            if matches!(part.kind, PartKind::ServerResult(_)) {
                // The call comes first, whole.
                self.fields_done(index, std::mem::take(&mut left), events);
            }
            left.extend(sidecar::item(&part).cloned().unwrap_or_default());
            self.part_done(place, part, tokens, events);
        }
        self.fields_done(index, left, events);
        if let Some(item) = self.items.get_mut(&index) {
            item.close(events);
            item.done = true;
        }
        self.open.take_if(|open| *open == index);
        Ok(())
    }

    fn part_done(&mut self, place: Place, part: Part, tokens: Vec<TokenLogprob>, events: &mut Vec<Event>) {
        let left = sidecar::left(&part).cloned();
        let (start, text) = start_of(part.kind);
        if let Some(piece) = self.piece(place) {
            if let (Some(left), true) = (left, piece.open) {
                let native = Native { owner: DIALECT, value: json!({"part": left}) };
                events.push(Event::NativeDelta { choice: 0, index: piece.index, native });
            }
        } else {
            if let (Some(native), Some(item)) = (&part.native, self.items.get_mut(&place.item)) {
                let told = native.value.get("item").and_then(Value::as_object);
                item.fields.extend(told.cloned().unwrap_or_default());
            }
            self.start(place, start.clone(), part.native, events);
        }
        self.said(place, start, &text, events);
        let (cited, told) = self.piece(place).map_or((0, false), |piece| (piece.citations, piece.tokens));
        for citation in part.citations.into_iter().skip(cited) {
            self.cite(place, citation, events);
        }
        self.tokens(place, if told { Vec::new() } else { tokens }, events);
    }

    /// The fields of the whole item that its parts do not have beside them yet.
    fn fields_done(&mut self, index: u64, mut left: Map<String, Value>, events: &mut Vec<Event>) {
        let Some(item) = self.items.get_mut(&index) else { return };
        left.retain(|name, _| !item.fields.contains_key(name));
        if left.is_empty() {
            return;
        }
        let closed = item.open().is_none();
        if closed && !left.contains_key("encrypted_content") {
            return;
        }
        if closed {
            let place = Place { item: index, raw: false, at: u64::MAX };
            self.start(place, PartStart::Reasoning, None, events);
        }
        let Some(item) = self.items.get_mut(&index) else { return };
        item.fields.extend(left.clone());
        if let Some(piece) = item.open() {
            let native = Native { owner: DIALECT, value: json!({"item": left}) };
            events.push(Event::NativeDelta { choice: 0, index: piece.index, native });
        }
    }

    /// Items of the whole response that no event told of.
    pub(super) fn rest(&mut self, output: Vec<Value>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let after = self.items.keys().next_back().map_or(0, |last| last.saturating_add(1));
        for (index, item) in (after..).zip(output.into_iter().skip(self.begun)) {
            if let Value::Object(item) = item {
                self.done(index, item, events)?;
            }
        }
        Ok(())
    }

    /// The answer is complete.
    pub(super) fn close(&mut self, events: &mut Vec<Event>) {
        self.items.values_mut().for_each(|item| item.close(events));
    }
}

/// The place of a call: an item has one.
const fn call(item: u64) -> Place {
    Place { item, raw: true, at: 0 }
}

/// The sidecar of the next part of an item: all fields for the first, the id for those that join it.
fn native_of(item: &Item, raw: bool) -> Native {
    let joins = !item.pieces.is_empty();
    let fields = if joins {
        item.fields.get("id").map(|id| ("id".to_owned(), id.clone())).into_iter().collect()
    } else {
        item.fields.clone()
    };
    let mut value = Map::new();
    if raw {
        value.insert("raw".to_owned(), Value::Bool(true));
    }
    value.insert("item".to_owned(), Value::Object(fields));
    if joins {
        value.insert("joins".to_owned(), Value::Bool(true));
    }
    Native { owner: DIALECT, value: Value::Object(value) }
}

/// How a whole part begins, and the text that follows as deltas.
fn start_of(kind: PartKind) -> (PartStart, String) {
    match kind {
        PartKind::Text(text) => (PartStart::Text, text),
        PartKind::Refusal(text) => (PartStart::Refusal, text),
        PartKind::Reasoning(text) => (PartStart::Reasoning, text),
        PartKind::ToolCall { id, name, arguments, custom } => {
            (PartStart::ToolCall { id, name, custom }, arguments)
        }
        PartKind::Media { kind, source: MediaSource::Base64 { mime, data } } => {
            (PartStart::Media { kind, mime }, data)
        }
        PartKind::ServerCall(call) => {
            (PartStart::ServerCall { id: call.id, tool: call.tool, name: call.name }, call.input)
        }
        PartKind::ServerResult(result) => (PartStart::ServerResult(result), String::new()),
        PartKind::Native | PartKind::Media { .. } | PartKind::ToolResult(_) => {
            (PartStart::Native, String::new())
        }
    }
}
