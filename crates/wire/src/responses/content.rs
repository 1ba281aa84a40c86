//! Content parts (`input_text`, `input_image`, `input_file`, `output_text`, `refusal`) ↔ canon.
//!
//! What a part says beyond canon's words (`detail`, `filename`) goes into its sidecar (`sidecar.rs`).

use contract::Fault;
use contract::canon::{CacheHint, MediaKind, MediaSource, Part, PartKind, Provenance};
use serde_json::{Map, Value, json};

use super::{citation, object, sidecar};
use crate::fields::{Fields, missing, wrong};
use crate::openai::is_kept_elsewhere;
use crate::outgoing::merge;
use crate::{aside, file_types};

/// The field of a sidecar that says that a file came as base64 alone; it is never sent.
const BARE: &str = "(bare)";

/// Why a part has no place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It means something to its own dialect only; the text says what is lost.
    Foreign(&'static str),
    /// The model would answer without having seen it; the text names it.
    Unsupported(&'static str),
}

/// Reads `content` or `output`: a string, a list of parts, or nothing.
pub(super) fn read(content: Option<Value>, path: &str, from: Provenance) -> Result<Vec<Part>, Fault> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text, from)]),
        Some(Value::Array(parts)) => {
            let read = |(at, part)| read_part(part, format!("{path}[{at}]"), from);
            parts.into_iter().enumerate().map(read).collect()
        }
        Some(_) => Err(wrong(path, "a string or an array of content parts")),
    }
}

/// Reads one content part.
pub(super) fn read_part(value: Value, path: String, from: Provenance) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, path)?;
    let mut citations = Vec::new();
    let kind = match fields.peek("type") {
        Some("input_text" | "output_text" | "text") => {
            citations = fields.list("annotations")?.unwrap_or_default();
            PartKind::Text(fields.need_text("text")?)
        }
        Some("refusal") => PartKind::Refusal(fields.need_text("refusal")?),
        Some("input_image") => match image(&mut fields)? {
            Some(source) => PartKind::Media { kind: MediaKind::Image, source },
            None => PartKind::Native,
        },
        Some("input_file") => match file(&mut fields)? {
            Some(source) => PartKind::Media { kind: MediaKind::Document, source },
            None => PartKind::Native,
        },
        Some(_) => PartKind::Native,
        None => return Err(missing(&fields.path("type"))),
    };
    if !matches!(kind, PartKind::Native) {
        let _known = fields.value("type");
    }
    let mut part = Part::new(kind, from);
    part.citations = citations.into_iter().map(citation::read).collect();
    part.cache = fields.has("prompt_cache_breakpoint").then_some(CacheHint::Short);
    let mut left = fields.left();
    left.retain(|name, value| !(name == "logprobs" && *value == json!([])));
    Ok(sidecar::set(part, "part", Value::Object(left)))
}

fn image(fields: &mut Fields) -> Result<Option<MediaSource>, Fault> {
    if let Some(id) = fields.text("file_id")? {
        return Ok(Some(MediaSource::File(id)));
    }
    Ok(fields.text("image_url")?.map(source))
}

fn file(fields: &mut Fields) -> Result<Option<MediaSource>, Fault> {
    if let Some(id) = fields.text("file_id")? {
        return Ok(Some(MediaSource::File(id)));
    }
    if let Some(url) = fields.text("file_url")? {
        return Ok(Some(source(url)));
    }
    Ok(fields.text("file_data")?.map(|data| match source(data) {
        // Base64 alone, as some clients send it.
        MediaSource::Url(data) => {
            fields.put_back(BARE, Value::Bool(true));
            MediaSource::Base64 { mime: file_types::mime_of(fields.peek("filename")).to_owned(), data }
        }
        other => other,
    }))
}

/// A `data:` URL (RFC 2397) holds its bytes, any other leads to them.
fn source(url: String) -> MediaSource {
    let held = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| url.get(5..)?.split_once(','))
        .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    match held {
        Some((head, data)) => {
            let mime = head.split(';').next().filter(|mime| !mime.is_empty()).unwrap_or("text/plain");
            MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() }
        }
        None => MediaSource::Url(url),
    }
}

