//! Citations ↔ canon (docs: "Citation", "CitationLocation").
//!
//! Bedrock cites for whole texts: a `citationsContent` block holds texts and the sources all of them rest on.

use contract::canon::{Citation, Native};
use serde_json::{Map, Value, json};

use super::DIALECT;

/// A citation as it stands.
pub(super) fn read(value: Value) -> Citation {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let words: Vec<&str> = match value.get("sourceContent").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(|item| item.get("text")?.as_str()).collect(),
        None => Vec::new(),
    };
    Citation {
        range: None,
        url: value.pointer("/location/web/url").and_then(text),
        title: value.get("title").and_then(text),
        quote: (!words.is_empty()).then(|| words.concat()),
        source: value.get("source").and_then(text),
        native: Some(Native { owner: DIALECT, value }),
    }
}

/// The citation as Bedrock writes it.
pub(super) fn write(citation: &Citation) -> Value {
    if let Some(native) = citation.native.as_ref().filter(|native| native.owner == DIALECT) {
        return native.value.clone();
    }
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    put("title", citation.title.as_deref().map(Value::from));
    put("source", citation.source.as_deref().map(Value::from));
    put("sourceContent", citation.quote.as_deref().map(|quote| json!([{"text": quote}])));
    put("location", citation.url.as_deref().map(|url| json!({"web": {"url": url}})));
    Value::Object(object)
}

/// Is it one that Bedrock made?
pub(super) fn is_own(citation: &Citation) -> bool {
    citation.native.as_ref().is_some_and(|native| native.owner == DIALECT)
}
