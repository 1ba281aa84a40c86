//! What a streamed message says beyond canon's words, put together until its choice ends: pieces of it mean nothing to
//! anyone. Memory has a bound. Next: `choice.rs`.

use serde_json::{Map, Value};

use super::invalid;
use crate::WireError;
use crate::frames::sse::HELD_CAP;
use crate::outgoing::is_empty;

/// Fields of messages that name something: a later value replaces the one before. Other texts are pieces of one.
const NAMES: [&str; 5] = ["channel", "format", "id", "name", "type"];

/// What is put together until the end.
#[derive(Default)]
pub(super) struct Held {
    pub(super) fields: Map<String, Value>,
    size: usize,
}

impl Held {
    /// More of a field of the message.
    pub(super) fn message(&mut self, name: &str, value: Value) -> Result<(), WireError> {
        if is_empty(&value) {
            return Ok(());
        }
        self.add("message", Value::Object(Map::from_iter([(name.to_owned(), value)])))
    }

    /// More of a field beside the message.
    pub(super) fn add(&mut self, name: &str, value: Value) -> Result<(), WireError> {
        self.size = self.size.saturating_add(size(&value));
        if self.size > HELD_CAP {
            return Err(invalid("the answer holds too much that is not known"));
        }
        grow(&mut self.fields, name, value);
        Ok(())
    }
}

/// Adds a piece to a field: texts are appended, lists extended (entries with a number of their own merged), objects merged.
fn grow(into: &mut Map<String, Value>, name: &str, value: Value) {
    match (into.get_mut(name), value) {
        (Some(Value::String(before)), Value::String(more)) if !NAMES.contains(&name) => {
            before.push_str(&more);
        }
        (Some(Value::Object(before)), Value::Object(more)) => {
            more.into_iter().for_each(|(name, value)| grow(before, &name, value));
        }
        (Some(Value::Array(before)), Value::Array(more)) => more.into_iter().for_each(|item| {
            let index = item.get("index").filter(|index| index.is_u64()).cloned();
            let same = |before: &&mut Value| index.is_some() && before.get("index") == index.as_ref();
            match (before.iter_mut().rev().take(NEAR).find(same).and_then(Value::as_object_mut), item) {
                (Some(before), Value::Object(item)) => before.extend(item),
                (_, item) => before.push(item),
            }
        }),
        (_, value) => {
            into.insert(name.to_owned(), value);
        }
    }
}

/// How far back in a list an entry of the same number is looked for.
const NEAR: usize = 16;

/// About the bytes of a value.
fn size(value: &Value) -> usize {
    const LEAF: usize = 16;
    LEAF + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
