//! Content blocks → canon: what requests, replies and streams share.
//!
//! Reading takes the fields canon has a word for and leaves the rest (`signature`, `caller`, …) in the part's sidecar; a
//! block without a word in canon stays whole. Documents are in `document.rs`, blocks of tools that Anthropic runs in
//! `served.rs`. The way back is `written.rs`.

use std::fmt;

use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance, ToolResult};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{DIALECT, cache, cite, document, served};
use crate::split::Split;

/// A block as it stands in JSON. Its `input` is kept as written: arguments go on byte for byte.
pub(super) struct Block {
    input: Option<Box<RawValue>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (input, fields) = Split::at("input").deserialize(from)?;
        Ok(Self { input, fields })
    }
}

/// `content`: a text is shorthand for one text block.
pub(super) struct Blocks(pub(super) Vec<Block>);

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Blocks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`content` as a string or a list of blocks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Blocks, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Blocks, E> {
                Ok(Blocks(vec![Block::text(text)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Blocks, A::Error> {
                let mut blocks = Vec::with_capacity(list.size_hint().unwrap_or(4));
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(Blocks(blocks))
            }
        }
        from.deserialize_any(Either)
    }
}

/// A block lacks a field it must have. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a `{block}` block needs `{field}`, a string")]
pub(super) struct BadBlock {
    block: String,
    field: &'static str,
}

impl Block {
    fn text(text: String) -> Self {
        let fields = [("type".to_owned(), "text".into()), ("text".to_owned(), text.into())];
        Self { input: None, fields: fields.into_iter().collect() }
    }

    /// From a value that was parsed already.
    pub(super) fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { input: None, fields }),
            _ => None,
        }
    }

    fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Does a stream spell it out in deltas that canon has words for, or is it a result of Anthropic's own tools?
    pub(super) fn is_known(&self) -> bool {
        let kind = self.kind();
        matches!(kind, "text" | "thinking" | "tool_use")
            || served::is_call(kind)
            || served::is_result(&self.fields)
    }

    fn take(&mut self, field: &'static str) -> Result<String, BadBlock> {
        match self.fields.shift_remove(field) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(BadBlock { block: self.kind().to_owned(), field }),
        }
    }

    /// The part of this kind; what is left of the block is its sidecar. Nulls say nothing.
    fn part(self, kind: PartKind, provenance: Provenance) -> Part {
        let mut fields = self.fields;
        fields.shift_remove("type");
        let cache = cache::take(&mut fields);
        fields.retain(|_, value| !value.is_null());
        let part = Part { cache, ..Part::new(kind, provenance) };
        if fields.is_empty() { part } else { part.with_native(DIALECT, Value::Object(fields)) }
    }

    /// The text of `input`, as written where it was not parsed before.
    fn input(&mut self) -> String {
        // A stream's first frame was parsed already, so its input stands among the fields.
        let parsed = self.fields.shift_remove("input").filter(|input| !input.is_null());
        let raw = self.input.take().map(|raw| Box::<str>::from(raw).into_string());
        raw.or(parsed.map(|input| input.to_string())).unwrap_or_else(|| "{}".to_owned())
    }

    /// The block as a part of canon.
    ///
    /// # Errors
    /// A field that makes the block what it is is missing.
    pub(super) fn into_part(mut self, provenance: Provenance) -> Result<Part, BadBlock> {
        match self.kind() {
            "text" => {
                let text = self.take("text")?;
                let citations = cite::take(&mut self.fields);
                Ok(Part { citations, ..self.part(PartKind::Text(text), provenance) })
            }
            "thinking" => {
                let text = self.take("thinking")?;
                Ok(self.part(PartKind::Reasoning(text), provenance))
            }
            "tool_use" => {
                let (id, name, arguments) = (self.take("id")?, self.take("name")?, self.input());
                Ok(self.part(PartKind::ToolCall { id, name, arguments, custom: false }, provenance))
            }
            "tool_result" => self.into_tool_result(),
            "image" => Ok(self.into_image(provenance)),
            "document" | "search_result" => Ok(self.into_document()),
            kind if served::is_call(kind) => Ok(self.into_server_call(provenance)),
            "" => Err(BadBlock { block: "content".to_owned(), field: "type" }),
            _ if served::is_result(&self.fields) => Ok(self.into_server_result()),
            _ => Ok(self.into_native(provenance)),
        }
    }

    fn into_tool_result(mut self) -> Result<Part, BadBlock> {
        let call = self.take("tool_use_id")?;
        let failed = self.fields.shift_remove("is_error") == Some(Value::Bool(true));
        let parts = match self.fields.shift_remove("content") {
            Some(Value::String(text)) => vec![Part::text(text, Provenance::Tool)],
            Some(Value::Array(list)) => list
                .into_iter()
                .filter_map(Self::from_value)
                .map(|block| block.into_part(Provenance::Tool))
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        let result = ToolResult { call, name: None, parts, failed };
        Ok(self.part(PartKind::ToolResult(result), Provenance::Tool))
    }

    fn into_image(mut self, provenance: Provenance) -> Part {
        match self.fields.get("source").and_then(read_source) {
            Some(source) => {
                self.fields.shift_remove("source");
                self.part(PartKind::Media { kind: MediaKind::Image, source }, provenance)
            }
            None => self.into_native(provenance),
        }
    }

    /// A document: text where it is spelled out, which every dialect can carry, else a medium; whole where its source is
    /// of a kind not known here.
    fn into_document(mut self) -> Part {
        if let Some(text) = document::take_text(&mut self.fields) {
            let cache = cache::take(&mut self.fields);
            let part = Part { cache, ..Part::text(text, Provenance::Retrieved) };
            return part.with_native(DIALECT, Value::Object(self.fields));
        }
        match self.fields.get("source").and_then(read_source) {
            Some(source) => {
                self.fields.shift_remove("source");
                self.part(PartKind::Media { kind: MediaKind::Document, source }, Provenance::Retrieved)
            }
            None => self.into_native(Provenance::Retrieved),
        }
    }

    /// A call of a tool that Anthropic runs. Its sidecar is the whole block but for the input, which canon holds.
    fn into_server_call(mut self, provenance: Provenance) -> Part {
        let Some(call) = served::call(&self.fields) else { return self.into_native(provenance) };
        let call = contract::canon::ServerCall { input: self.input(), ..call };
        Part { kind: PartKind::ServerCall(call), ..self.into_native(provenance) }
    }

    fn into_server_result(self) -> Part {
        match served::result(&self.fields) {
            Some(result) => {
                Part { kind: PartKind::ServerResult(result), ..self.into_native(Provenance::Tool) }
            }
            None => self.into_native(Provenance::Tool),
        }
    }

    /// The block whole, owned by this dialect.
    pub(super) fn into_native(self, provenance: Provenance) -> Part {
        let mut fields = self.fields;
        if let Some(input) = self.input.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            fields.insert("input".to_owned(), input);
        }
        let cache = cache::hint(&fields);
        let part = Part { cache, ..Part::new(PartKind::Native, provenance) };
        part.with_native(DIALECT, Value::Object(fields))
    }
}

/// The source of a medium; none when it has fields canon could not give back.
fn read_source(source: &Value) -> Option<MediaSource> {
    let source = source.as_object()?;
    let text = |field: &str| source.get(field).and_then(Value::as_str).map(str::to_owned);
    match (source.get("type")?.as_str()?, source.len()) {
        ("base64", 3) => Some(MediaSource::Base64 { mime: text("media_type")?, data: text("data")? }),
        ("url", 2) => Some(MediaSource::Url(text("url")?)),
        ("file", 2) => Some(MediaSource::File(text("file_id")?)),
        _ => None,
    }
}
