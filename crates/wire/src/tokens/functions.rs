//! Definitions of functions, as OpenAI counts them (cookbook: "Counting tokens for tool calls"). Its formula knows flat
//! schemas; what they nest is counted the same way, a level deeper.

use serde_json::Value;

/// Schemas that nest deeper are counted to here.
const DEEPEST: usize = 16;

/// Each property.
const KEY: u64 = 3;
/// The first property of an object.
const PROPERTIES: u64 = 3;
/// Each value of an enumeration, of which the first comes free.
const VALUE: u64 = 3;

/// The tokens of a function's parameters; `text` counts a text.
pub(super) fn parameters(schema: &Value, text: &dyn Fn(&str) -> u64) -> u64 {
    object(schema, text, DEEPEST)
}

fn object(schema: &Value, text: &dyn Fn(&str) -> u64, deeper: usize) -> u64 {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return 0 };
    if properties.is_empty() || deeper == 0 {
        return 0;
    }
    let each = properties.iter().map(|(name, property)| one(name, property, text, deeper - 1));
    PROPERTIES + each.sum::<u64>()
}

fn one(name: &str, property: &Value, text: &dyn Fn(&str) -> u64, deeper: usize) -> u64 {
    let said = |field: &str| property.get(field).and_then(Value::as_str).unwrap_or_default();
    let line = format!("{name}:{}:{}", said("type"), unstopped(said("description")));
    let values = property.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let listed: u64 = values.iter().map(|value| VALUE + text(value.as_str().unwrap_or("0"))).sum();
    let within =
        object(property, text, deeper) + property.get("items").map_or(0, |items| object(items, text, deeper));
    KEY + text(&line) + listed.saturating_sub(VALUE) + within
}

/// Without the full stop at its end.
pub(super) fn unstopped(text: &str) -> &str {
    text.strip_suffix('.').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_values_and_nesting_count() {
        // A text has as many tokens as bytes here.
        let tokens = |schema: &Value| parameters(schema, &|text| text.len() as u64);
        assert_eq!(tokens(&json!({"type": "object", "properties": {}})), 0);
        assert_eq!(tokens(&json!(null)), 0);
        let flat = json!({"properties": {"a": {"type": "string", "description": "b."}}});
        assert_eq!(tokens(&flat), 3 + 3 + 10);
        let listed = json!({"properties": {"a": {"type": "string", "enum": ["x", "yz"]}}});
        assert_eq!(tokens(&listed), 3 + 3 + 9 + 1 + 3 + 2);
        let nested = json!({"properties": {"a": {"type": "array", "items": {"properties": {"b": {}}}}}});
        assert_eq!(tokens(&nested), 3 + 3 + 8 + 3 + 3 + 3);
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({"properties": {"a": deep}});
        }
        assert!(tokens(&deep) < 200);
    }
}
