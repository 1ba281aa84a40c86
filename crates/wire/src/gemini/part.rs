//! Parts as they stand in JSON, in requests, answers and streams alike → parts of canon.
//!
//! What canon has no word for (`thoughtSignature`, `videoMetadata`, `mediaResolution`, …) stays in the sidecar under its
//! own name, what is left of an inner object under the name of that. An id that was made up here is marked there by a
//! null, and is not written back. The way back is `out.rs`.

use std::fmt;

use contract::canon::{
    MediaKind, MediaSource, Part, PartKind, Provenance, ServerCall, ServerResult, ServerTool, ToolResult,
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::ids::Ids;
use super::names::{camel, camel_keys};
use super::out::mime_of;
use super::partial::PartialArg;
use crate::arguments;
use crate::file_types;
use crate::split::Split;

/// A part as it stands. Arguments and results are kept as written.
#[derive(Default)]
pub(super) struct Raw {
    call: Option<Call>,
    result: Option<Answer>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut raw = Raw::default();
                while let Some(key) = map.next_key::<String>()? {
                    match camel(&key).as_ref() {
                        "functionCall" => raw.call = map.next_value()?,
                        "functionResponse" => raw.result = map.next_value()?,
                        name => {
                            let name = name.to_owned();
                            raw.fields.insert(name, map.next_value()?);
                        }
                    }
                }
                Ok(raw)
            }
        }
        from.deserialize_map(Members)
    }
}

/// `parts`: a list, or one part without its brackets.
#[derive(Default)]
pub(super) struct Parts(pub(super) Vec<Raw>);

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        one_or_many(from, "a list of parts").map(Self)
    }
}

/// Reads a list, or the one thing in it.
pub(super) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    expected: &'static str,
) -> Result<Vec<T>, D::Error> {
    struct Either<T>(&'static str, std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::with_capacity(list.size_hint().unwrap_or(2));
            while let Some(item) = list.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
    }
    from.deserialize_any(Either(expected, std::marker::PhantomData))
}

/// A function call.
pub(super) struct Call {
    args: Option<Box<RawValue>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (args, fields) = Split::at("args").deserialize(from)?;
        Ok(Self { args, fields: camel_keys(fields) })
    }
}

impl Call {
    pub(super) fn name(&self) -> Option<&str> {
        self.fields.get("name").and_then(Value::as_str)
    }

    /// The arguments as text; none where they come in pieces or there are none.
    pub(super) fn arguments(&self) -> Option<&str> {
        self.args.as_deref().map(RawValue::get)
    }

    pub(super) fn will_continue(&self) -> bool {
        self.fields.get("willContinue") == Some(&Value::Bool(true))
    }

    /// The pieces of its arguments.
    pub(super) fn take_pieces(&mut self) -> Vec<PartialArg> {
        let pieces = self.fields.shift_remove("partialArgs").unwrap_or_default();
        serde_json::from_value(pieces).unwrap_or_default()
    }

    /// The fields that canon has words for, and the part's sidecar with what is left.
    pub(super) fn named(
        mut self,
        ids: &mut Ids,
        mut left: Map<String, Value>,
    ) -> (String, String, Option<Value>) {
        let name = take_text(&mut self.fields, "name").unwrap_or_default();
        let id = match take_text(&mut self.fields, "id").filter(|id| !id.is_empty()) {
            Some(id) => ids.given(id, &name),
            None => {
                let arguments = self.args.as_deref().map_or("", RawValue::get);
                self.fields.insert("id".to_owned(), Value::Null);
                ids.call(&name, arguments)
            }
        };
        self.fields.shift_remove("willContinue");
        if !self.fields.is_empty() {
            left.insert("functionCall".to_owned(), Value::Object(self.fields));
        }
        (id, name, sidecar(left))
    }
}

/// What a function returned.
struct Answer {
    response: Option<Box<RawValue>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (response, fields) = Split::at("response").deserialize(from)?;
        Ok(Self { response, fields: camel_keys(fields) })
    }
}

