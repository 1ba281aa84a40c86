//! The subset of JSON Schema that Cohere holds answers and strict tools to (docs: "Structured Outputs", parameter types
//! support and schema constraints). `schemas/` cuts a schema to it.

use contract::canon::Receipt;
use serde_json::{Value, json};

use crate::schemas::{self, Subset};

const COHERE: Subset = Subset {
    taken: &[
        "$ref",
        "$defs",
        "definitions",
        "type",
        "enum",
        "const",
        "anyOf",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "format",
        "pattern",
        "default",
        "title",
        "description",
    ],
    formats: &["date-time", "uuid", "date", "time"],
    pattern,
    closed: false,
    finite: false,
};

/// The schema cut to fit. `at` names it in the receipt.
pub(super) fn fit(schema: &Value, at: &str, receipt: &mut Receipt) -> Value {
    let mut schema = schemas::fit(schema, at, &COHERE, receipt).schema;
    demand(&mut schema, at, receipt);
    schema
}

/// Every object must require one of its members: the first, where none is required.
fn demand(schema: &mut Value, at: &str, receipt: &mut Receipt) {
    let Some(object) = schema.as_object_mut() else { return };
    let first = object.get("properties").and_then(|members| members.as_object()?.keys().next().cloned());
    let none = object.get("required").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if let Some(first) = first.filter(|_| none) {
        receipt.dropped(format!("{at}.required"), "an object must require one of its members");
        object.insert("required".to_owned(), json!([first]));
    }
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                for (name, schema) in named.iter_mut() {
                    demand(schema, &schemas::under(at, key, name), receipt);
                }
            }
            ("items" | "additionalProperties", schema) => demand(schema, &format!("{at}.{key}"), receipt),
            ("anyOf", Value::Array(list)) => {
                for (number, schema) in list.iter_mut().enumerate() {
                    demand(schema, &format!("{at}.anyOf[{number}]"), receipt);
                }
            }
            _ => {}
        }
    }
}

/// Patterns know no anchors and do not look ahead. One that is bound at both ends says the same without.
fn pattern(text: &str) -> Option<String> {
    let ends = |text: &str| text.strip_suffix('$').filter(|text| !text.ends_with('\\')).map(str::to_owned);
    let text = text.strip_prefix('^').and_then(ends).unwrap_or_else(|| text.to_owned());
    (!text.contains(['^', '$']) && !text.contains("?=") && !text.contains("?!")).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cohere_does_not_enforce_is_told() {
        let given = json!({"$schema": "x", "type": "object", "properties": {
            "a": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$"},
            "b": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "c": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            "d": {"type": "string", "format": "email"},
            "e": {"type": "string", "pattern": "^a"},
            "f": {"type": "object", "additionalProperties": {"type": "integer"}}}});
        let mut receipt = Receipt::default();
        assert_eq!(
            fit(&given, "s", &mut receipt),
            json!({"type": "object", "required": ["a"], "properties": {
                "a": {"type": "string", "pattern": "[a-z]+", "description": "{minLength: 1}"},
                "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "c": {"type": "array", "items": {"type": "integer", "description": "{minimum: 0}"},
                    "description": "{minItems: 1}"},
                "d": {"type": "string", "description": "{format: \"email\"}"},
                "e": {"type": "string", "description": "{pattern: \"^a\"}"},
                "f": {"type": "object", "additionalProperties": {"type": "integer"}}}})
        );
        let places = [
            "s.properties.a.minLength",
            "s.properties.c.items.minimum",
            "s.properties.c.minItems",
            "s.properties.d.format",
            "s.properties.e.pattern",
            "s.required",
        ];
        assert_eq!(receipt.to_string(), places.join(", "));
    }
}
