//! The content of a message: a string or a list of blocks ↔ canon parts.
//!
//! What a block says beyond canon's words (`detail`, `filename`) is kept in the part's sidecar in the place where it
//! stood, and merged back when the block is written.

use contract::Fault;
use contract::canon::{CacheHint, MediaKind, MediaSource, Part, PartKind, Provenance, Receipt};
use serde_json::{Map, Value, json};

use super::{DIALECT, accents, thoughts};
use crate::aside;
use crate::fields::{Fields, missing, wrong};
use crate::outgoing::merge;

/// Reads a `content` field: a string, a list of blocks, or nothing.
pub(super) fn read(content: Option<Value>, path: &str, from: Provenance) -> Result<Vec<Part>, Fault> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text, from)]),
        Some(Value::Array(blocks)) => {
            let read = |(at, block)| read_block(block, &format!("{path}[{at}]"), from);
            blocks.into_iter().enumerate().map(read).collect()
        }
        Some(_) => Err(wrong(path, "a string or an array of content parts")),
    }
}

fn read_block(block: Value, path: &str, from: Provenance) -> Result<Part, Fault> {
    let block = match block {
        Value::Object(block) => match thoughts::read_block(block) {
            Ok((text, native)) => return Ok(thoughts::part(text, native)),
            Err(block) => Value::Object(block),
        },
        other => other,
    };
    let mut fields = Fields::of(block, path)?;
    let kind = match fields.peek("type") {
        Some("text") => PartKind::Text(fields.need_text("text")?),
        Some("refusal") => PartKind::Refusal(fields.need_text("refusal")?),
        Some("image_url") => link(&mut fields, "image_url", MediaKind::Image)?,
        Some("video_url") => link(&mut fields, "video_url", MediaKind::Video)?,
        Some("input_audio") => accents::sound(&mut fields)?,
        Some("file") => accents::file(&mut fields)?,
        Some(_) => return Ok(whole(fields, from)),
        None => return Err(missing(&fields.path("type"))),
    };
    let _known = fields.value("type");
    let cache = take_cache(&mut fields);
    Ok(Part { cache, ..with_left(Part::new(kind, from), fields) })
}

/// Takes `cache_control` out if canon can say it: `{"type": "ephemeral", "ttl": "5m" | "1h"}`
/// (openrouter.ai/docs, "Prompt Caching").
pub(super) fn take_cache(fields: &mut Fields) -> Option<CacheHint> {
    let value = fields.value("cache_control")?;
    let known = value.as_object().is_some_and(|it| it.keys().all(|key| key == "type" || key == "ttl"));
    let hint = match value.get("ttl").filter(|ttl| !ttl.is_null()).map(Value::as_str) {
        None => Some(CacheHint::Short),
        Some(Some("1h")) => Some(CacheHint::Long),
        Some(_) => None,
    };
    let hint = hint.filter(|_| known && value["type"] == "ephemeral");
    if hint.is_none() {
        fields.put_back("cache_control", value);
    }
    hint
}

/// Writes `cache_control`.
pub(super) fn write_cache(block: &mut Map<String, Value>, hint: Option<CacheHint>) {
    let control = match hint {
        None => return,
        Some(CacheHint::Short) => json!({"type": "ephemeral"}),
        Some(CacheHint::Long) => json!({"type": "ephemeral", "ttl": "1h"}),
    };
    block.insert("cache_control".to_owned(), control);
}

/// A part with what was not taken of its block as its sidecar.
pub(super) fn with_left(part: Part, fields: Fields) -> Part {
    let left = fields.left();
    if left.is_empty() { part } else { part.with_native(DIALECT, Value::Object(left)) }
}

/// A block canon has no word for.
fn whole(fields: Fields, from: Provenance) -> Part {
    Part::new(PartKind::Native, from).with_native(DIALECT, Value::Object(fields.left()))
}

/// `{"image_url": {"url": …, "detail": …}}`; some clients write the URL alone.
fn link(block: &mut Fields, name: &str, kind: MediaKind) -> Result<PartKind, Fault> {
    if let Some(url) = block.peek(name).map(str::to_owned) {
        let _taken = block.value(name);
        if kind == MediaKind::Video {
            accents::bare(block);
        }
        return Ok(PartKind::Media { kind, source: source(url) });
    }
    let mut inner = block.need_object(name)?;
    let source = source(inner.need_text("url")?);
    keep(block, name, inner);
    Ok(PartKind::Media { kind, source })
}

fn source(url: String) -> MediaSource {
    match data_url(&url) {
        Some((mime, data)) => MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
        None => MediaSource::Url(url),
    }
}

/// The MIME type and the base64 of a `data:` URL (RFC 2397); parameters other than `base64` are left out.
pub(crate) fn data_url(url: &str) -> Option<(&str, &str)> {
    let scheme = url.get(..5)?;
    let (head, data) = url.get(5..).filter(|_| scheme.eq_ignore_ascii_case("data:"))?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    let mime = mime.split(';').next().unwrap_or_default();
    Some((if mime.is_empty() { "text/plain" } else { mime }, data))
}

/// Puts what is left of an inner object back in its place.
pub(super) fn keep(block: &mut Fields, name: &str, inner: Fields) {
    let left = inner.left();
    if !left.is_empty() {
        block.put_back(name, Value::Object(left));
    }
}

