//! Pictures, sound, films and documents ↔ canon: `{"format", "source": {"bytes" | "s3Location"}}`.
//!
//! Bedrock fetches nothing but from S3: a place there is an `s3://` address in canon.

use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance};
use serde_json::{Map, Value, json};

use super::block::native;
use super::format::{format, format_of_address, member, mime};
use super::{DIALECT, single, take_text};
use crate::outgoing::merge;

/// The type of media whose block does not tell it.
const UNTOLD: &str = "application/octet-stream";

/// Reads the inside of a block of this kind; what canon has no word for leaves the block whole.
pub(super) fn read(kind: MediaKind, mut fields: Map<String, Value>, provenance: Provenance) -> Part {
    let Some(source) = take_source(kind, &mut fields) else {
        return native(single(member(kind), fields), provenance);
    };
    let part = Part::new(PartKind::Media { kind, source }, provenance);
    if fields.is_empty() {
        return part;
    }
    part.with_native(DIALECT, json!({ member(kind): fields }))
}

fn take_source(kind: MediaKind, fields: &mut Map<String, Value>) -> Option<MediaSource> {
    let known = fields.get("format").and_then(Value::as_str).and_then(|name| Some((name, mime(kind, name)?)));
    let (told, mime_type) = match known {
        Some((name, mime)) => (format(kind, mime) == Some(name), mime),
        None => (false, UNTOLD),
    };
    let source = fields.get_mut("source")?.as_object_mut()?;
    let found = if let Some(data) = take_text(source, "bytes") {
        MediaSource::Base64 { mime: mime_type.to_owned(), data }
    } else {
        let place = source.get_mut("s3Location")?.as_object_mut()?;
        let uri = take_text(place, "uri")?;
        if place.is_empty() {
            source.shift_remove("s3Location");
        }
        MediaSource::Url(uri)
    };
    if source.is_empty() {
        fields.shift_remove("source");
    }
    if told && matches!(found, MediaSource::Base64 { .. }) {
        fields.shift_remove("format");
    }
    Some(found)
}

/// The inside of a block; none when Bedrock cannot take it, with the reason.
pub(super) fn write(
    kind: MediaKind,
    source: &MediaSource,
    left: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, &'static str> {
    let told = left.and_then(|left| left.get("format")).and_then(Value::as_str);
    let source_type = if let MediaSource::Base64 { mime, .. } = source { Some(mime.as_str()) } else { None };
    let (guessed, source) = match source {
        MediaSource::Base64 { mime, data } => (format(kind, mime), json!({"bytes": data})),
        MediaSource::Url(url) if url.starts_with("s3://") => {
            (format_of_address(kind, url), json!({"s3Location": {"uri": url}}))
        }
        MediaSource::Url(_) => return Err("an address: send the bytes, or a place in S3"),
        MediaSource::File(_) => return Err("a file of another provider"),
    };
    let unknown = || match source_type {
        None | Some(UNTOLD) => true,
        Some(_) => false,
    };
    let mut fields = Map::new();
    match told.or(guessed) {
        Some(format) => drop(fields.insert("format".to_owned(), format.into())),
        // Only a document need not tell (API reference: `DocumentBlock`).
        None if kind == MediaKind::Document && unknown() => {}
        None => return Err("media of this type"),
    }
    fields.insert("source".to_owned(), source);
    if let Some(left) = left {
        merge(&mut fields, left);
    }
    Ok(fields)
}
