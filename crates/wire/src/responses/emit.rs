//! The items of a streamed answer → frames.
//!
//! Parts of one message or thought share an item, which is closed when something else begins; calls may be open side by
//! side. Tools that the provider ran are `provided.rs`. `encode.rs` writes the frames around.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use contract::canon::{Citation, Event, MediaKind, Native, PartStart, TokenLogprob};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::namespaces::{Grouped, regroup};
use super::provided::Provided;
use super::written::{Ids, call_names, complete};
use super::{DIALECT, citation, logprobs, object, sidecar};

/// Writes items and keeps them for the last frame.
#[derive(Default)]
pub(super) struct Emit {
    ids: Ids,
    sequence: u64,
    /// The items by their place; null while one is being made.
    pub(super) output: Vec<Value>,
    /// How many bytes of the answer are kept.
    pub(super) kept: usize,
    /// Has any part come from an answer of this API?
    pub(super) own: bool,
    /// Has the model declined in words?
    pub(super) declined: bool,
    group: Option<Group>,
    parts: BTreeMap<u32, Open>,
    pub(super) provided: Provided,
    /// Tools that the client has in groups.
    groups: Vec<Grouped>,
}

/// A message or a thought, which several parts may belong to.
struct Group {
    message: bool,
    at: usize,
    id: Value,
    fields: Map<String, Value>,
    content: Vec<Value>,
    summary: Vec<Value>,
}

/// A part being written.
enum Open {
    /// A text of a message.
    Said {
        refusal: bool,
        text: String,
        annotations: Vec<Value>,
        tokens: Vec<TokenLogprob>,
        left: Map<String, Value>,
    },
    /// A text of a thought.
    Thought { raw: bool, begun: bool, text: String, left: Map<String, Value> },
    /// A call.
    Call { at: usize, custom: bool, item: Map<String, Value>, text: String, own: bool },
    /// A picture.
    Image { at: usize, item: Map<String, Value>, data: String },
    /// A tool that the provider ran.
    Provided,
}

impl Emit {
    /// For a client that has these tools in groups.
    pub(super) fn of(groups: Vec<Grouped>) -> Self {
        Self { groups, ..Self::default() }
    }

    /// The response has this id.
    pub(super) fn begin(&mut self, response: &str) {
        self.ids = Ids::of(response);
    }

    /// The response has this id, and its next frame this number.
    pub(super) fn resume(&mut self, response: &str, sequence: u64) {
        self.begin(response);
        self.sequence = sequence;
    }

    /// A frame with a response.
    pub(super) fn response(&mut self, kind: &str, response: &Map<String, Value>, out: &mut BytesMut) {
        self.frame(kind, &object([("response", Some(Value::Object(response.clone())))]), out);
    }

    /// A frame: its type, these fields, its number.
    pub(super) fn frame(&mut self, kind: &str, fields: &Map<String, Value>, out: &mut BytesMut) {
        self.frame_start(kind, out);
        for (name, value) in fields {
            out.extend_from_slice(b",");
            json_to(out, name);
            out.extend_from_slice(b":");
            json_to(out, value);
        }
        self.frame_end(out);
    }

