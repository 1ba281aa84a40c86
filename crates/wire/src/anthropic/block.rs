//! Content blocks → canon: what requests, replies and streams share.
//!
//! Reading takes the fields canon has a word for and leaves the rest (`cache_control`, `citations`, `signature`, …) in
//! the part's sidecar; a block without a word in canon stays whole. The way back is `written.rs`.

use std::fmt;

use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance, ToolResult};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::DIALECT;
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

    /// Does a stream spell it out in deltas that canon has words for?
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self.kind(), "text" | "thinking" | "tool_use")
    }

    fn take(&mut self, field: &'static str) -> Result<String, BadBlock> {
        match self.fields.shift_remove(field) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(BadBlock { block: self.kind().to_owned(), field }),
        }
    }

    fn part(self, kind: PartKind, provenance: Provenance) -> Part {
        let mut fields = self.fields;
        fields.shift_remove("type");
        let part = Part::new(kind, provenance);
        if fields.is_empty() { part } else { part.with_native(DIALECT, Value::Object(fields)) }
    }

    /// The block as a part of canon.
    ///
    /// # Errors
    /// A field that makes the block what it is is missing.
    pub(super) fn into_part(mut self, provenance: Provenance) -> Result<Part, BadBlock> {
        match self.kind() {
            "text" => {
                let text = self.take("text")?;
                Ok(self.part(PartKind::Text(text), provenance))
            }
            "thinking" => {
                let text = self.take("thinking")?;
                Ok(self.part(PartKind::Reasoning(text), provenance))
            }
            "tool_use" => {
                let (id, name) = (self.take("id")?, self.take("name")?);
                // A stream's first frame was parsed already, so its input stands among the fields.
                let parsed = self.fields.shift_remove("input").map(|input| input.to_string());
                let raw = self.input.take().map(|raw| Box::<str>::from(raw).into_string());
                let arguments = raw.or(parsed).unwrap_or_else(|| "{}".to_owned());
                Ok(self.part(PartKind::ToolCall { id, name, arguments, custom: false }, provenance))
            }
            "tool_result" => self.into_tool_result(),
            "image" => Ok(self.into_media(MediaKind::Image, provenance)),
            "document" => Ok(self.into_media(MediaKind::Document, Provenance::Retrieved)),
            "" => Err(BadBlock { block: "content".to_owned(), field: "type" }),
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

    /// An image or a document. A document of plain text becomes text, which every dialect can carry; a source of a kind
    /// not known here leaves the block whole.
    fn into_media(mut self, kind: MediaKind, provenance: Provenance) -> Part {
        if let Some(text) = self.plain_document() {
            let native = Value::Object(self.fields);
            return Part::text(text, provenance).with_native(DIALECT, native);
        }
        match self.fields.get("source").and_then(read_source) {
            Some(source) => {
                self.fields.shift_remove("source");
                self.part(PartKind::Media { kind, source }, provenance)
            }
            None => self.into_native(provenance),
        }
    }

    /// The text of a document of plain text, taken out of its source; the rest of the block stays.
    fn plain_document(&mut self) -> Option<String> {
        let source = self.fields.get_mut("source")?.as_object_mut()?;
        if source.get("type")?.as_str()? != "text" || !source.get("data")?.is_string() {
            return None;
        }
        match source.shift_remove("data") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The block whole, owned by this dialect.
    pub(super) fn into_native(self, provenance: Provenance) -> Part {
        let mut fields = self.fields;
        if let Some(input) = self.input.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            fields.insert("input".to_owned(), input);
        }
        Part::new(PartKind::Native, provenance).with_native(DIALECT, Value::Object(fields))
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
