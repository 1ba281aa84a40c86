//! The content of a message: a string or a list of blocks ↔ canon parts.
//!
//! Documents become texts: the data of one as JSON, so that every dialect can carry it and guards can read it. What a block
//! says beyond canon's words stays in the part's sidecar and is merged back when the block is written.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::DIALECT;
use crate::aside;
use crate::fields::{Fields, missing, wrong};
use crate::outgoing::merge;

/// In a sidecar: the part is the data of a document; beneath it stands what else the document says.
pub(super) const DOCUMENT: &str = "document";

/// Reads a `content` field.
pub(super) fn read(content: Option<Value>, path: &str, from: Provenance) -> Result<Vec<Part>, Fault> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text, from)]),
        Some(Value::Array(blocks)) => {
            let read = |(at, block)| read_block(block, &format!("{path}[{at}]"), from);
            blocks.into_iter().enumerate().map(read).collect()
        }
        // Streams give the one block that begins.
        Some(block @ Value::Object(_)) => Ok(vec![read_block(block, path, from)?]),
        Some(_) => Err(wrong(path, "a string or an array of content blocks")),
    }
}

fn read_block(block: Value, path: &str, from: Provenance) -> Result<Part, Fault> {
    let mut fields = Fields::of(block, path)?;
    let kind = match fields.peek("type") {
        Some("text") => PartKind::Text(fields.need_text("text")?),
        Some("thinking") => PartKind::Reasoning(fields.need_text("thinking")?),
        Some("image_url") => image(&mut fields)?,
        Some("document") => {
            let _known = fields.value("type");
            let document = fields.value(DOCUMENT).ok_or_else(|| missing(&fields.path(DOCUMENT)))?;
            return Ok(document_part(document, Provenance::Retrieved, fields.left()));
        }
        Some(_) => {
            return Ok(Part::new(PartKind::Native, from).with_native(DIALECT, Value::Object(fields.left())));
        }
        None => return Err(missing(&fields.path("type"))),
    };
    let _known = fields.value("type");
    let left = fields.left();
    let part = Part::new(kind, from);
    Ok(if left.is_empty() { part } else { part.with_native(DIALECT, Value::Object(left)) })
}

/// `{"image_url": {"url": …, "detail": …}}`.
fn image(block: &mut Fields) -> Result<PartKind, Fault> {
    let mut inner = block.need_object("image_url")?;
    let url = inner.need_text("url")?;
    let left = inner.left();
    if !left.is_empty() {
        block.put_back("image_url", Value::Object(left));
    }
    Ok(PartKind::Media { kind: MediaKind::Image, source: source(url) })
}

/// The place a URL names: a `data:` URL (RFC 2397) holds the bytes themselves.
pub(super) fn source(url: String) -> MediaSource {
    match data_url(&url) {
        Some((mime, data)) => MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
        None => MediaSource::Url(url),
    }
}

fn data_url(url: &str) -> Option<(&str, &str)> {
    let scheme = url.get(..5)?;
    let (head, data) = url.get(5..).filter(|_| scheme.eq_ignore_ascii_case("data:"))?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    // Parameters would be lost: such a URL stays whole.
    (!mime.is_empty() && !mime.contains(';')).then_some((mime, data))
}

/// A document as a text part. Its data is the text: an object as JSON, a string as it is.
pub(super) fn document_part(document: Value, from: Provenance, beside: Map<String, Value>) -> Part {
    let (data, rest) = match document {
        Value::Object(mut fields) => match fields.shift_remove("data") {
            Some(data) => (data, Value::Object(fields)),
            // A document without `data` is its own data.
            None => (Value::Object(fields), Value::Null),
        },
        other => (other, Value::Null),
    };
    let plain = data.is_string();
    let text = match data {
        Value::String(text) => text,
        data => data.to_string(),
    };
    let mut native = beside;
    native.insert(DOCUMENT.to_owned(), json!({"rest": rest, "plain": plain}));
    Part::text(text, from).with_native(DIALECT, Value::Object(native))
}

/// The document a part was read from; none if it was none. The text is read anew: a guard may have changed it.
pub(super) fn document_of(part: &Part) -> Option<Value> {
    let PartKind::Text(text) = &part.kind else { return None };
    let said = part.native_for(DIALECT)?.get(DOCUMENT)?;
    let data = match serde_json::from_str::<Value>(text) {
        Ok(object @ Value::Object(_)) if said.get("plain") != Some(&Value::Bool(true)) => object,
        _ => Value::String(text.clone()),
    };
    Some(match said.get("rest") {
        Some(Value::Object(rest)) => {
            let mut document = rest.clone();
            document.insert("data".to_owned(), data);
            Value::Object(document)
        }
        _ => data,
    })
}

