//! Citations ↔ canon (docs: "Citations", "Search results", "Web search tool").
//!
//! A citation belongs to a whole text block. The five kinds of places (characters, pages and blocks of documents, search
//! results, web pages) stay verbatim beside what canon has words for. A citation of another provider is shown as one of a
//! web page without the `encrypted_index` that Anthropic signs: by that it is told apart when a client sends it back.

use contract::canon::{Citation, Native, Part};
use serde_json::{Map, Value, json};

use super::DIALECT;

/// Reads one.
pub(super) fn read(value: Value) -> Citation {
    let text = |names: [&str; 2]| {
        let found = names.into_iter().find_map(|name| value.get(name)?.as_str());
        found.map(str::to_owned)
    };
    Citation {
        range: None,
        url: text(["url", "uri"]),
        title: text(["title", "document_title"]),
        quote: text(["cited_text", "quote"]),
        source: text(["file_id", "source"]),
        native: Some(Native { owner: DIALECT, value }),
    }
}

/// Takes those of a text block; documents have an object of this name, which stays.
pub(super) fn take(fields: &mut Map<String, Value>) -> Vec<Citation> {
    match fields.get_mut("citations") {
        Some(Value::Array(list)) => {
            let list = std::mem::take(list);
            fields.shift_remove("citations");
            list.into_iter().map(read).collect()
        }
        _ => Vec::new(),
    }
}

/// One for a client.
pub(super) fn shown(citation: &Citation) -> Value {
    if let Some(own) = own(citation) {
        return own.clone();
    }
    json!({
        "type": "web_search_result_location",
        "cited_text": citation.quote.as_deref().unwrap_or_default(),
        "encrypted_index": "",
        "title": citation.title,
        "url": citation.url.as_deref().or(citation.source.as_deref()).unwrap_or_default(),
    })
}

/// Those of a part that Anthropic takes back, and whether there were others.
pub(super) fn returned(part: &Part) -> (Vec<&Value>, bool) {
    let mine = part.citations.iter().filter_map(own).filter(|value| !is_ours(value));
    let mine: Vec<&Value> = mine.collect();
    let others = mine.len() < part.citations.len();
    (mine, others)
}

fn own(citation: &Citation) -> Option<&Value> {
    citation.native.as_ref().filter(|native| native.owner == DIALECT).map(|native| &native.value)
}

/// Did [`shown`] make it up?
fn is_ours(value: &Value) -> bool {
    value.get("encrypted_index").and_then(Value::as_str) == Some("")
}
