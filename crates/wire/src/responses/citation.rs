//! `annotations` of a text ↔ canon's citations.

use contract::canon::{Citation, Native};
use serde_json::{Value, json};

use super::DIALECT;

/// Reads one annotation; what canon has no word for stays with it.
pub(super) fn read(annotation: Value) -> Citation {
    let text = |name: &str| annotation.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| annotation.get(name).and_then(Value::as_u64);
    let range = match (number("start_index"), number("end_index")) {
        (Some(start), Some(end)) if start <= end => Some(start..end),
        _ => None,
    };
    Citation {
        range,
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        quote: None,
        source: text("file_id"),
        native: Some(Native { owner: DIALECT, value: annotation }),
    }
}

/// Writes an annotation: its own form if it has one, else an address or a file. `length` is that of the text in
/// characters; a citation of no place is one of the whole text.
pub(super) fn write(citation: &Citation, length: u64) -> Option<Value> {
    if let Some(native) = citation.native.as_ref().filter(|native| native.owner == DIALECT) {
        return Some(native.value.clone());
    }
    let range = citation.range.clone().unwrap_or(0..length);
    let title = citation.title.as_deref().unwrap_or_default();
    if let Some(url) = &citation.url {
        return Some(json!({"type": "url_citation", "url": url, "title": title,
            "start_index": range.start, "end_index": range.end}));
    }
    let file = citation.source.as_deref().or(citation.title.as_deref())?;
    Some(json!({"type": "file_citation", "file_id": file, "filename": title, "index": range.end}))
}
