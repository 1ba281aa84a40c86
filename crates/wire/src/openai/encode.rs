//! Canon events → a streamed chat completion.
//!
//! Thoughts of other dialects go out as `reasoning_content`, without their signatures, which have no place here; those of
//! this one go where they came from. Citations that name no place in their text wait for its end, pictures for theirs.
//! Next: `frames.rs`.

use bytes::BytesMut;
use contract::Fault;
use contract::canon::{Citation, Event, Extra, MediaKind, Native, PartStart};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::frames::{Beside, Frames, json_to, members, write_error};
use super::{DIALECT, annotations, finish_reason, legacy, media, thoughts};
use crate::frames::sse::HELD_CAP;
use crate::{EncodeOptions, StreamEncoder};

/// The encoder of one stream.
pub(crate) struct Encoder {
    frames: Frames,
    /// Does the client look for its call in `function_call`?
    functions: bool,
    choices: SmallVec<[Choice; 1]>,
}

#[derive(Default)]
struct Choice {
    number: u32,
    calls: u32,
    declined: bool,
    /// Characters of content so far.
    said: u64,
    /// Were likelihoods told?
    likely: bool,
    /// What the next chunk takes along.
    beside: Beside,
    /// The reason it ended, in its server's words.
    reason: Option<String>,
    /// Citations of a text that is not complete.
    waiting: Vec<(u32, Citation)>,
    /// Parts by their number, each with the characters of content before it.
    parts: SmallVec<[(u32, Kind, u64); 4]>,
}

enum Kind {
    Text,
    /// A text that is a block of content, with what stands beside it.
    TextBlock(Map<String, Value>),
    Refusal,
    /// The one call of a client that offered functions.
    Function,
    Call {
        number: u32,
        custom: bool,
    },
    Thoughts {
        fields: SmallVec<[String; 2]>,
        detail: Option<Map<String, Value>>,
    },
    Block,
    Audio,
    Image {
        entry: Map<String, Value>,
        mime: String,
        data: String,
    },
    Nothing,
}