impl Answer {
    fn part(mut self, ids: &mut Ids, mut left: Map<String, Value>) -> Part {
        let name = take_text(&mut self.fields, "name");
        let call = match take_text(&mut self.fields, "id").filter(|id| !id.is_empty()) {
            Some(id) => ids.answered(id),
            None => {
                self.fields.insert("id".to_owned(), Value::Null);
                ids.answer(name.as_deref().unwrap_or_default())
            }
        };
        if self.response.is_none() {
            self.fields.insert("response".to_owned(), Value::Null);
        }
        let (text, failed) = said(self.response.as_deref().map_or("", RawValue::get));
        let mut parts = vec![Part::text(text, Provenance::Tool)];
        if let Some(Value::Array(media)) = self.fields.shift_remove("parts") {
            let raws = media.into_iter().filter_map(|value| match value {
                Value::Object(fields) => Some(Raw { fields: camel_keys(fields), ..Raw::default() }),
                _ => None,
            });
            parts.extend(raws.map(|raw| raw.part(ids, Provenance::Tool)));
        }
        if !self.fields.is_empty() {
            left.insert("functionResponse".to_owned(), Value::Object(self.fields));
        }
        let kind = PartKind::ToolResult(ToolResult { call, name, parts, failed });
        with(kind, Provenance::Tool, left)
    }
}

/// What a result says in words, and whether it says that the function failed. Google's names are `output` and `error`
/// (API reference: `FunctionResponse`); without them the whole object is the result.
fn said(response: &str) -> (String, bool) {
    let whole = || (response.to_owned(), false);
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(response) else { return whole() };
    match (object.len(), object.iter().next()) {
        (1, Some((key, Value::String(text)))) if key == "error" => (text.clone(), true),
        // Text that is an object would be written back as one.
        (1, Some((key, Value::String(text)))) if key == "output" && arguments::object(text).is_none() => {
            (text.clone(), false)
        }
        _ => whole(),
    }
}

/// A part by what a stream makes of it.
pub(super) enum Piece {
    /// Prose, or a thought, which may go on in the next one.
    Text { text: String, thought: bool, left: Option<Value> },
    /// A function call, which may come in pieces.
    Call { call: Call, left: Map<String, Value> },
    /// Anything else, whole.
    Whole(Part),
}

impl Raw {
    /// The part, told apart.
    pub(super) fn piece(mut self, ids: &mut Ids, provenance: Provenance) -> Piece {
        let thought = match self.fields.get("thought") {
            Some(Value::Bool(thought)) => *thought,
            _ => false,
        };
        self.fields.retain(|key, value| !value.is_null() && (thought || key != "thought"));
        if let Some(call) = self.call {
            return Piece::Call { call, left: self.fields };
        }
        if let Some(answer) = self.result {
            return Piece::Whole(answer.part(ids, self.fields));
        }
        if let Some(text) = take_text(&mut self.fields, "text") {
            self.fields.shift_remove("thought");
            return Piece::Text { text, thought, left: sidecar(self.fields) };
        }
        // A signature may come alone.
        if self.fields.len() == 1 && self.fields.contains_key("thoughtSignature") {
            return Piece::Text { text: String::new(), thought: false, left: sidecar(self.fields) };
        }
        Piece::Whole(whole(self.fields, ids, provenance))
    }

    /// The part of canon.
    pub(super) fn part(self, ids: &mut Ids, provenance: Provenance) -> Part {
        match self.piece(ids, provenance) {
            Piece::Text { text, thought, left } => {
                let kind = if thought { PartKind::Reasoning(text) } else { PartKind::Text(text) };
                Part { native: None, ..Part::new(kind, provenance) }.with_sidecar(left)
            }
            Piece::Call { call, left } => {
                let arguments = call.arguments().unwrap_or("{}").to_owned();
                let (id, name, left) = call.named(ids, left);
                let kind = PartKind::ToolCall { id, name, arguments, custom: false };
                Part::new(kind, provenance).with_sidecar(left)
            }
            Piece::Whole(part) => part,
        }
    }
}

