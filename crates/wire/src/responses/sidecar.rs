//! What stands beside a part: the fields of its item and of its place in the item that canon has no word for.
//!
//! An item of the API may hold several parts (the content of a message, the summary of a thought). Each part's sidecar is
//! `{"item": {…}, "joins": true, "part": {…}}`: `item` are fields of the item, the id in each of its parts; `joins` says
//! that the part belongs to the same item as the one before; `part` are fields of the content part itself. Items that canon
//! has no word for, and tools that the provider ran, have their whole item under `item`.

use contract::canon::Part;
use serde_json::{Map, Value};

use super::DIALECT;

/// Fields of the part's item.
pub(super) fn item(part: &Part) -> Option<&Map<String, Value>> {
    object(part, "item")
}

/// Fields of the content part.
pub(super) fn left(part: &Part) -> Option<&Map<String, Value>> {
    object(part, "part")
}

fn object<'a>(part: &'a Part, name: &str) -> Option<&'a Map<String, Value>> {
    part.native_for(DIALECT)?.get(name)?.as_object()
}

/// Does the part go on with the item of the part before? One without a sidecar may.
pub(super) fn joins(part: &Part) -> bool {
    part.native_for(DIALECT).is_none_or(joins_item)
}

/// As [`joins`], of the sidecar itself.
pub(super) fn joins_item(native: &Value) -> bool {
    native.get("joins") == Some(&Value::Bool(true))
}

/// Do its thoughts stand in the `content` of their item rather than in its `summary`?
pub(super) fn is_raw(part: &Part) -> bool {
    part.native_for(DIALECT).is_some_and(|native| native.get("raw") == Some(&Value::Bool(true)))
}

/// Adds one field to a sidecar; an empty object adds nothing.
pub(super) fn set(part: Part, name: &str, value: Value) -> Part {
    if value.as_object().is_some_and(Map::is_empty) { part } else { put(part, name, value) }
}

fn put(mut part: Part, name: &str, value: Value) -> Part {
    match part.native.as_mut().map(|native| &mut native.value) {
        Some(Value::Object(fields)) => {
            fields.insert(name.to_owned(), value);
            part
        }
        _ => part.with_native(DIALECT, Value::Object(Map::from_iter([(name.to_owned(), value)]))),
    }
}

/// Fields of an item that are known only when it is complete: they stand in the sidecar of its last part.
pub(super) const LATE: [&str; 2] = ["status", "encrypted_content"];

/// Gives the parts of one item its fields: all to the first, those that come late to the last, the id to each.
pub(super) fn bind(mut parts: Vec<Part>, mut fields: Map<String, Value>) -> Vec<Part> {
    let count = parts.len();
    let id = fields.get("id").cloned();
    let mut late = Map::new();
    for name in LATE.into_iter().filter(|_| count > 1) {
        late.extend(fields.shift_remove(name).map(|value| (name.to_owned(), value)));
    }
    for (at, part) in parts.iter_mut().enumerate() {
        let mut own = if at == 0 { std::mem::take(&mut fields) } else { Map::new() };
        own.extend(id.clone().filter(|_| at > 0).map(|id| ("id".to_owned(), id)));
        if at + 1 == count {
            own.append(&mut late);
        }
        let bare = std::mem::replace(part, Part::text("", part.provenance));
        // Even an item without fields is told: parts without a sidecar join the item before.
        let bound = put(bare, "item", Value::Object(own));
        *part = if at > 0 { put(bound, "joins", Value::Bool(true)) } else { bound };
    }
    parts
}