/// Writes a part of what the client, its tools or the operator say.
pub(super) fn write_input(part: &Part) -> Result<Value, Unwritable> {
    let out = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => {
            object([("type", Some(json!("input_text"))), ("text", Some(json!(text)))])
        }
        PartKind::Media { kind, source } => media(*kind, source)?,
        PartKind::Native => match sidecar::left(part) {
            Some(own) => return Ok(Value::Object(own.clone())),
            None => return Err(Unwritable::Foreign("a block that only its own provider understands")),
        },
        PartKind::Reasoning(_) => return Err(Unwritable::Foreign("thoughts in a place of their own")),
        PartKind::ToolCall { .. } | PartKind::ToolResult(_) => {
            return Err(Unwritable::Unsupported("a tool call or result in this place"));
        }
        PartKind::ServerCall(_) | PartKind::ServerResult(_) => {
            return Err(Unwritable::Foreign("a tool that another provider ran"));
        }
    };
    Ok(with_left(out, part))
}

/// Writes a part of what the model said; none if it is no text.
pub(super) fn write_output(part: &Part) -> Option<Value> {
    let out = match &part.kind {
        PartKind::Text(text) => {
            let length = if part.citations.is_empty() { 0 } else { text.chars().count() as u64 };
            let annotations: Value =
                part.citations.iter().filter_map(|citation| citation::write(citation, length)).collect();
            object([
                ("type", Some(json!("output_text"))),
                ("text", Some(json!(text))),
                ("annotations", Some(annotations)),
            ])
        }
        PartKind::Refusal(text) => object([("type", Some(json!("refusal"))), ("refusal", Some(json!(text)))]),
        PartKind::Native => return sidecar::left(part).cloned().map(Value::Object),
        _ => return None,
    };
    Some(with_left(out, part))
}

fn with_left(mut out: Map<String, Value>, part: &Part) -> Value {
    if let Some(left) = sidecar::left(part) {
        merge(&mut out, left);
    }
    // Which of them is meant follows from the others; clients and servers want it spelled.
    if out.get("type") == Some(&json!("input_image")) {
        out.entry("detail").or_insert_with(|| json!(aside::detail(part).unwrap_or("auto")));
    }
    let bare = out.shift_remove(BARE).is_some();
    match &part.kind {
        PartKind::Media { source: MediaSource::Base64 { data, .. }, .. } if bare => {
            out.insert("file_data".to_owned(), json!(data));
        }
        PartKind::Media { source: MediaSource::Base64 { mime, .. }, .. } if out.contains_key("file_data") => {
            let name = || aside::file_name(part, mime).unwrap_or_else(|| file_types::name_for(mime));
            out.entry("filename").or_insert_with(|| json!(name()));
        }
        _ => {}
    }
    Value::Object(out)
}

fn media(kind: MediaKind, source: &MediaSource) -> Result<Map<String, Value>, Unwritable> {
    let (kind, field, value) = match (kind, source) {
        (MediaKind::Audio, _) => return Err(Unwritable::Unsupported("audio")),
        (MediaKind::Video, _) => return Err(Unwritable::Unsupported("video")),
        (_, MediaSource::File(id)) if is_kept_elsewhere(id) => {
            return Err(Unwritable::Unsupported("a file that another provider keeps"));
        }
        (MediaKind::Image, MediaSource::File(id)) => ("input_image", "file_id", json!(id)),
        (MediaKind::Image, MediaSource::Url(url)) => ("input_image", "image_url", json!(url)),
        (MediaKind::Image, MediaSource::Base64 { mime, data }) => {
            ("input_image", "image_url", json!(data_url(mime, data)))
        }
        (MediaKind::Document, MediaSource::File(id)) => ("input_file", "file_id", json!(id)),
        (MediaKind::Document, MediaSource::Url(url)) => ("input_file", "file_url", json!(url)),
        (MediaKind::Document, MediaSource::Base64 { mime, data }) => {
            ("input_file", "file_data", json!(data_url(mime, data)))
        }
    };
    Ok(object([("type", Some(json!(kind))), (field, Some(value))]))
}

fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}