/// Adds a sidecar of this dialect if there is one.
trait WithSidecar {
    fn with_sidecar(self, left: Option<Value>) -> Self;
}

impl WithSidecar for Part {
    fn with_sidecar(self, left: Option<Value>) -> Self {
        match left {
            Some(left) => self.with_native(DIALECT, left),
            None => self,
        }
    }
}

fn with(kind: PartKind, provenance: Provenance, left: Map<String, Value>) -> Part {
    Part::new(kind, provenance).with_sidecar(sidecar(left))
}

fn sidecar(left: Map<String, Value>) -> Option<Value> {
    (!left.is_empty()).then_some(Value::Object(left))
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.get_mut(name) {
        Some(Value::String(text)) => {
            let text = std::mem::take(text);
            fields.shift_remove(name);
            Some(text)
        }
        _ => None,
    }
}

/// Media, or something the provider's own tools said; all else is kept whole, and so are pictures that are thoughts: drafts
/// of the one that is answered (docs: "Image generation").
fn whole(mut fields: Map<String, Value>, ids: &mut Ids, provenance: Provenance) -> Part {
    if fields.contains_key("thought")
        && ["inlineData", "fileData"].iter().any(|name| fields.contains_key(*name))
    {
        return with(PartKind::Native, provenance, fields);
    }
    for (name, read) in [("inlineData", blob as fn(_) -> _), ("fileData", file)] {
        match fields.get_mut(name).map(Value::take) {
            Some(Value::Object(inner)) => match read(camel_keys(inner)) {
                Ok((kind, left)) => {
                    if left.is_empty() {
                        fields.shift_remove(name);
                    } else {
                        fields.insert(name.to_owned(), Value::Object(left));
                    }
                    return with(kind, provenance, fields);
                }
                Err(inner) => fields.insert(name.to_owned(), Value::Object(inner)),
            },
            Some(other) => fields.insert(name.to_owned(), other),
            None => None,
        };
    }
    let kind = server(&fields, ids).unwrap_or(PartKind::Native);
    let provenance = if matches!(kind, PartKind::ServerResult(_)) { Provenance::Tool } else { provenance };
    Part::new(kind, provenance).with_native(DIALECT, Value::Object(fields))
}

type Taken = Result<(PartKind, Map<String, Value>), Map<String, Value>>;

fn blob(mut inner: Map<String, Value>) -> Taken {
    match (take_text(&mut inner, "mimeType"), take_text(&mut inner, "data")) {
        (Some(mime), Some(data)) => {
            let kind = media_kind(&mime);
            Ok((PartKind::Media { kind, source: MediaSource::Base64 { mime, data } }, inner))
        }
        (mime, data) => {
            inner.extend(mime.map(|mime| ("mimeType".to_owned(), mime.into())));
            inner.extend(data.map(|data| ("data".to_owned(), data.into())));
            Err(inner)
        }
    }
}

/// A file. Its type is kept where its address does not tell it.
fn file(mut inner: Map<String, Value>) -> Taken {
    let Some(uri) = take_text(&mut inner, "fileUri") else { return Err(inner) };
    let mime = take_text(&mut inner, "mimeType");
    let kind = mime.as_deref().map_or_else(|| kind_of(&uri), media_kind);
    if mime.as_deref() != Some(mime_of(&uri, kind)) {
        inner.insert("mimeType".to_owned(), mime.map_or(Value::Null, Value::String));
    }
    // Nobody but Google can read what its Files API and Cloud Storage hold.
    let kept = uri.starts_with("gs://") || uri.contains("generativelanguage.googleapis.com");
    let source = if kept || !uri.contains("://") { MediaSource::File(uri) } else { MediaSource::Url(uri) };
    Ok((PartKind::Media { kind, source }, inner))
}