    fn frame_start(&self, kind: &str, out: &mut BytesMut) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\"");
    }

    fn frame_end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b",\"sequence_number\":");
        json_to(out, &self.sequence);
        out.extend_from_slice(b"}\n\n");
        self.sequence += 1;
    }

    /// The frame that every token comes in: written without an intermediate value. `index` is the name and the number of
    /// the part within its item.
    fn delta_frame(
        &mut self,
        kind: &str,
        (id, at): (&Value, usize),
        index: Option<(&str, usize)>,
        text: &str,
        out: &mut BytesMut,
    ) {
        self.frame_start(kind, out);
        out.extend_from_slice(b",\"item_id\":");
        json_to(out, id);
        out.extend_from_slice(b",\"output_index\":");
        json_to(out, &at);
        if let Some((name, index)) = index {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            json_to(out, &index);
        }
        out.extend_from_slice(b",\"delta\":");
        json_to(out, text);
        if kind == "response.output_text.delta" {
            out.extend_from_slice(b",\"logprobs\":[]");
        }
        self.frame_end(out);
    }

    /// A frame about an item: `{item_id, output_index, …fields}`.
    pub(super) fn item_frame(
        &mut self,
        kind: &str,
        (id, at): (&Value, usize),
        fields: Map<String, Value>,
        out: &mut BytesMut,
    ) {
        let mut all = object([("item_id", Some(id.clone())), ("output_index", Some(json!(at)))]);
        all.extend(fields);
        self.frame(kind, &all, out);
    }

    /// An item begins. It gets its id and its place; the item as it is shown is `fields` without what comes late.
    pub(super) fn add_item(&mut self, fields: &mut Map<String, Value>, out: &mut BytesMut) -> usize {
        let at = self.output.len();
        self.output.push(Value::Null);
        complete(fields, &self.ids, at);
        let mut shown = fields.clone();
        shown.shift_remove("encrypted_content");
        if let Some(status) = shown.get_mut("status") {
            *status = json!("in_progress");
        }
        let added = [("output_index", Some(json!(at))), ("item", Some(Value::Object(shown)))];
        self.frame("response.output_item.added", &object(added), out);
        at
    }

    /// An item is complete.
    pub(super) fn item_done(&mut self, at: usize, item: Map<String, Value>, out: &mut BytesMut) {
        let done = object([("output_index", Some(json!(at))), ("item", Some(Value::Object(item)))]);
        self.frame("response.output_item.done", &done, out);
        if let (Some(place), Some((_, item))) = (self.output.get_mut(at), done.into_iter().next_back()) {
            *place = item;
        }
    }

    /// Writes the frames of a part's event.
    pub(super) fn part_event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::PartStart { choice: 0, index, part, native } => {
                let own =
                    native.as_ref().filter(|native| native.owner == DIALECT).map(|native| &native.value);
                self.own |= own.is_some();
                self.part_start(*index, part, own, out);
            }
            Event::Delta { choice: 0, index, text } => {
                self.kept += text.len();
                self.delta(*index, text, out);
            }
            Event::NativeDelta { choice: 0, index, native } if native.owner == DIALECT => {
                self.native(*index, native);
            }
            Event::PartStop { choice: 0, index } => self.part_stop(*index, out),
            Event::Citation { choice: 0, index, citation } => self.cite(*index, citation, out),
            Event::Logprobs { choice: 0, tokens: more } => {
                let open = self.parts.values_mut().rev();
                let mut said = open.filter_map(|open| match open {
                    Open::Said { tokens, .. } => Some(tokens),
                    _ => None,
                });
                if let Some(tokens) = said.next() {
                    tokens.extend(more.iter().cloned());
                }
            }
            _ => {}
        }
    }

    fn part_start(&mut self, index: u32, part: &PartStart, own: Option<&Value>, out: &mut BytesMut) {
        let field = |name: &str| own.and_then(|own| own.get(name)?.as_object()).cloned();
        let (item, left) = (field("item"), field("part").unwrap_or_default());
        let open = match part {
            PartStart::Text | PartStart::Refusal => {
                let refusal = *part == PartStart::Refusal;
                self.declined |= refusal;
                self.join(true, own, item, out);
                let (text, annotations, tokens) = (String::new(), Vec::new(), Vec::new());
                let said = Open::Said { refusal, text, annotations, tokens, left };
                self.part_frame("response.content_part.added", said.content(), out);
                said
            }
            PartStart::Reasoning => {
                let raw = own.is_some_and(|own| own.get("raw") == Some(&Value::Bool(true)));
                self.join(false, own, item, out);
                Open::Thought { raw, begun: false, text: String::new(), left }
            }
            PartStart::ToolCall { id, name, custom } => self.call(id, name, *custom, item, out),
            PartStart::Media { kind: MediaKind::Image, .. } => self.image(item, out),
            PartStart::ServerCall { id, tool, name } => {
                self.close_group(out);
                let mut provided = std::mem::take(&mut self.provided);
                provided.start(index, (id, *tool, name.as_deref()), item, self, out);
                self.provided = provided;
                Open::Provided
            }
            PartStart::ServerResult(result) => {
                let mut provided = std::mem::take(&mut self.provided);
                provided.result(result, self, out);
                self.provided = provided;
                return;
            }
            PartStart::Native => {
                self.whole(item, left, own, out);
                return;
            }
            PartStart::Media { .. } => return,
        };
        self.parts.insert(index, open);
    }

    /// Begins the item that a part belongs to, unless it joins the open one.
    fn join(
        &mut self,
        message: bool,
        own: Option<&Value>,
        item: Option<Map<String, Value>>,
        out: &mut BytesMut,
    ) {
        // Texts of other dialects follow each other in one message; each of their thoughts is an item.
        let joins = own.map_or(message, sidecar::joins_item);
        if let Some(group) = self.group.as_mut().filter(|group| joins && group.message == message) {
            group.fields.extend(item.unwrap_or_default());
            return;
        }
        self.close_group(out);
        let mut fields = if message {
            object([
                ("type", Some(json!("message"))),
                ("role", Some(json!("assistant"))),
                ("content", Some(json!([]))),
            ])
        } else {
            object([("type", Some(json!("reasoning"))), ("summary", Some(json!([])))])
        };
        fields.extend(item.unwrap_or_default());
        let at = self.add_item(&mut fields, out);
        let id = fields.get("id").cloned().unwrap_or_default();
        self.group = Some(Group { message, at, id, fields, content: Vec::new(), summary: Vec::new() });
    }

    fn close_group(&mut self, out: &mut BytesMut) {
        let Some(group) = self.group.take() else { return };
        let mut item = group.fields;
        if !group.message {
            item.insert("summary".to_owned(), Value::Array(group.summary));
        }
        if group.message || !group.content.is_empty() {
            item.insert("content".to_owned(), Value::Array(group.content));
        }
        self.item_done(group.at, item, out);
    }

    /// A frame that shows a content part of the open item.
    fn part_frame(&mut self, kind: &str, part: Value, out: &mut BytesMut) {
        let Some(group) = &self.group else { return };
        let (id, at, index) = (group.id.clone(), group.at, group.content.len());
        let fields = object([("content_index", Some(json!(index))), ("part", Some(part))]);
        self.item_frame(kind, (&id, at), fields, out);
    }

    fn call(
        &mut self,
        id: &str,
        name: &str,
        custom: bool,
        own: Option<Map<String, Value>>,
        out: &mut BytesMut,
    ) -> Open {
        self.close_group(out);
        let (kind, field) = call_names(custom);
        let mut item = object([
            ("type", Some(json!(kind))),
            ("call_id", Some(json!(id))),
            ("name", Some(json!(name))),
            (field, Some(json!(""))),
        ]);
        regroup(&mut item, &self.groups);
        let is_own = own.is_some();
        item.extend(own.unwrap_or_default());
        let at = self.add_item(&mut item, out);
        Open::Call { at, custom, item, text: String::new(), own: is_own }
    }

    fn image(&mut self, own: Option<Map<String, Value>>, out: &mut BytesMut) -> Open {
        self.close_group(out);
        let made = [("type", Some(json!("image_generation_call"))), ("result", Some(Value::Null))];
        let mut item = object(made);
        item.extend(own.unwrap_or_default());
        let at = self.add_item(&mut item, out);
        let id = item.get("id").cloned().unwrap_or_default();
        for step in ["in_progress", "generating"] {
            let kind = format!("response.image_generation_call.{step}");
            self.item_frame(&kind, (&id, at), Map::new(), out);
        }
        Open::Image { at, item, data: String::new() }
    }

    /// An item, or a content part, that came whole from an answer of this API.
    fn whole(
        &mut self,
        item: Option<Map<String, Value>>,
        left: Map<String, Value>,
        own: Option<&Value>,
        out: &mut BytesMut,
    ) {
        match item {
            Some(mut item) if left.is_empty() => {
                self.close_group(out);
                self.kept += Value::Object(item.clone()).to_string().len();
                let at = self.add_item(&mut item, out);
                self.item_done(at, item, out);
            }
            item if !left.is_empty() => {
                self.join(true, own, item, out);
                let part = Value::Object(left);
                self.kept += part.to_string().len();
                for kind in ["response.content_part.added", "response.content_part.done"] {
                    self.part_frame(kind, part.clone(), out);
                }
                if let Some(group) = &mut self.group {
                    group.content.push(part);
                }
            }
            _ => {}
        }
    }

    fn delta(&mut self, part: u32, more: &str, out: &mut BytesMut) {
        let place = self
            .group
            .as_ref()
            .map(|group| (group.id.clone(), group.at, group.content.len(), group.summary.len()));
        match (self.parts.get_mut(&part), place) {
            (Some(Open::Said { refusal, text, .. }), Some((id, at, index, _))) => {
                text.push_str(more);
                let kind = if *refusal { "response.refusal.delta" } else { "response.output_text.delta" };
                self.delta_frame(kind, (&id, at), Some(("content_index", index)), more, out);
            }
            (Some(Open::Thought { raw, begun, text, .. }), Some((id, at, content, summary))) => {
                text.push_str(more);
                let (raw, begins) = (*raw, !std::mem::replace(begun, true));
                let names = Thought::of(raw);
                let index = if raw { content } else { summary };
                if begins {
                    let part = json!({"type": names.part, "text": ""});
                    let fields = object([(names.index, Some(json!(index))), ("part", Some(part))]);
                    self.item_frame(names.added, (&id, at), fields, out);
                }
                self.delta_frame(names.delta, (&id, at), Some((names.index, index)), more, out);
            }
            (Some(Open::Call { at, custom, item, text, .. }), _) => {
                text.push_str(more);
                let (at, kind) = (*at, call_event(*custom, "delta"));
                let id = item.get("id").cloned().unwrap_or_default();
                self.delta_frame(kind, (&id, at), None, more, out);
            }
            (Some(Open::Image { data, .. }), _) => data.push_str(more),
            (Some(Open::Provided), _) => self.provided.ask(part, more),
            _ => {}
        }
    }

    /// Later fields of a sidecar.
    fn native(&mut self, part: u32, native: &Native) {
        let field =
            |name: &str| native.value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let (fields, more) = (field("item"), field("part"));
        match self.parts.get_mut(&part) {
            Some(Open::Said { left, .. } | Open::Thought { left, .. }) => {
                left.extend(more);
                if let Some(group) = &mut self.group {
                    group.fields.extend(fields);
                }
            }
            Some(Open::Call { item, .. } | Open::Image { item, .. }) => item.extend(fields),
            Some(Open::Provided) => self.provided.more(part, fields),
            None => {}
        }
    }

    fn cite(&mut self, part: u32, cited: &Citation, out: &mut BytesMut) {
        let Some(group) = &self.group else { return };
        let (id, at, index) = (group.id.clone(), group.at, group.content.len());
        let Some(Open::Said { text, annotations, .. }) = self.parts.get_mut(&part) else { return };
        let Some(annotation) = citation::write(cited, text.chars().count() as u64) else { return };
        let fields = object([
            ("content_index", Some(json!(index))),
            ("annotation_index", Some(json!(annotations.len()))),
            ("annotation", Some(annotation.clone())),
        ]);
        annotations.push(annotation);
        self.item_frame("response.output_text.annotation.added", (&id, at), fields, out);
    }

    fn part_stop(&mut self, part: u32, out: &mut BytesMut) {
        match self.parts.remove(&part) {
            Some(said @ Open::Said { .. }) => self.said(&said, out),
            Some(Open::Thought { raw, begun: true, text, left }) => self.thought(raw, &text, left, out),
            Some(Open::Call { at, custom, item, text, own }) => {
                let empty = text.is_empty() && !custom && !own;
                let text = if empty { "{}".to_owned() } else { text };
                if empty {
                    let id = item.get("id").cloned().unwrap_or_default();
                    self.delta_frame(call_event(custom, "delta"), (&id, at), None, &text, out);
                }
                self.called(at, custom, item, text, out);
            }
            Some(Open::Image { at, mut item, data }) => {
                item.insert("result".to_owned(), Value::String(data));
                let id = item.get("id").cloned().unwrap_or_default();
                self.item_frame("response.image_generation_call.completed", (&id, at), Map::new(), out);
                self.item_done(at, item, out);
            }
            Some(Open::Provided) => {
                let mut provided = std::mem::take(&mut self.provided);
                provided.stop(part, self, out);
                self.provided = provided;
            }
            Some(Open::Thought { .. }) | None => {}
        }
    }

    fn said(&mut self, said: &Open, out: &mut BytesMut) {
        let Open::Said { refusal, text, tokens, .. } = said else { return };
        let Some(group) = &self.group else { return };
        let (id, at, index) = (group.id.clone(), group.at, group.content.len());
        let part = said.content();
        let (kind, field) = if *refusal {
            ("response.refusal.done", "refusal")
        } else {
            ("response.output_text.done", "text")
        };
        let tokens = (!refusal).then(|| logprobs::write(tokens));
        let fields =
            object([("content_index", Some(json!(index))), (field, Some(json!(text))), ("logprobs", tokens)]);
        self.item_frame(kind, (&id, at), fields, out);
        self.part_frame("response.content_part.done", part.clone(), out);
        if let Some(group) = &mut self.group {
            group.content.push(part);
        }
    }

    fn thought(&mut self, raw: bool, text: &str, left: Map<String, Value>, out: &mut BytesMut) {
        let Some(group) = &self.group else { return };
        let names = Thought::of(raw);
        let index = if raw { group.content.len() } else { group.summary.len() };
        let (id, at) = (group.id.clone(), group.at);
        let mut part = object([("type", Some(json!(names.part))), ("text", Some(json!(text)))]);
        part.extend(left);
        let fields = object([(names.index, Some(json!(index))), ("text", Some(json!(text)))]);
        self.item_frame(names.text_done, (&id, at), fields, out);
        let part = Value::Object(part);
        let fields = object([(names.index, Some(json!(index))), ("part", Some(part.clone()))]);
        self.item_frame(names.done, (&id, at), fields, out);
        if let Some(group) = &mut self.group {
            if raw { &mut group.content } else { &mut group.summary }.push(part);
        }
    }

    fn called(
        &mut self,
        at: usize,
        custom: bool,
        mut item: Map<String, Value>,
        text: String,
        out: &mut BytesMut,
    ) {
        let (_, field) = call_names(custom);
        let id = item.get("id").cloned().unwrap_or_default();
        let name = item.get("name").cloned().filter(|_| !custom);
        let fields = object([("name", name), (field, Some(json!(text)))]);
        self.item_frame(call_event(custom, "done"), (&id, at), fields, out);
        item.insert(field.to_owned(), Value::String(text));
        self.item_done(at, item, out);
    }

    /// Closes what is open.
    pub(super) fn close(&mut self, out: &mut BytesMut) {
        for part in self.parts.keys().copied().collect::<Vec<_>>() {
            self.part_stop(part, out);
        }
        let mut provided = std::mem::take(&mut self.provided);
        provided.close(self, out);
        self.close_group(out);
        self.output.retain(|item| !item.is_null());
    }
}