/// Where content is written to, and what does not fit is noted.
pub(super) struct Target<'a> {
    /// Does it take `cache_control`?
    pub(super) caches: bool,
    /// What was lost.
    pub(super) receipt: &'a mut Receipt,
}

impl Target<'_> {
    /// Writes parts as `content`: one plain text as a string, else a list; none when there is nothing.
    pub(super) fn write(&mut self, parts: &[&Part], path: &str) -> Option<Value> {
        if let [part @ Part { kind: PartKind::Text(text), .. }] = parts
            && part.native_for(DIALECT).is_none()
            && (part.cache.is_none() || !self.caches)
        {
            return Some(Value::String(text.clone()));
        }
        let mut blocks = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            match self.block(part) {
                Some(block) => blocks.push(block),
                None => self.receipt.dropped(format!("{path}[{at}]"), "this dialect has no such content"),
            }
        }
        (!blocks.is_empty()).then_some(Value::Array(blocks))
    }

    fn block(&self, part: &Part) -> Option<Value> {
        let mut block = write_block(part)?;
        if let Some(block) = block.as_object_mut() {
            write_cache(block, part.cache.filter(|_| self.caches));
        }
        Some(block)
    }
}

/// Writes one part as a block; none when this dialect has no such block.
pub(super) fn write_block(part: &Part) -> Option<Value> {
    let block = match &part.kind {
        PartKind::Text(text) => json!({"type": "text", "text": text}),
        PartKind::Refusal(text) => json!({"type": "refusal", "refusal": text}),
        PartKind::Media { kind, source } => {
            accents::write(part, *kind, source).or_else(|| media(*kind, source))?
        }
        PartKind::Native => {
            return part.native_for(DIALECT).filter(|native| native.get("type").is_some()).cloned();
        }
        PartKind::Reasoning(text) => return thoughts::write_block(part, text),
        PartKind::ToolCall { .. }
        | PartKind::ToolResult(_)
        | PartKind::ServerCall(_)
        | PartKind::ServerResult(_) => return None,
    };
    let mut block = with_sidecar(block, part);
    if let (Some(detail), Some(image)) =
        (aside::closest_detail(part), block.get_mut("image_url").and_then(Value::as_object_mut))
    {
        image.entry("detail").or_insert_with(|| json!(detail));
    }
    if let Some(file) = block.get_mut("file").and_then(Value::as_object_mut)
        && file.contains_key("file_data")
        && let Some(name) = accents::file_name(part)
    {
        file.entry("filename").or_insert_with(|| json!(name));
    }
    Some(block)
}

/// A block with its sidecar merged back.
pub(super) fn with_sidecar(block: Value, part: &Part) -> Value {
    match (block, part.native_for(DIALECT)) {
        (Value::Object(mut block), Some(Value::Object(native))) => {
            merge(&mut block, native);
            // Where a picture of an answer stood and how a block was written are no fields of a block.
            block.shift_remove(super::media::IMAGES);
            block.shift_remove(super::media::CONTENT);
            block.shift_remove(accents::FORM);
            Value::Object(block)
        }
        (block, _) => block,
    }
}

fn media(kind: MediaKind, source: &MediaSource) -> Option<Value> {
    Some(match (kind, source) {
        (MediaKind::Image, MediaSource::Url(_) | MediaSource::Base64 { .. }) => {
            json!({"type": "image_url", "image_url": {"url": url(source)?}})
        }
        (MediaKind::Video, MediaSource::Url(_) | MediaSource::Base64 { .. }) => {
            json!({"type": "video_url", "video_url": {"url": url(source)?}})
        }
        (MediaKind::Audio, MediaSource::Base64 { mime, data }) => {
            json!({"type": "input_audio", "input_audio": {"data": data, "format": audio_format(mime)}})
        }
        (_, MediaSource::File(id)) => json!({"type": "file", "file": {"file_id": id}}),
        (MediaKind::Document, MediaSource::Base64 { .. }) => {
            json!({"type": "file", "file": {"file_data": url(source)?}})
        }
        (MediaKind::Document, MediaSource::Url(url)) => {
            json!({"type": "file", "file": {"file_data": url}})
        }
        (MediaKind::Audio, MediaSource::Url(_)) => return None,
    })
}

/// OpenAI's name of a sound format: `wav` or `mp3`.
fn audio_format(mime: &str) -> &str {
    match mime.strip_prefix("audio/").unwrap_or(mime) {
        "mpeg" | "mp3" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        other => other,
    }
}

pub(super) fn url(source: &MediaSource) -> Option<String> {
    match source {
        MediaSource::Url(url) => Some(url.clone()),
        MediaSource::Base64 { mime, data } => Some(format!("data:{mime};base64,{data}")),
        MediaSource::File(_) => None,
    }
}

/// The text of parts that a target takes as text only, and the media among them.
pub(super) fn texts_and_media(parts: &[Part]) -> (Vec<&Part>, Vec<&Part>) {
    parts.iter().partition(|part| !matches!(part.kind, PartKind::Media { .. }))
}

/// An object from pairs, leaving out what is none.
pub(super) fn object<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
