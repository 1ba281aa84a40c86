//! Cuts a JSON Schema to what Anthropic's constrained decoding takes (docs: "Structured outputs", JSON Schema limitations).
//!
//! Every object must close with `additionalProperties: false`, and bounds on numbers, strings and lists are refused. A
//! bound is told to the model in the description instead, as Anthropic's own SDKs do, and named in the receipt.

use std::borrow::Cow;

use contract::canon::Receipt;
use serde_json::{Map, Value};

const BOUNDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The schema cut to fit, untouched when it fits already. `at` names it in the receipt.
pub(super) fn fit<'a>(schema: &'a Value, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    if fits(schema) {
        return Cow::Borrowed(schema);
    }
    let mut schema = schema.clone();
    cut(&mut schema, at, receipt);
    Cow::Owned(schema)
}

fn fits(schema: &Value) -> bool {
    let Some(object) = schema.as_object() else { return true };
    object.iter().all(|(key, value)| !refused(key, value))
        && (!is_object(object) || object.get("additionalProperties") == Some(&Value::Bool(false)))
        && object.iter().all(|(key, value)| children(key, value).all(fits))
}

fn cut(schema: &mut Value, at: &str, receipt: &mut Receipt) {
    let Some(object) = schema.as_object_mut() else { return };
    let bounds: Vec<String> =
        object.iter().filter(|(key, value)| refused(key, value)).map(|(key, _)| key.clone()).collect();
    let mut told = Vec::new();
    for key in bounds {
        let Some(value) = object.shift_remove(&key) else { continue };
        told.push(format!("{key}: {value}"));
        receipt.dropped(format!("{at}.{key}"), "not enforced; told to the model in the description");
    }
    if !told.is_empty() {
        let before = object
            .get("description")
            .and_then(Value::as_str)
            .map_or(String::new(), |text| format!("{text}\n\n"));
        object.insert("description".to_owned(), format!("{before}{{{}}}", told.join(", ")).into());
    }
    if is_object(object) {
        if object.get("additionalProperties").is_some_and(|value| *value != Value::Bool(false)) {
            receipt.dropped(format!("{at}.additionalProperties"), "objects must be closed");
        }
        object.insert("additionalProperties".to_owned(), false.into());
    }
    for (key, value) in object.iter_mut() {
        for child in children_mut(key, value) {
            cut(child, at, receipt);
        }
    }
}

fn refused(key: &str, value: &Value) -> bool {
    // Lists may be required to be non-empty, nothing more.
    BOUNDS.contains(&key) && !(key == "minItems" && value.as_u64().is_some_and(|least| least <= 1))
}

fn is_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => schema.contains_key("properties"),
    }
}

/// The schemas below this keyword.
fn children<'a>(key: &str, value: &'a Value) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    match (key, value) {
        ("properties" | "$defs" | "definitions", Value::Object(named)) => Box::new(named.values()),
        ("items" | "not", Value::Object(_)) => Box::new(std::iter::once(value)),
        ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(list)) => Box::new(list.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn children_mut<'a>(key: &str, value: &'a mut Value) -> Box<dyn Iterator<Item = &'a mut Value> + 'a> {
    match (key, value) {
        ("properties" | "$defs" | "definitions", Value::Object(named)) => Box::new(named.values_mut()),
        ("items" | "not", value @ Value::Object(_)) => Box::new(std::iter::once(value)),
        ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(list)) => Box::new(list.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_fits_is_lent() {
        let schema = json!({"type": "object", "additionalProperties": false,
            "properties": {"minimum": {"type": "string"}, "tags": {"type": "array", "minItems": 1, "items": {"type": "string"}}}});
        let mut receipt = Receipt::default();
        assert!(matches!(fit(&schema, "s", &mut receipt), Cow::Borrowed(_)));
        assert!(receipt.is_empty());
    }

    #[test]
    fn bounds_become_words_and_objects_are_closed() {
        let schema = json!({"type": "object", "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "Years"},
            "inner": {"type": ["object", "null"], "properties": {}, "additionalProperties": {"type": "string"}}}});
        let mut receipt = Receipt::default();
        let cut = fit(&schema, "s", &mut receipt).into_owned();
        assert_eq!(
            cut,
            json!({"type": "object", "additionalProperties": false, "properties": {
            "age": {"type": "integer", "description": "Years\n\n{minimum: 0}"},
            "inner": {"type": ["object", "null"], "properties": {}, "additionalProperties": false}}})
        );
        assert_eq!(receipt.to_string(), "s.minimum, s.additionalProperties");
    }
}