impl Open {
    /// A text of a message as a content part.
    fn content(&self) -> Value {
        let Self::Said { refusal, text, annotations, tokens, left } = self else { return Value::Null };
        let mut part = if *refusal {
            object([("type", Some(json!("refusal"))), ("refusal", Some(json!(text)))])
        } else {
            object([
                ("type", Some(json!("output_text"))),
                ("text", Some(json!(text))),
                ("annotations", Some(json!(annotations))),
                ("logprobs", Some(logprobs::write(tokens))),
            ])
        };
        part.extend(left.clone());
        Value::Object(part)
    }
}

/// What the events of a thought are called.
struct Thought {
    part: &'static str,
    index: &'static str,
    added: &'static str,
    delta: &'static str,
    text_done: &'static str,
    done: &'static str,
}

impl Thought {
    const fn of(raw: bool) -> Self {
        if raw {
            Self {
                part: "reasoning_text",
                index: "content_index",
                added: "response.content_part.added",
                delta: "response.reasoning_text.delta",
                text_done: "response.reasoning_text.done",
                done: "response.content_part.done",
            }
        } else {
            Self {
                part: "summary_text",
                index: "summary_index",
                added: "response.reasoning_summary_part.added",
                delta: "response.reasoning_summary_text.delta",
                text_done: "response.reasoning_summary_text.done",
                done: "response.reasoning_summary_part.done",
            }
        }
    }
}

fn call_event(custom: bool, step: &str) -> &'static str {
    match (custom, step) {
        (false, "delta") => "response.function_call_arguments.delta",
        (false, _) => "response.function_call_arguments.done",
        (true, "delta") => "response.custom_tool_call_input.delta",
        (true, _) => "response.custom_tool_call_input.done",
    }
}

/// Writes a value as JSON. Texts and numbers always have a JSON form, and memory takes every write.
fn json_to<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    let _infallible = serde_json::to_writer(out.writer(), value);
}
