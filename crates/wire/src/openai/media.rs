//! Sound and pictures that a model makes ↔ canon: `message.audio` (OpenAI) and `message.images` (OpenRouter).
//!
//! The sound's id, its transcript and when it expires are in the part's sidecar under `audio`; a later turn refers to it
//! by that id. What a picture's entry says beside its address is in the sidecar under `images`.

use contract::canon::{MediaKind, MediaSource, Native, Part, PartKind, Provenance};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::content::{data_url, object, url};

/// The field of a message and of a sidecar that holds a sound.
pub(super) const AUDIO: &str = "audio";
/// The field of a message and of a sidecar that holds pictures.
pub(super) const IMAGES: &str = "images";

/// In a sidecar: the medium stood among the blocks of an answer's content (Mistral, Together).
pub(super) const CONTENT: &str = "(content)";

/// Notes that a medium stood there.
pub(super) fn stood_in_content(part: &mut Part) {
    match part.native.as_mut().map(|native| &mut native.value) {
        Some(Value::Object(fields)) => drop(fields.insert(CONTENT.to_owned(), json!(true))),
        _ => part.native = Some(Native { owner: DIALECT, value: json!({CONTENT: true}) }),
    }
}

/// Reads the sound of an answer; gives it back when there is none in it.
pub(super) fn read_audio(value: Value) -> Result<Part, Value> {
    let Value::Object(mut audio) = value else { return Err(value) };
    match audio.shift_remove("data") {
        // Some servers write every field of an answer, empty.
        Some(Value::String(data)) if !data.is_empty() => {
            audio.retain(|_, value| !value.is_null());
            let source = MediaSource::Base64 { mime: sound(&data).to_owned(), data };
            let part = Part::new(PartKind::Media { kind: MediaKind::Audio, source }, Provenance::Model);
            Ok(part.with_native(DIALECT, json!({AUDIO: audio})))
        }
        other => {
            audio.extend(other.map(|data| ("data".to_owned(), data)));
            Err(Value::Object(audio))
        }
    }
}

/// The kind of sound that begins so; an answer does not name the format the request asked for. Samples alone have no mark.
pub(super) fn sound(data: &str) -> &'static str {
    const MARKS: [(&str, &str); 7] = [
        ("UklGR", "audio/wav"),
        ("SUQz", "audio/mpeg"),
        ("//v", "audio/mpeg"),
        ("//s", "audio/mpeg"),
        ("ZkxhQ", "audio/flac"),
        ("T2dnU", "audio/ogg"),
        ("//F", "audio/aac"),
    ];
    MARKS.into_iter().find(|(mark, _)| data.starts_with(mark)).map_or(STREAMED, |(_, mime)| mime)
}

/// The kind of sound that streams carry: `pcm16`, the one format that can be streamed.
pub(super) const STREAMED: &str = "audio/pcm";

/// A picture in an answer: its type, its base64, and what else its entry says. None: it is elsewhere.
pub(super) fn read_image(value: &Value) -> Option<(String, String, Value)> {
    let (mime, data) = data_url(value.pointer("/image_url/url")?.as_str()?)?;
    let (mime, data) = (mime.to_owned(), data.to_owned());
    let mut left = value.as_object()?.clone();
    left.shift_remove("type");
    if let Some(Value::Object(inner)) = left.get_mut("image_url") {
        inner.shift_remove("url");
        if inner.is_empty() {
            left.shift_remove("image_url");
        }
    }
    Some((mime, data, json!({IMAGES: left})))
}

/// Reads the pictures of an answer. What is no list of pictures within the answer is given back.
pub(super) fn read_images(value: Value) -> Result<Vec<Part>, Value> {
    let read = |entry| {
        let (mime, data, native) = read_image(entry)?;
        let source = MediaSource::Base64 { mime, data };
        let part = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::Model);
        Some(part.with_native(DIALECT, native))
    };
    let parts = value.as_array().and_then(|list| list.iter().map(read).collect());
    parts.ok_or(value)
}

/// Writes a picture of an answer.
pub(super) fn write_image(part: &Part, source: &MediaSource) -> Option<Value> {
    let mut out =
        object([("type", Some(json!("image_url"))), ("image_url", Some(json!({"url": url(source)?})))]);
    if let Some(Value::Object(own)) = part.native_for(DIALECT).and_then(|native| native.get(IMAGES)) {
        crate::outgoing::merge(&mut out, own);
    }
    Some(Value::Object(out))
}

/// Writes the sound of an answer.
pub(super) fn write_audio(part: &Part, data: &str) -> Value {
    let mut out = own_audio(part).cloned().unwrap_or_default();
    out.insert("data".to_owned(), json!(data));
    // Clients of OpenAI's need all four.
    for (name, value) in [("id", json!("audio")), ("expires_at", json!(0)), ("transcript", json!(""))] {
        out.entry(name).or_insert(value);
    }
    Value::Object(out)
}

/// What is known of a sound beside its bytes.
fn own_audio(part: &Part) -> Option<&Map<String, Value>> {
    part.native_for(DIALECT)?.get(AUDIO)?.as_object()
}

/// How a later turn refers to a sound the model made: `{"id": …}`.
pub(super) fn refer(part: &Part) -> Option<Value> {
    Some(json!({"id": own_audio(part)?.get("id")?}))
}
