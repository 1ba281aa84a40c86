//! Schemas: Gemini's older form (`parameters`, `responseSchema`: a piece of OpenAPI 3.0 with types in capitals) ↔ JSON
//! Schema, which canon has; and JSON Schema cut to what `parametersJsonSchema` and `responseJsonSchema` take.

use contract::canon::Receipt;
use serde_json::{Map, Value, json};

use super::names::camel;
use crate::schemas::under;

/// The keywords that are taken (API reference: `GenerationConfig.responseJsonSchema`). Others are ignored there.
const TAKEN: &[&str] = &[
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

/// Keywords that demand nothing of the answer.
const REMARKS: &[&str] =
    &["$schema", "$comment", "examples", "example", "deprecated", "readOnly", "writeOnly", "default"];

/// Counts that protobuf's JSON mapping writes as texts.
const COUNTS: &[&str] = &["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

const TYPES: &[&str] = &["string", "number", "integer", "boolean", "array", "object", "null"];

/// Gemini's older form → JSON Schema. What is JSON Schema already stays as it is.
pub(super) fn from_openapi(schema: Value) -> Value {
    let Value::Object(fields) = schema else { return schema };
    let mut out = Map::with_capacity(fields.len());
    let mut nullable = false;
    for (key, value) in fields {
        match camel(&key).as_ref() {
            "type" => {
                out.extend(json_type(value).map(|name| ("type".to_owned(), name)));
            }
            "nullable" => nullable = value == Value::Bool(true),
            "ref" => {
                out.insert("$ref".to_owned(), value);
            }
            name => {
                let name = if name == "defs" { "$defs" } else { name };
                let value = if COUNTS.contains(&name) { count(value) } else { value };
                out.insert(name.to_owned(), each_below(name, value, from_openapi));
            }
        }
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

/// JSON Schema that came from Gemini's older form → that form.
pub(super) fn to_openapi(schema: Value) -> Value {
    let Value::Object(fields) = schema else { return schema };
    let mut out = Map::with_capacity(fields.len());
    let nullable = fields.get("nullable") == Some(&Value::Bool(true));
    for (key, value) in fields {
        match key.as_str() {
            "type" => {
                let mut names = match value {
                    Value::Array(names) => names,
                    name => vec![name],
                };
                if names.len() == 2 && names.get(1).is_some_and(|name| name == "null") {
                    names.pop();
                    out.insert("nullable".to_owned(), true.into());
                }
                let name = names.into_iter().next().unwrap_or_default();
                let name = name.as_str().map_or_else(String::new, str::to_ascii_uppercase);
                out.insert(key, name.into());
            }
            "anyOf" if nullable => {
                let mut value = each_below("anyOf", value, to_openapi);
                if let Value::Array(list) = &mut value {
                    list.pop();
                }
                out.insert(key, value);
            }
            "$ref" => {
                out.insert("ref".to_owned(), value);
            }
            "$defs" => {
                out.insert("defs".to_owned(), each_below("$defs", value, to_openapi));
            }
            name => {
                let value = each_below(name, value, to_openapi);
                out.insert(key, value);
            }
        }
    }
    Value::Object(out)
}

/// The name of a type, from its name in capitals or the number of its enum.
fn json_type(value: Value) -> Option<Value> {
    match value {
        Value::String(name) if name == "TYPE_UNSPECIFIED" => None,
        Value::String(name) => Some(name.to_ascii_lowercase().into()),
        Value::Number(number) => {
            let at = usize::try_from(number.as_u64()?.checked_sub(1)?).ok()?;
            TYPES.get(at).map(|name| Value::from(*name))
        }
        other => Some(other),
    }
}

fn count(value: Value) -> Value {
    match value.as_str().and_then(|text| text.parse::<u64>().ok()) {
        Some(number) => number.into(),
        None => value,
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind @ Value::String(_)) = schema.get_mut("type") {
        let name = kind.take();
        *kind = json!([name, "null"]);
        return;
    }
    if let Some(Value::Array(list)) = schema.get_mut("anyOf") {
        list.push(json!({"type": "null"}));
    }
    // Tells `to_openapi` where the last choice comes from.
    schema.insert("nullable".to_owned(), true.into());
}

/// Applies `change` to the schemas right below a keyword.
fn each_below(keyword: &str, value: Value, mut change: impl FnMut(Value) -> Value) -> Value {
    match (keyword, value) {
        ("properties" | "$defs" | "defs", Value::Object(named)) => {
            Value::Object(named.into_iter().map(|(name, schema)| (name, change(schema))).collect())
        }
        ("items" | "additionalProperties", schema @ Value::Object(_)) => change(schema),
        ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
            Value::Array(list.into_iter().map(change).collect())
        }
        (_, value) => value,
    }
}

/// Cuts a JSON Schema to the keywords that are taken. What can be said with those is; a demand beyond them is told to the
/// model in the description and named in the receipt. `at` is the schema's place.
pub(super) fn fit(schema: Value, at: &str, receipt: &mut Receipt) -> Value {
    let mut object = match schema {
        Value::Object(object) => object,
        // Anything goes.
        Value::Bool(true) => return json!({}),
        other => return other,
    };
    restate(&mut object);
    let mut told = Vec::new();
    let mut out = Map::with_capacity(object.len());
    for (key, value) in object {
        if TAKEN.contains(&key.as_str()) {
            let value = fit_below(&key, value, at, receipt);
            out.insert(key, value);
        } else if !REMARKS.contains(&key.as_str()) {
            told.push(format!("{key}: {value}"));
            receipt.dropped(under(at, &key, ""), "not enforced; told to the model in the description");
        } else if matches!(key.as_str(), "default" | "examples" | "example") {
            told.push(format!("{key}: {value}"));
        }
    }
    if !told.is_empty() {
        let before = out.get("description").and_then(Value::as_str);
        let before = before.map_or_else(String::new, |text| format!("{text}\n\n"));
        out.insert("description".to_owned(), format!("{before}{{{}}}", told.join(", ")).into());
    }
    reference_alone(out)
}

/// Cuts the schemas right below a keyword, each by its own place.
fn fit_below(keyword: &str, value: Value, at: &str, receipt: &mut Receipt) -> Value {
    match (keyword, value) {
        ("properties" | "$defs", Value::Object(named)) => {
            let mut out = Map::with_capacity(named.len());
            for (name, schema) in named {
                let place = under(at, keyword, &name);
                out.insert(name, fit(schema, &place, receipt));
            }
            Value::Object(out)
        }
        ("anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
            let list = list.into_iter().enumerate();
            list.map(|(number, schema)| fit(schema, &format!("{at}.{keyword}[{number}]"), receipt)).collect()
        }
        (_, value) => each_below(keyword, value, |schema| fit(schema, &format!("{at}.{keyword}"), receipt)),
    }
}

/// Says with the keywords that are taken what others say exactly.
fn restate(object: &mut Map<String, Value>) {
    if let Some(named) = object.shift_remove("definitions") {
        object.entry("$defs").or_insert(named);
    }
    if let Some(Value::String(target)) = object.get_mut("$ref")
        && let Some(name) = target.strip_prefix("#/definitions/")
    {
        *target = format!("#/$defs/{name}");
    }
    if object.get("const").is_some_and(|only| only.is_string() || only.is_number())
        && let Some(only) = object.shift_remove("const")
    {
        object.insert("enum".to_owned(), json!([only]));
    }
    if let Some(Value::Array(all)) = object.get("allOf")
        && let [Value::Object(only)] = all.as_slice()
        && only.keys().all(|key| !object.contains_key(key))
    {
        let only = only.clone();
        object.shift_remove("allOf");
        object.extend(only);
        return restate(object);
    }
    for (strict, loose, step) in [("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)] {
        let bound = object.get(strict).and_then(Value::as_i64).and_then(|bound| bound.checked_add(step));
        if let Some(bound) = bound.filter(|_| object.get("type").is_some_and(|name| name == "integer"))
            && !object.contains_key(loose)
        {
            object.shift_remove(strict);
            object.insert(loose.to_owned(), bound.into());
        }
    }
    let nullable =
        matches!(object.get("type"), Some(Value::Array(names)) if names.iter().any(|name| name == "null"));
    if nullable && let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// Beside `$ref` nothing may stand but names that begin with a dollar sign: what else there is goes around it.
fn reference_alone(mut object: Map<String, Value>) -> Value {
    if object.contains_key("$ref") && object.keys().any(|key| !key.starts_with('$')) {
        let target = object.shift_remove("$ref").unwrap_or_default();
        let choice = json!({"$ref": target});
        match object.get_mut("anyOf") {
            // Both would have to hold, for which there is no form.
            Some(Value::Array(_)) => {}
            _ => {
                object.insert("anyOf".to_owned(), json!([choice]));
            }
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_becomes_json_schema_and_comes_back() {
        let older = json!({"type": "OBJECT", "required": ["a"], "propertyOrdering": ["a", "b"], "properties": {
            "a": {"type": "STRING", "nullable": true, "format": "enum", "enum": ["x", "y"]},
            "type": {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": 2},
            "b": {"anyOf": [{"type": "INTEGER"}, {"type": "BOOLEAN"}], "nullable": true},
            "c": {"ref": "#/defs/d"}}, "defs": {"d": {"type": "NULL"}}});
        let json_schema = json!({"type": "object", "required": ["a"], "propertyOrdering": ["a", "b"], "properties": {
            "a": {"type": ["string", "null"], "format": "enum", "enum": ["x", "y"]},
            "type": {"type": "array", "items": {"type": "number"}, "minItems": 2},
            "b": {"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}], "nullable": true},
            "c": {"$ref": "#/defs/d"}}, "$defs": {"d": {"type": "null"}}});
        assert_eq!(from_openapi(older.clone()), json_schema);
        assert_eq!(to_openapi(json_schema), older);
    }

    #[test]
    fn other_spellings_are_read() {
        assert_eq!(
            from_openapi(json!({"type": 5, "any_of": [], "min_items": "3", "property_ordering": []})),
            json!({"type": "array", "anyOf": [], "minItems": 3, "propertyOrdering": []})
        );
        assert_eq!(from_openapi(json!({"type": "TYPE_UNSPECIFIED"})), json!({}));
        assert_eq!(from_openapi(json!("x")), json!("x"));
    }

    #[test]
    fn what_is_not_taken_is_restated_or_told() {
        let mut receipt = Receipt::default();
        let given = json!({"$schema": "x", "type": "object", "definitions": {"d": {"const": "one"}}, "properties": {
            "a": {"$ref": "#/definitions/d", "description": "A"},
            "b": {"type": "integer", "exclusiveMinimum": 0, "default": 7},
            "c": {"allOf": [{"$ref": "#/$defs/d"}]},
            "d": {"type": "string", "pattern": "^x", "description": "D"},
            "e": true,
            "pattern": {"type": ["string", "null"], "enum": ["x", null]}}});
        let expected = json!({"type": "object", "$defs": {"d": {"enum": ["one"]}}, "properties": {
            "a": {"description": "A", "anyOf": [{"$ref": "#/$defs/d"}]},
            "b": {"type": "integer", "minimum": 1, "description": "{default: 7}"},
            "c": {"$ref": "#/$defs/d"},
            "d": {"type": "string", "description": "D\n\n{pattern: \"^x\"}"},
            "e": {},
            "pattern": {"type": ["string", "null"], "enum": ["x"]}}});
        assert_eq!(fit(given, "s", &mut receipt), expected);
        assert_eq!(receipt.to_string(), "s.properties.d.pattern");
    }
}
