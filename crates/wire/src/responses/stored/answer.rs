//! Response objects: what one says of itself, and those that are made here.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::EncodeOptions;
use crate::json::{self, Member};

/// What a response says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub id: String,
    /// `completed`, `in_progress`, …
    pub status: String,
    /// Does its maker keep it? Servers that say nothing of it do not, unless they make it in the background.
    pub store: bool,
    /// Was it made, or is it being made, in the background?
    pub background: bool,
}

impl Facts {
    /// Is it still being made?
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_str(), "queued" | "in_progress")
    }
}

/// What a response says of itself; none when it is no response.
#[must_use]
pub fn facts(response: &[u8]) -> Option<Facts> {
    let (mut facts, mut store, mut object) = (Facts::default(), None, false);
    json::members(response, |Member { name, value, .. }| match name.as_deref() {
        Some(b"id") => facts.id = text(value),
        Some(b"status") => facts.status = text(value),
        Some(b"store") => store = Some(value == b"true").filter(|_| value != b"null"),
        Some(b"background") => facts.background = value == b"true",
        Some(b"output") => object = value.starts_with(b"["),
        _ => {}
    })?;
    facts.store = store.unwrap_or(facts.background);
    (object && !facts.id.is_empty()).then_some(facts)
}

fn text(value: &[u8]) -> String {
    json::string(value).map(Cow::into_owned).unwrap_or_default()
}

/// The items of a response.
pub(super) fn output(response: &[u8]) -> Vec<Value> {
    match read(response).shift_remove("output") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// A response that waits to be made. `options` are those it will be written with.
#[must_use]
pub fn queued(options: &EncodeOptions) -> Bytes {
    let mut fields = super::super::body::Outline::waiting(options);
    fields.insert("background".to_owned(), json!(true));
    written(fields)
}

/// The response is being made.
#[must_use]
pub fn in_progress(response: &[u8]) -> Bytes {
    with(response, [("status", json!("in_progress"))])
}

/// The response was stopped.
#[must_use]
pub fn cancelled(response: &[u8]) -> Bytes {
    with(response, [("status", json!("cancelled"))])
}

/// The response could not be made. The codes that clients know are those of the schema `ResponseErrorCode`.
#[must_use]
pub fn failed(response: &[u8], code: &str, message: &str) -> Bytes {
    let code = super::super::encode::error_code(code);
    with(response, [("status", json!("failed")), ("error", json!({ "code": code, "message": message }))])
}

/// A response under the id that its client was given beforehand, as one made in the background.
#[must_use]
pub fn named(response: &[u8], id: &str, previous: Option<&str>) -> Bytes {
    let fields = [("id", json!(id)), ("background", json!(true)), ("previous_response_id", json!(previous))];
    with(response, fields)
}

/// A response was forgotten.
#[must_use]
pub fn deleted(id: &str) -> Bytes {
    json!({ "id": id, "object": "response", "deleted": true }).to_string().into()
}

fn with<const N: usize>(response: &[u8], changes: [(&str, Value); N]) -> Bytes {
    let mut fields = read(response);
    for (name, value) in changes {
        fields.insert(name.to_owned(), value);
    }
    written(fields)
}

fn read(response: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(response).unwrap_or_default()
}

fn written(fields: Map<String, Value>) -> Bytes {
    Value::Object(fields).to_string().into()
}
