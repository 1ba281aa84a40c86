//! Content blocks → canon: what requests, replies and streams share. The way back is `written.rs`.
//!
//! Marks that a sidecar may hold beside what is left of the block itself:
//! - `cachePoint`: the fields of the cache point behind the part, where they are not the usual ones;
//! - `more`: the text stands in the same list (of a document, a search result, a citation) as the part before it;
//! - `json`: the text of a tool result was JSON.

use contract::canon::{CacheHint, MediaKind, Part, PartKind, Provenance, ServerCall, ServerTool};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{DIALECT, citation, media, result, single, take_text};
use crate::split::Split;

/// A block as it stands in JSON. The `input` of a call is kept as written: arguments go on byte for byte.
pub(super) struct Block {
    call: Option<Call>,
    fields: Map<String, Value>,
}

/// `toolUse`.
struct Call {
    input: Option<Box<RawValue>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (call, fields) = Split::at("toolUse").deserialize(from)?;
        Ok(Self { call, fields })
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (input, fields) = Split::at("input").deserialize(from)?;
        Ok(Self { input, fields })
    }
}

/// A block lacks what it must have. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBlock {
    /// A field is missing or of a wrong type.
    #[error("a `{0}` block needs `{1}`")]
    Lacks(&'static str, &'static str),
    /// It is no object.
    #[error("a block is an object")]
    NoObject,
}

impl Block {
    /// From a value that was parsed already.
    pub(super) fn from_value(value: Value) -> Result<Self, BadBlock> {
        let Value::Object(mut fields) = value else { return Err(BadBlock::NoObject) };
        let call = match fields.shift_remove("toolUse") {
            Some(Value::Object(mut call)) => {
                let input = call
                    .shift_remove("input")
                    .and_then(|input| RawValue::from_string(input.to_string()).ok());
                Some(Call { input, fields: call })
            }
            _ => None,
        };
        Ok(Self { call, fields })
    }

    /// Appends the parts that the block makes; a cache point becomes the mark of the part before it.
    ///
    /// # Errors
    /// What makes the block what it is is missing.
    pub(super) fn read(self, provenance: Provenance, parts: &mut Vec<Part>) -> Result<(), BadBlock> {
        let Self { call, mut fields } = self;
        fields.retain(|_, value| !value.is_null());
        if let Some(call) = call {
            if fields.is_empty() {
                parts.push(call.read(provenance)?);
                return Ok(());
            }
            fields.insert("toolUse".to_owned(), call.whole());
        }
        if fields.len() != 1 {
            parts.push(native(fields, provenance));
            return Ok(());
        }
        for (name, value) in fields {
            known(&name, value, provenance, parts)?;
        }
        Ok(())
    }
}

/// A block that has only this member.
fn known(name: &str, value: Value, provenance: Provenance, parts: &mut Vec<Part>) -> Result<(), BadBlock> {
    let whole = |value: Value| native(single(name, value), provenance);
    match (name, value) {
        ("text", Value::String(text)) => parts.push(Part::text(text, provenance)),
        ("text", _) => return Err(BadBlock::Lacks("text", "a string")),
        ("cachePoint", value) => cache_point(value, provenance, parts),
        ("image", Value::Object(fields)) => parts.push(media::read(MediaKind::Image, fields, provenance)),
        ("audio", Value::Object(fields)) => parts.push(media::read(MediaKind::Audio, fields, provenance)),
        ("video", Value::Object(fields)) => parts.push(media::read(MediaKind::Video, fields, provenance)),
        ("document", Value::Object(fields)) => document(fields, parts),
        ("searchResult", Value::Object(fields)) => {
            listed("searchResult", fields, Provenance::Retrieved, parts);
        }
        ("citationsContent", Value::Object(fields)) => cited(fields, provenance, parts),
        ("guardContent", Value::Object(fields)) => parts.push(guarded(fields, provenance)),
        ("reasoningContent", Value::Object(fields)) => parts.push(reasoning(fields, provenance)),
        ("toolResult", Value::Object(fields)) => parts.push(result::read(fields, provenance)?),
        (_, value) => parts.push(whole(value)),
    }
    Ok(())
}