impl Choice {
    fn kind(&mut self, index: u32) -> Option<&mut (u32, Kind, u64)> {
        self.parts.iter_mut().rev().find(|(part, ..)| *part == index)
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub(crate) fn new(options: EncodeOptions) -> Self {
        let functions = options.functions;
        Self { frames: Frames::new(options), functions, choices: SmallVec::new() }
    }

    /// The state of a choice; the first mention of one sends its role.
    fn choice(&mut self, number: u32, out: &mut BytesMut) -> &mut Choice {
        let at = match self.choices.iter().position(|choice| choice.number == number) {
            Some(at) => at,
            None => {
                self.frames.chunk((number, Beside::default()), None, out, |out| {
                    out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
                });
                self.choices.push(Choice { number, ..Choice::default() });
                self.choices.len() - 1
            }
        };
        &mut self.choices[at]
    }

    fn chunk(
        &mut self,
        number: u32,
        finish: Option<&str>,
        out: &mut BytesMut,
        delta: impl FnOnce(&mut BytesMut),
    ) {
        let state = self.choice(number, out);
        let mut beside = std::mem::take(&mut state.beside);
        beside.refused = state.declined && state.said == 0;
        self.frames.chunk((number, beside), finish, out, delta);
    }

    /// A chunk whose delta is these fields.
    fn fields(&mut self, choice: u32, delta: &Map<String, Value>, out: &mut BytesMut) {
        self.chunk(choice, None, out, |out| members(out, delta));
    }

    fn field(&mut self, choice: u32, name: &str, value: &Value, out: &mut BytesMut) {
        self.chunk(choice, None, out, |out| {
            json_to(out, name);
            out.extend_from_slice(b":");
            json_to(out, value);
        });
    }

    fn part_start(
        &mut self,
        (choice, index): (u32, u32),
        part: &PartStart,
        native: Option<&Native>,
        out: &mut BytesMut,
    ) {
        let own = native.filter(|native| native.owner == DIALECT).map(|native| &native.value);
        let functions = self.functions;
        let state = self.choice(choice, out);
        let said = state.said;
        let (kind, first) = match part {
            PartStart::Text => match own.and_then(Value::as_object) {
                Some(own) => (Kind::TextBlock(own.clone()), None),
                None => (Kind::Text, None),
            },
            PartStart::Refusal => {
                state.declined = true;
                (Kind::Refusal, None)
            }
            PartStart::ToolCall { name, .. } if functions => {
                state.calls += 1;
                let call = || (legacy::FUNCTION_CALL, json!({"name": name, "arguments": ""}));
                // There is room for one.
                if state.calls == 1 { (Kind::Function, Some(call())) } else { (Kind::Nothing, None) }
            }
            PartStart::ToolCall { id, name, custom } => {
                let number = state.calls;
                state.calls += 1;
                let call = call(number, id, name, *custom, own);
                (Kind::Call { number, custom: *custom }, Some(("tool_calls", json!([call]))))
            }
            PartStart::Reasoning => begin_thoughts(own),
            PartStart::Media { kind: MediaKind::Audio, .. } => {
                let audio = own.and_then(|own| own.get(media::AUDIO)).cloned();
                (Kind::Audio, Some((media::AUDIO, audio.unwrap_or_else(|| json!({"id": "audio"})))))
            }
            PartStart::Media { kind: MediaKind::Image, mime } => {
                let entry = own.and_then(|own| own.get(media::IMAGES)).and_then(Value::as_object).cloned();
                let entry = entry.unwrap_or_default();
                (Kind::Image { entry, mime: mime.clone(), data: String::new() }, None)
            }
            PartStart::Native => match own {
                Some(own) if own.get("type").is_some() => (Kind::Nothing, Some(("content", json!([own])))),
                Some(own) => match own.get("call").cloned() {
                    Some(mut call) => {
                        call["index"] = json!(state.calls);
                        state.calls += 1;
                        (Kind::Nothing, Some(("tool_calls", json!([call]))))
                    }
                    None => (Kind::Nothing, None),
                },
                None => (Kind::Nothing, None),
            },
            PartStart::Media { .. } | PartStart::ServerCall { .. } | PartStart::ServerResult(_) => {
                (Kind::Nothing, None)
            }
        };
        state.parts.push((index, kind, said));
        if let Some((name, value)) = first {
            self.field(choice, name, &value, out);
        }
    }

    fn delta(&mut self, choice: u32, index: u32, text: &str, out: &mut BytesMut) {
        let state = self.choice(choice, out);
        let mut fields = Map::new();
        let field: &[u8] = match state.kind(index).map(|(_, kind, _)| kind) {
            None | Some(Kind::Text) => {
                state.said += text.chars().count() as u64;
                b"\"content\":"
            }
            Some(Kind::TextBlock(own)) => {
                let mut block =
                    super::content::object([("type", Some(json!("text"))), ("text", Some(json!(text)))]);
                crate::outgoing::merge(&mut block, own);
                state.said += text.chars().count() as u64;
                return self.field(choice, "content", &json!([block]), out);
            }
            Some(Kind::Refusal) => b"\"refusal\":",
            Some(Kind::Function) => {
                return self.field(choice, legacy::FUNCTION_CALL, &json!({"arguments": text}), out);
            }
            Some(Kind::Call { number, custom }) => {
                let (number, name) = (*number, if *custom { "custom" } else { "function" });
                let input: &[u8] = if *custom { b"\":{\"input\":" } else { b"\":{\"arguments\":" };
                return self.chunk(choice, None, out, |out| {
                    out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                    json_to(out, &number);
                    out.extend_from_slice(b",\"");
                    out.extend_from_slice(name.as_bytes());
                    out.extend_from_slice(input);
                    json_to(out, text);
                    out.extend_from_slice(b"}}]");
                });
            }
            Some(Kind::Thoughts { fields: names, detail }) => {
                fields.extend(names.iter().map(|name| (name.clone(), json!(text))));
                if let Some(detail) = detail {
                    let mut entry = key_of(detail);
                    let name = thoughts::text_field(detail).unwrap_or("text");
                    entry.insert(name.to_owned(), json!(text));
                    fields.insert(thoughts::DETAILS.to_owned(), json!([entry]));
                }
                return self.fields(choice, &fields, out);
            }
            Some(Kind::Block) => {
                let block = json!({"type": "thinking", "thinking": [{"type": "text", "text": text}]});
                return self.field(choice, "content", &json!([block]), out);
            }
            Some(Kind::Audio) => return self.field(choice, media::AUDIO, &json!({"data": text}), out),
            Some(Kind::Image { data, .. }) => {
                if data.len().saturating_add(text.len()) <= HELD_CAP {
                    data.push_str(text);
                }
                return;
            }
            Some(Kind::Nothing) => return,
        };
        self.chunk(choice, None, out, |out| {
            out.extend_from_slice(field);
            json_to(out, text);
        });
    }

    /// More of a sidecar of ours.
    fn native(&mut self, choice: u32, index: u32, own: &Value, out: &mut BytesMut) {
        let state = self.choice(choice, out);
        let more = |name: &str| own.get(name).and_then(Value::as_object).cloned();
        let (name, value) = match state.kind(index).map(|(_, kind, _)| kind) {
            Some(Kind::Call { number, .. }) => {
                let mut entry = own.as_object().cloned().unwrap_or_default();
                entry.insert("index".to_owned(), json!(*number));
                ("tool_calls", json!([entry]))
            }
            Some(Kind::Thoughts { fields, detail }) => {
                fields.extend(text_fields(own));
                let (Some(before), Some(more)) = (detail.as_ref(), more("detail")) else { return };
                let mut entry = key_of(before);
                entry.extend(more);
                (thoughts::DETAILS, json!([entry]))
            }
            Some(Kind::Block) => {
                let mut block = super::content::object([
                    ("type", Some(json!("thinking"))),
                    ("thinking", Some(json!([]))),
                ]);
                block.extend(more("block").into_iter().flatten());
                ("content", json!([block]))
            }
            Some(Kind::Audio) => (media::AUDIO, Value::Object(more(media::AUDIO).unwrap_or_default())),
            _ => return,
        };
        self.field(choice, name, &value, out);
    }

    /// Says what waited for the end of a part.
    fn part_stop(&mut self, choice: u32, index: u32, out: &mut BytesMut) {
        let state = self.choice(choice, out);
        let waiting: Vec<Citation> =
            state.waiting.extract_if(.., |(part, _)| *part == index).map(|(_, citation)| citation).collect();
        let image = match state.kind(index).map(|(_, kind, _)| kind) {
            Some(Kind::Image { entry, mime, data }) => {
                let url = format!("data:{mime};base64,{}", std::mem::take(data));
                let mut image = super::content::object([
                    ("type", Some(json!("image_url"))),
                    ("image_url", Some(json!({"url": url}))),
                ]);
                crate::outgoing::merge(&mut image, entry);
                Some(image)
            }
            _ => None,
        };
        if let Some(image) = image {
            self.field(choice, media::IMAGES, &json!([image]), out);
        }
        self.cite(choice, index, &waiting, out);
    }

    fn cite(&mut self, choice: u32, index: u32, citations: &[Citation], out: &mut BytesMut) {
        let state = self.choice(choice, out);
        let end = state.said;
        let start = state.kind(index).map_or(0, |(_, _, start)| *start);
        let written: Vec<Value> =
            citations.iter().filter_map(|citation| annotations::write(citation, start..end)).collect();
        if !written.is_empty() {
            self.field(choice, "annotations", &Value::Array(written), out);
        }
    }

    /// Fields of a choice that canon has no word for.
    fn extra(&mut self, choice: u32, extra: &Extra, out: &mut BytesMut) {
        if extra.owner != Some(DIALECT) {
            return;
        }
        let state = self.choice(choice, out);
        let mut fields = extra.fields.clone();
        // Those of one frame go with its tokens; what is told of all at the end was written with theirs.
        let pending = !state.beside.tokens.is_empty() && !state.beside.fields.contains_key("logprobs");
        if state.likely && !pending {
            fields.shift_remove("logprobs");
        }
        if let Some(Value::String(reason)) = fields.shift_remove("finish_reason") {
            state.reason = Some(reason);
        }
        let message = fields.shift_remove("message");
        state.beside.fields.extend(fields);
        if let Some(Value::Object(message)) = message {
            self.fields(choice, &message, out);
        }
    }
}

/// A call at its beginning.
fn call(number: u32, id: &str, name: &str, custom: bool, own: Option<&Value>) -> Value {
    let mut call = if custom {
        json!({"index": number, "id": id, "type": "custom", "custom": {"name": name, "input": ""}})
    } else {
        json!({"index": number, "id": id, "type": "function", "function": {"name": name, "arguments": ""}})
    };
    if let (Some(call), Some(Value::Object(own))) = (call.as_object_mut(), own) {
        crate::outgoing::merge(call, own);
        call.shift_remove(super::accents::FORM);
        if let Some(kind @ Value::String(_)) = own.get("type") {
            call.insert("type".to_owned(), kind.clone());
        }
    }
    call
}

/// The fields that thoughts of ours go to.
fn text_fields(own: &Value) -> impl Iterator<Item = String> + '_ {
    ["field", "twin"].into_iter().filter_map(|name| own.get(name)?.as_str().map(str::to_owned))
}

