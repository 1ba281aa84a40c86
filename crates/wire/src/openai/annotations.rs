//! What a text rests on ↔ canon: `annotations` of a message, and the lists beside the choices that some servers give.
//!
//! OpenAI's form is `{"type": "url_citation", "url_citation": {url, title, start_index, end_index}}`, counted in
//! characters of the message's content. Perplexity and xAI list addresses in `citations`, Perplexity also what it found in
//! `search_results`; those stay in the reply's extra fields, so that the citations made of them are not written again.

use contract::canon::{Citation, Native};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::content::object;

/// A citation that is written elsewhere: its own dialect does not make an annotation of it.
fn elsewhere() -> Option<Native> {
    Some(Native { owner: DIALECT, value: Value::Null })
}

/// Reads an annotation; gives it back when it cites no address.
pub(super) fn read(value: Value) -> Result<Citation, Value> {
    let known = value["type"] == "url_citation" && value["url_citation"]["url"].is_string();
    let Value::Object(mut outer) = value else { return Err(value) };
    let Some(Value::Object(mut inner)) = known.then(|| outer.shift_remove("url_citation")).flatten() else {
        return Err(Value::Object(outer));
    };
    outer.shift_remove("type");
    let text = |inner: &mut Map<String, Value>, name: &str| match inner.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        other => {
            inner.extend(other.filter(|value| !value.is_null()).map(|value| (name.to_owned(), value)));
            None
        }
    };
    let url = text(&mut inner, "url");
    let title = text(&mut inner, "title");
    let quote = text(&mut inner, "content");
    let place = |name: &str| inner.get(name).and_then(Value::as_u64);
    // From 0 to 0 says that the place is not known.
    let range = match (place("start_index"), place("end_index")) {
        (Some(start), Some(end)) if start < end => Some(start..end),
        _ => None,
    };
    if range.is_some() {
        inner.shift_remove("start_index");
        inner.shift_remove("end_index");
    }
    if !inner.is_empty() {
        outer.insert("url_citation".to_owned(), Value::Object(inner));
    }
    let native = (!outer.is_empty()).then(|| Native { owner: DIALECT, value: Value::Object(outer) });
    Ok(Citation { range, url, title, quote, source: None, native })
}

/// Takes `annotations` apart: the citations, and what is none.
pub(super) fn read_all(value: Value) -> (Vec<Citation>, Option<Value>) {
    let Value::Array(items) = value else { return (Vec::new(), Some(value)) };
    let (mut citations, mut others) = (Vec::new(), Vec::new());
    for item in items {
        match read(item) {
            Ok(citation) => citations.push(citation),
            Err(other) => others.push(other),
        }
    }
    (citations, (!others.is_empty()).then_some(Value::Array(others)))
}

/// Writes an annotation for a citation of a text that stands at `place` within the content. None: it stands elsewhere, or
/// has no address, which this dialect needs.
pub(super) fn write(citation: &Citation, place: std::ops::Range<u64>) -> Option<Value> {
    let url = citation.url.as_ref()?;
    let own = citation.native.as_ref().filter(|native| native.owner == DIALECT).map(|native| &native.value);
    if own.is_some_and(Value::is_null) {
        return None;
    }
    let start = place.start;
    let range = citation.range.clone().map_or(place, |range| start + range.start..start + range.end);
    let inner = object([
        ("url", Some(json!(url))),
        ("title", Some(json!(citation.title.as_ref().unwrap_or(url)))),
        ("content", citation.quote.as_ref().map(|quote| json!(quote))),
    ]);
    let mut out =
        object([("type", Some(json!("url_citation"))), ("url_citation", Some(Value::Object(inner)))]);
    if let Some(Value::Object(own)) = own {
        crate::outgoing::merge(&mut out, own);
    }
    if let Some(Value::Object(inner)) = out.get_mut("url_citation") {
        inner.entry("start_index").or_insert(json!(range.start));
        inner.entry("end_index").or_insert(json!(range.end));
    }
    Some(Value::Object(out))
}

/// Would writing it lose something?
pub(super) fn is_lost(citation: &Citation) -> bool {
    citation.url.is_none() && citation.native.as_ref().is_none_or(|native| native.owner != DIALECT)
}

/// The sources that a reply lists beside its choices.
pub(super) fn sources(fields: &Map<String, Value>) -> Vec<Citation> {
    let list = |name: &str| fields.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let found = |value: &Value| {
        let url = value.as_str().map(str::to_owned).or_else(|| text(value, "url"))?;
        let (title, quote) = (text(value, "title"), text(value, "snippet"));
        Some(Citation { url: Some(url), title, quote, native: elsewhere(), ..Citation::default() })
    };
    let results = list("search_results").or_else(|| list("citations"));
    results.into_iter().flatten().filter_map(found).collect()
}

/// The source that a block of content names (Mistral's `tool_reference`); the block itself is kept.
pub(super) fn of_block(block: &Map<String, Value>) -> Option<Citation> {
    let text = |name: &str| block.get(name).and_then(Value::as_str).map(str::to_owned);
    if block.get("type").and_then(Value::as_str) != Some("tool_reference") {
        return None;
    }
    let quote = text("description");
    Some(Citation {
        url: Some(text("url")?),
        title: text("title"),
        quote,
        native: elsewhere(),
        ..Citation::default()
    })
}