/// What an address without a type leads to: films on YouTube, which need none, else what its ending tells.
fn kind_of(uri: &str) -> MediaKind {
    let place = uri.split_once("://").map_or(uri, |(_, place)| place);
    let host = place.split(['/', '?', ':']).next().unwrap_or_default();
    if ["youtube.com", "youtu.be"]
        .iter()
        .any(|site| host == *site || host.strip_suffix(site).is_some_and(|sub| sub.ends_with('.')))
    {
        return MediaKind::Video;
    }
    let path = place.split(['?', '#']).next().filter(|path| path.contains('/'));
    media_kind(file_types::mime_of(path))
}

/// What kind of medium a MIME type is.
pub(super) fn media_kind(mime: &str) -> MediaKind {
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// What Google's own tools were asked and said. The whole part stays in the sidecar.
fn server(fields: &Map<String, Value>, ids: &mut Ids) -> Option<PartKind> {
    let text = |inner: &Value, name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(code) = fields.get("executableCode") {
        let id = ids.code(text(code, "id"));
        let input = json!({"code": code.get("code"), "language": code.get("language")}).to_string();
        return Some(PartKind::ServerCall(ServerCall { id, tool: ServerTool::Code, name: None, input }));
    }
    if let Some(result) = fields.get("codeExecutionResult") {
        let failed = !matches!(result.get("outcome").and_then(Value::as_str), Some("OUTCOME_OK") | None);
        let output = text(result, "output").unwrap_or_default();
        let call = ids.code_result(text(result, "id"));
        return Some(PartKind::ServerResult(ServerResult { call, tool: ServerTool::Code, output, failed }));
    }
    if let Some(call) = fields.get("toolCall").filter(|call| call.is_object()) {
        let call = camel_keys(call.as_object().cloned().unwrap_or_default());
        let kind = call.get("toolType").and_then(Value::as_str).unwrap_or_default();
        let id = call.get("id").and_then(Value::as_str).map(str::to_owned);
        let input = asked(tool(kind), call.get("args"));
        let name = (!kind.is_empty()).then(|| kind.to_owned());
        return Some(PartKind::ServerCall(ServerCall { id: ids.code(id), tool: tool(kind), name, input }));
    }
    let result = fields.get("toolResponse").filter(|result| result.is_object())?;
    let result = camel_keys(result.as_object().cloned().unwrap_or_default());
    let kind = result.get("toolType").and_then(Value::as_str).unwrap_or_default();
    let id = result.get("id").and_then(Value::as_str).map(str::to_owned);
    let output = result.get("response").map_or_else(String::new, Value::to_string);
    let call = ids.code_result(id);
    Some(PartKind::ServerResult(ServerResult { call, tool: tool(kind), output, failed: false }))
}

/// What one of Google's tools was asked, as JSON text. Google asks for several things at once, canon for the first of them
/// (`query`, `url`), with all beside it.
fn asked(tool: ServerTool, args: Option<&Value>) -> String {
    let (one, several) = match tool {
        ServerTool::WebSearch => ("query", "queries"),
        ServerTool::WebFetch => ("url", "urls"),
        _ => return args.map_or_else(|| "{}".to_owned(), Value::to_string),
    };
    let mut args = args.and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(first @ Value::String(_)) = args.get(several).and_then(|list| list.get(0)).cloned() {
        args.entry(one).or_insert(first);
    }
    Value::Object(args).to_string()
}

/// Canon's word for a `toolType` (API reference: `ToolType`).
fn tool(kind: &str) -> ServerTool {
    match kind {
        "GOOGLE_SEARCH_WEB" | "GOOGLE_SEARCH_IMAGE" => ServerTool::WebSearch,
        "URL_CONTEXT" => ServerTool::WebFetch,
        "FILE_SEARCH" => ServerTool::FileSearch,
        _ => ServerTool::Other,
    }
}