fn begin_thoughts(own: Option<&Value>) -> (Kind, Option<(&'static str, Value)>) {
    let Some(own) = own else {
        let fields = SmallVec::from_iter([thoughts::FIELDS[0].to_owned()]);
        return (Kind::Thoughts { fields, detail: None }, None);
    };
    if let Some(Value::Object(block)) = own.get("block") {
        let mut out = json!({"type": "thinking", "thinking": []});
        if let Some(out) = out.as_object_mut().filter(|_| !block.is_empty()) {
            crate::outgoing::merge(out, block);
            return (Kind::Block, Some(("content", json!([out]))));
        }
        return (Kind::Block, None);
    }
    let detail = own.get("detail").and_then(Value::as_object);
    let first = detail.map(|detail| (thoughts::DETAILS, json!([detail])));
    (Kind::Thoughts { fields: text_fields(own).collect(), detail: detail.cloned() }, first)
}

/// What tells an entry of `reasoning_details` from others.
fn key_of(detail: &Map<String, Value>) -> Map<String, Value> {
    detail
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "type" | "index"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl StreamEncoder for Encoder {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, model, created, extra } => {
                self.frames.start(id, model, *created, extra);
                self.choice(0, out);
            }
            Event::PartStart { choice, index, part, native } => {
                self.part_start((*choice, *index), part, native.as_ref(), out);
            }
            Event::Delta { choice, index, text } => self.delta(*choice, *index, text, out),
            Event::NativeDelta { choice, index, native } if native.owner == DIALECT => {
                self.native(*choice, *index, &native.value, out);
            }
            Event::NativeDelta { .. } => {}
            Event::PartStop { choice, index } => self.part_stop(*choice, *index, out),
            Event::Citation { choice, index, citation } => {
                let own = citation.native.as_ref().is_some_and(|native| native.owner == DIALECT);
                if own || citation.range.is_some() {
                    self.cite(*choice, *index, std::slice::from_ref(citation), out);
                } else {
                    self.choice(*choice, out).waiting.push((*index, citation.clone()));
                }
            }
            Event::Logprobs { choice, tokens } => {
                let state = self.choice(*choice, out);
                state.likely = true;
                state.beside.tokens.extend_from_slice(tokens);
            }
            Event::Extra { choice: Some(choice), extra } => self.extra(*choice, extra, out),
            Event::Extra { choice: None, extra } => self.frames.add(extra),
            Event::Finish { choice, reason, .. } => {
                let state = self.choice(*choice, out);
                let own = state.reason.take();
                let declined = state.declined;
                let reason = own.as_deref().unwrap_or_else(|| finish_reason(reason, declined));
                let reason = if self.functions { legacy::reason(reason) } else { reason };
                self.chunk(*choice, Some(reason), out, |_| {});
            }
            Event::Usage(usage) => self.frames.count(*usage),
            Event::Error { kind, message } => {
                let kind = kind.as_deref().unwrap_or("server_error");
                let error = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
                write_error(&error, out);
            }
            Event::End => self.frames.end(out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        write_error(&crate::errors::render::openai_error(fault), out);
    }
}