/// Writes parts as `content`: one plain text as a string, else a list. None: there is nothing.
pub(super) fn write(blocks: Vec<Value>) -> Option<Value> {
    match &blocks[..] {
        [] => None,
        [Value::Object(block)] if block.len() == 2 && block.get("type").is_some_and(|it| it == "text") => {
            block.get("text").cloned()
        }
        _ => Some(Value::Array(blocks)),
    }
}

/// Why a part has no block here.
pub(super) enum Unwritable {
    /// It means something to its own dialect only.
    Foreign,
    /// The model would answer without having seen it; the text names it.
    Unsupported(&'static str),
}

impl Unwritable {
    /// The refusal, where the answer would make no sense.
    pub(super) fn fault(what: &str, path: String) -> Fault {
        let message = format!("The model cannot take {what} as input.");
        Fault::saying(Code::UnsupportedCapability, message).at(path)
    }
}

/// Writes a part as a block.
///
/// # Errors
/// Why it has none.
pub(super) fn write_block(part: &Part) -> Result<Value, Unwritable> {
    let block = match &part.kind {
        PartKind::Text(text) => match document_of(part) {
            Some(document) => return Ok(document_block(part, document)),
            None => json!({"type": "text", "text": text}),
        },
        PartKind::Refusal(text) => json!({"type": "text", "text": text}),
        PartKind::Reasoning(text) if text.is_empty() => return Err(Unwritable::Foreign),
        PartKind::Reasoning(text) => json!({"type": "thinking", "thinking": text}),
        PartKind::Media { kind, source } => {
            let mut block = merged(media(*kind, source)?, part);
            if let (Some(detail), Some(image)) =
                (aside::closest_detail(part), block.get_mut("image_url").and_then(Value::as_object_mut))
            {
                image.entry("detail").or_insert_with(|| json!(detail));
            }
            return Ok(block);
        }
        PartKind::Native => return part.native_for(DIALECT).cloned().ok_or(Unwritable::Foreign),
        PartKind::ToolCall { .. }
        | PartKind::ToolResult(_)
        | PartKind::ServerCall(_)
        | PartKind::ServerResult(_) => return Err(Unwritable::Foreign),
    };
    Ok(merged(block, part))
}

fn document_block(part: &Part, document: Value) -> Value {
    let mut block = Map::new();
    block.insert("type".to_owned(), json!("document"));
    block.insert(DOCUMENT.to_owned(), document);
    let beside = part.native_for(DIALECT).and_then(Value::as_object);
    for (name, value) in beside.into_iter().flatten().filter(|(name, _)| *name != DOCUMENT) {
        block.insert(name.clone(), value.clone());
    }
    Value::Object(block)
}

/// A block with its sidecar merged back.
fn merged(block: Value, part: &Part) -> Value {
    match (block, part.native_for(DIALECT)) {
        (Value::Object(mut block), Some(Value::Object(native))) => {
            merge(&mut block, native);
            Value::Object(block)
        }
        (block, _) => block,
    }
}

/// Pictures go as they are, text files as text; Cohere's models take nothing else.
fn media(kind: MediaKind, source: &MediaSource) -> Result<Value, Unwritable> {
    match (kind, source) {
        (MediaKind::Image, MediaSource::Url(_) | MediaSource::Base64 { .. }) => {
            Ok(json!({"type": "image_url", "image_url": {"url": url(source)}}))
        }
        (MediaKind::Document, MediaSource::Base64 { mime, data }) if mime.starts_with("text/") => {
            let bytes = BASE64_STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = bytes.ok_or(Unwritable::Unsupported("a text file that is no text"))?;
            Ok(json!({"type": "text", "text": text}))
        }
        (_, MediaSource::File(_)) => Err(Unwritable::Unsupported("a file that was uploaded elsewhere")),
        (MediaKind::Document, _) => Err(Unwritable::Unsupported("a document file")),
        (MediaKind::Audio, _) => Err(Unwritable::Unsupported("audio")),
        (MediaKind::Video, _) => Err(Unwritable::Unsupported("video")),
    }
}

/// The URL of a source; a `data:` URL where it holds the bytes.
pub(super) fn url(source: &MediaSource) -> String {
    match source {
        MediaSource::Url(url) => url.clone(),
        MediaSource::Base64 { mime, data } => format!("data:{mime};base64,{data}"),
        MediaSource::File(id) => id.clone(),
    }
}
