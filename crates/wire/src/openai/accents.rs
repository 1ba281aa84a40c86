//! Blocks of media that are written otherwise than OpenAI does: read, and written back as they came.
//!
//! | form | source |
//! |---|---|
//! | `{"type": "input_audio", "input_audio": "base64 or an address"}` | docs.mistral.ai, "Audio & Transcription" |
//! | `{"type": "video_url", "video_url": "an address"}` | docs.together.ai, API reference, "Create chat completion" |
//! | `{"type": "file", "file_id": …}` | docs.mistral.ai, API reference, `FileChunk` |
//! | `input_audio.data` as an address or a `data:` URL, without `format` | help.aliyun.com/model-studio, "Qwen-Omni" |
//! | `file.file_data` as base64 alone | some clients |
//!
//! Which of them it was is in the part's sidecar under [`FORM`]. `content.rs` knows all other blocks.

use contract::Fault;
use contract::canon::{MediaKind, MediaSource, Part, PartKind};
use serde_json::{Value, json};

use super::content::{data_url, keep, url};
use super::{DIALECT, media};
use crate::fields::{Fields, missing};
use crate::{aside, file_types};

/// The field of a sidecar that names the form; it is never sent.
pub(super) const FORM: &str = "(form)";
/// The value stands where OpenAI has an object, or base64 where it has a `data:` URL. What the `data:` URL began with
/// follows.
const BARE: &str = "bare";
/// The object holds an address.
const ADDRESS: &str = "address";

/// Reads a sound.
pub(super) fn sound(block: &mut Fields) -> Result<PartKind, Fault> {
    if let Some(text) = block.take_text("input_audio") {
        let (source, head) = told(text, None);
        block.put_back(FORM, json!(format!("{BARE}{head}")));
        return Ok(PartKind::Media { kind: MediaKind::Audio, source });
    }
    let mut inner = block.need_object("input_audio")?;
    let data = inner.need_text("data")?;
    let source = if is_address(&data) || data_url(&data).is_some() {
        let (source, head) = told(data, inner.peek("format").map(mime_of_format));
        block.put_back(FORM, json!(if head.is_empty() { ADDRESS } else { head.as_str() }));
        source
    } else {
        let format = inner.text("format")?.ok_or_else(|| missing(&inner.path("format")))?;
        MediaSource::Base64 { mime: mime_of_format(&format), data }
    };
    keep(block, "input_audio", inner);
    Ok(PartKind::Media { kind: MediaKind::Audio, source })
}

fn mime_of_format(format: &str) -> String {
    if format == "mp3" { "audio/mpeg".to_owned() } else { format!("audio/{format}") }
}

fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Where a sound is, and what its `data:` URL began with, if it is one.
fn told(text: String, mime: Option<String>) -> (MediaSource, String) {
    if is_address(&text) {
        return (MediaSource::Url(text), String::new());
    }
    let (head, data) = match data_url(&text) {
        Some((_, data)) => (text.strip_suffix(data).unwrap_or_default(), data),
        None => ("", text.as_str()),
    };
    let named = data_url(&text).map(|(mime, _)| mime.to_owned()).filter(|mime| mime.starts_with("audio/"));
    let heard = || match media::sound(data) {
        // Samples alone are not what clients send without saying so.
        media::STREAMED => "audio/mpeg".to_owned(),
        mime => mime.to_owned(),
    };
    let mime = mime.or(named).unwrap_or_else(heard);
    (MediaSource::Base64 { mime, data: data.to_owned() }, head.to_owned())
}

/// Notes that an address stood where OpenAI has an object.
pub(super) fn bare(block: &mut Fields) {
    block.put_back(FORM, json!(BARE));
}

/// Reads a document.
pub(super) fn file(block: &mut Fields) -> Result<PartKind, Fault> {
    let kind = MediaKind::Document;
    if !block.has("file")
        && let Some(id) = block.take_text("file_id")
    {
        block.put_back(FORM, json!(BARE));
        return Ok(PartKind::Media { kind, source: MediaSource::File(id) });
    }
    let mut inner = block.need_object("file")?;
    let source = if let Some(id) = inner.text("file_id")? {
        MediaSource::File(id)
    } else {
        let data = inner.need_text("file_data")?;
        match data_url(&data) {
            Some((mime, data)) => MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
            None if is_address(&data) => {
                block.put_back(FORM, json!(ADDRESS));
                MediaSource::Url(data)
            }
            None => {
                block.put_back(FORM, json!(BARE));
                MediaSource::Base64 { mime: file_types::mime_of(inner.peek("filename")).to_owned(), data }
            }
        }
    };
    keep(block, "file", inner);
    Ok(PartKind::Media { kind, source })
}

/// Did it come in such a form?
fn form(part: &Part) -> Option<&str> {
    part.native_for(DIALECT)?.get(FORM)?.as_str()
}

/// Writes a medium as it came; none if it came as OpenAI writes it.
pub(super) fn write(part: &Part, kind: MediaKind, source: &MediaSource) -> Option<Value> {
    let form = form(part)?;
    let sound = |value: Value| json!({"type": "input_audio", "input_audio": value});
    Some(match (kind, source, form.strip_prefix(BARE)) {
        (MediaKind::Audio, MediaSource::Url(url), Some(_)) => sound(json!(url)),
        (MediaKind::Audio, MediaSource::Url(url), None) => sound(json!({"data": url})),
        (MediaKind::Audio, MediaSource::Base64 { data, .. }, Some(head)) => {
            sound(json!(format!("{head}{data}")))
        }
        (MediaKind::Audio, MediaSource::Base64 { data, .. }, None) => {
            sound(json!({"data": format!("{form}{data}")}))
        }
        (MediaKind::Video, source, Some(_)) => json!({"type": "video_url", "video_url": url(source)?}),
        (_, MediaSource::File(id), Some(_)) => json!({"type": "file", "file_id": id}),
        (MediaKind::Document, MediaSource::Base64 { data, .. }, Some(_)) => {
            json!({"type": "file", "file": {"file_data": data}})
        }
        _ => return None,
    })
}

/// The name of a document that has none; none if it came without and goes on so.
pub(super) fn file_name(part: &Part) -> Option<String> {
    match &part.kind {
        _ if form(part).is_some() => None,
        PartKind::Media { source: MediaSource::Base64 { mime, .. }, .. } => {
            Some(aside::file_name(part, mime).unwrap_or_else(|| file_types::name_for(mime)))
        }
        _ => Some(file_types::name_for("application/pdf")),
    }
}

/// Does another provider keep this file? Google's are addresses (`gs://…`, those of its Files API) or `files/…`; Anthropic's begin
/// with `file_01`, OpenAI's with `file-`.
pub(crate) fn is_kept_elsewhere(id: &str) -> bool {
    id.contains("://") || id.starts_with("files/") || id.starts_with("file_01")
}
