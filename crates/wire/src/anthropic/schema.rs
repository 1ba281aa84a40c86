//! The subset of JSON Schema that Anthropic's constrained decoding takes (docs: "Structured outputs", JSON Schema
//! limitations). `schemas/` cuts a schema to it.

use std::borrow::Cow;

use contract::canon::Receipt;
use serde_json::Value;

use crate::schemas::{self, Subset};

const CLAUDE: Subset = Subset {
    taken: &[
        "$ref",
        "$defs",
        "definitions",
        "type",
        "enum",
        "const",
        "anyOf",
        "allOf",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "format",
        "pattern",
        "default",
        "title",
        "description",
    ],
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
    pattern,
    closed: true,
    finite: true,
};

/// Why a schema is not enforced that [`reshapes`].
pub(crate) const SHAPELESS: &str = "what the schema describes cannot be enforced but in another shape";

/// The schema cut to fit, untouched when it fits already. `at` names it in the receipt.
pub(super) fn fit<'a>(schema: &'a Value, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    let fitted = schemas::fit(schema, at, &CLAUDE, receipt).schema;
    if fitted == *schema { Cow::Borrowed(schema) } else { Cow::Owned(fitted) }
}

/// Would an answer in the schema cut to fit have another shape than was asked?
pub(super) fn reshapes(schema: &Value) -> bool {
    schemas::fit(schema, "", &CLAUDE, &mut Receipt::default()).reshaped
}

/// Patterns may not look around or back.
fn pattern(text: &str) -> Option<String> {
    let looks = ["(?=", "(?!", "(?<", "\\b", "\\B"].iter().any(|it| text.contains(it));
    let back = text.as_bytes().windows(2).any(|it| matches!(it, [b'\\', b'1'..=b'9']));
    (!looks && !back).then(|| text.to_owned())
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
            "inner": {"type": ["object", "null"], "properties": {}, "additionalProperties": false,
                "description": "{additionalProperties: {\"type\":\"string\"}}"}}})
        );
        assert_eq!(receipt.to_string(), "s.properties.age.minimum, s.properties.inner.additionalProperties");
        assert!(reshapes(&schema));
    }

    #[test]
    fn patterns_that_look_around_are_told() {
        let schema = json!({"type": "string", "pattern": "^[a-z]{2}$"});
        assert_eq!(*fit(&schema, "s", &mut Receipt::default()), schema);
        for pattern in ["(?=a)", "a\\b", "(a)\\1"] {
            let mut receipt = Receipt::default();
            let cut = fit(&json!({"type": "string", "pattern": pattern}), "s", &mut receipt).into_owned();
            assert_eq!(cut.get("pattern"), None);
            assert_eq!(receipt.to_string(), "s.pattern");
        }
    }
}