impl Call {
    fn whole(self) -> Value {
        let mut fields = self.fields;
        if let Some(input) = self.input.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            fields.insert("input".to_owned(), input);
        }
        Value::Object(fields)
    }

    fn read(self, provenance: Provenance) -> Result<Part, BadBlock> {
        let Self { input, mut fields } = self;
        fields.retain(|_, value| !value.is_null());
        let id = take_text(&mut fields, "toolUseId").ok_or(BadBlock::Lacks("toolUse", "toolUseId"))?;
        let name = take_text(&mut fields, "name").ok_or(BadBlock::Lacks("toolUse", "name"))?;
        let input = input.map_or_else(|| "{}".to_owned(), |raw| Box::<str>::from(raw).into_string());
        let server = fields.get("type").and_then(Value::as_str) == Some("server_tool_use");
        let kind = if server {
            PartKind::ServerCall(ServerCall { id, tool: system_tool(&name), name: Some(name), input })
        } else {
            PartKind::ToolCall { id, name, arguments: input, custom: false }
        };
        let part = Part::new(kind, provenance);
        if fields.is_empty() {
            return Ok(part);
        }
        Ok(part.with_native(DIALECT, json!({"toolUse": fields})))
    }
}

/// Which tool a system tool is (docs: Amazon Nova 2, "Built-in tools").
pub(super) fn system_tool(name: &str) -> ServerTool {
    match name {
        "nova_code_interpreter" | "nova_code_interpreter_result" => ServerTool::Code,
        "nova_grounding" | "nova_grounding_result" => ServerTool::WebSearch,
        _ => ServerTool::Other,
    }
}

/// A block whole, owned by this dialect.
pub(super) fn native(fields: Map<String, Value>, provenance: Provenance) -> Part {
    Part::new(PartKind::Native, provenance).with_native(DIALECT, Value::Object(fields))
}

/// The hint of a cache point, and its fields unless the hint says it all.
pub(super) fn cache_hint(point: &Value) -> Option<(CacheHint, bool)> {
    let point = point.as_object()?;
    if point.get("type")? != "default" {
        return None;
    }
    Some(match (point.get("ttl").and_then(Value::as_str), point.len()) {
        (None, 1) => (CacheHint::Short, true),
        (Some("1h"), 2) => (CacheHint::Long, true),
        (Some("1h"), _) => (CacheHint::Long, false),
        _ => (CacheHint::Short, false),
    })
}

fn cache_point(point: Value, provenance: Provenance, parts: &mut Vec<Part>) {
    let hint = cache_hint(&point);
    match (hint, parts.last_mut().filter(|part| part.cache.is_none())) {
        (Some((hint, plain)), Some(part)) => {
            part.cache = Some(hint);
            if !plain {
                mark(part, "cachePoint", point);
            }
        }
        _ => parts.push(native(single("cachePoint", point), provenance)),
    }
}

/// Adds a member to a part's sidecar.
fn mark(part: &mut Part, name: &str, value: Value) {
    match part.native.as_mut().map(|native| &mut native.value) {
        Some(Value::Object(fields)) => {
            fields.insert(name.to_owned(), value);
        }
        _ => part.native = Some(contract::canon::Native { owner: DIALECT, value: json!({ name: value }) }),
    }
}

/// A document. One of plain text becomes text, which every dialect can carry.
fn document(mut fields: Map<String, Value>, parts: &mut Vec<Part>) {
    let Some(Value::Object(source)) = fields.get_mut("source") else {
        return parts.push(native(single("document", fields), Provenance::Retrieved));
    };
    if let Some(text) = take_text(source, "text") {
        let part = Part::text(text, Provenance::Retrieved);
        return parts.push(part.with_native(DIALECT, json!({"document": fields})));
    }
    if let Some(texts) = source.get_mut("content").and_then(take_texts) {
        return push_listed(json!({"document": fields}), texts, Provenance::Retrieved, parts);
    }
    parts.push(media::read(MediaKind::Document, fields, Provenance::Retrieved));
}

/// A block that holds texts in `content`.
fn listed(name: &str, mut fields: Map<String, Value>, provenance: Provenance, parts: &mut Vec<Part>) {
    match fields.get_mut("content").and_then(take_texts) {
        Some(texts) => push_listed(json!({ name: fields }), texts, provenance, parts),
        None => parts.push(native(single(name, fields), provenance)),
    }
}

fn cited(mut fields: Map<String, Value>, provenance: Provenance, parts: &mut Vec<Part>) {
    let texts = fields.get("content").is_some_and(|list| texts_of(list).is_some());
    if !texts {
        // Citations of no text: there is no part that they could stand with.
        return parts.push(native(single("citationsContent", fields), provenance));
    }
    let citations = match fields.shift_remove("citations") {
        Some(Value::Array(list)) => list.into_iter().map(citation::read).collect(),
        Some(other) => {
            fields.insert("citations".to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    let at = parts.len();
    listed("citationsContent", fields, provenance, parts);
    if let Some(part) = parts.get_mut(at) {
        part.citations = citations;
    }
}

/// The items of a list of `{"text"}`; none when it holds anything else, or nothing.
fn texts_of(list: &Value) -> Option<&Vec<Value>> {
    let plain =
        |item: &Value| item.as_object().is_some_and(|item| item.len() == 1) && item["text"].is_string();
    list.as_array().filter(|items| !items.is_empty() && items.iter().all(plain))
}

/// Takes the texts out of such a list, which is left empty.
fn take_texts(list: &mut Value) -> Option<Vec<String>> {
    texts_of(list)?;
    let items = list.as_array_mut()?;
    let texts =
        std::mem::take(items).into_iter().filter_map(|mut item| take_text(item.as_object_mut()?, "text"));
    Some(texts.collect())
}

fn push_listed(mut sidecar: Value, texts: Vec<String>, provenance: Provenance, parts: &mut Vec<Part>) {
    for text in texts {
        let next = std::mem::replace(&mut sidecar, json!({"more": {}}));
        parts.push(Part::text(text, provenance).with_native(DIALECT, next));
    }
}

/// What a guardrail is to look at; to a model it is a text or a picture like any other.
fn guarded(mut fields: Map<String, Value>, provenance: Provenance) -> Part {
    if let Some(Value::Object(inner)) = fields.get_mut("text")
        && let Some(text) = take_text(inner, "text")
    {
        let source = inner.get("qualifiers").and_then(Value::as_array);
        let retrieved = source.is_some_and(|list| list.iter().any(|word| word == "grounding_source"));
        let provenance = if retrieved { Provenance::Retrieved } else { provenance };
        return Part::text(text, provenance).with_native(DIALECT, json!({"guardContent": fields}));
    }
    if let Some(Value::Object(image)) = fields.get("image") {
        let part = media::read(MediaKind::Image, image.clone(), provenance);
        if let PartKind::Media { .. } = part.kind {
            let left = part.native_for(DIALECT).and_then(|left| left.get("image")).cloned();
            let left = left.unwrap_or_else(|| json!({}));
            return part.with_native(DIALECT, json!({"guardContent": {"image": left}}));
        }
    }
    native(single("guardContent", fields), provenance)
}

/// Thoughts. The sidecar is there even when it says nothing: it tells that they are of this provider.
fn reasoning(mut fields: Map<String, Value>, provenance: Provenance) -> Part {
    if let Some(Value::Object(inner)) = fields.get_mut("reasoningText")
        && let Some(text) = take_text(inner, "text")
    {
        inner.retain(|_, value| !value.is_null());
        if inner.is_empty() {
            fields.shift_remove("reasoningText");
        }
        let sidecar = json!({"reasoningContent": fields});
        return Part::new(PartKind::Reasoning(text), provenance).with_native(DIALECT, sidecar);
    }
    native(single("reasoningContent", fields), provenance)
}
