//! A small JSON Schema check: the words of JSON Schema 2020-12 that our document uses, and an error for any other.

use std::sync::LazyLock;

use http::{Method, StatusCode};
use serde_json::Value;

pub(super) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&crate::openapi_json()).unwrap());

/// Checks an answer against what the document says of it; answers to paths outside it must be refusals.
pub(super) fn check_answer(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let Some(operation) = operation(method, path) else {
        assert!(matches!(status.as_u16(), 404 | 405), "{method} {path} is served but not documented");
        return valid(&at("/components/schemas/Error"), body, "error");
    };
    let response = &operation["responses"][status.as_str()];
    assert!(response.is_object(), "{method} {path} may not answer {status}: {body}");
    valid(&response["content"]["application/json"]["schema"], body, "body");
}

fn operation(method: &Method, path: &str) -> Option<Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(want, have)| want.starts_with('{') || want == have)
    };
    // A literal path wins over one with a parameter.
    let found =
        paths.get(path).or_else(|| paths.iter().find(|(name, _)| fits(name)).map(|(_, item)| item))?;
    found.get(method.as_str().to_lowercase()).cloned()
}

fn at(pointer: &str) -> Value {
    DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document")).clone()
}

/// Panics where a value does not follow its schema.
pub(super) fn valid(schema: &Value, value: &Value, path: &str) {
    if let Err(fault) = follows(schema, value, path) {
        panic!("{fault}\nin {value}");
    }
}

fn follows(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Err(format!("{path}: no schema")) };
    for (word, rule) in rules {
        let ok = match word.as_str() {
            "$ref" => return follows(&at(rule.as_str().unwrap().trim_start_matches('#')), value, path),
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "oneOf" => {
                let fitting = rule.as_array().unwrap().iter().filter(|one| follows(one, value, path).is_ok());
                fitting.count() == 1
            }
            "items" => return each(rule, value, path),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.len() as u64 <= rule.as_u64().unwrap()),
            "required" => rule.as_array().unwrap().iter().all(|name| {
                !value[name.as_str().unwrap()].is_null() || value.get(name.as_str().unwrap()).is_some()
            }),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        follows(schema, member, &format!("{path}.{name}"))?;
                    }
                }
                // Answers are closed even where the schema is open for clients: nothing undocumented is sent.
                value.as_object().is_none_or(|members| members.keys().all(|name| rule.get(name).is_some()))
            }
            "format" if rule == "date-time" => {
                value.as_str().is_none_or(|text| text.parse::<contract::words::Timestamp>().is_ok())
            }
            "description"
            | "example"
            | "format"
            | "pattern"
            | "additionalProperties"
            | "default"
            | "title" => true,
            unknown => return Err(format!("{path}: the check does not know '{unknown}'")),
        };
        if !ok {
            return Err(format!("{path}: {value} breaks {word}: {rule}"));
        }
    }
    Ok(())
}

fn each(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().try_for_each(|(at, item)| follows(schema, item, &format!("{path}[{at}]")))
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn the_check_itself_can_fail() {
    let error = serde_json::json!({ "$ref": "#/components/schemas/Error" });
    let good =
        serde_json::json!({ "error": { "code": "a", "message": "b", "param": null, "request_id": "c" } });
    assert_eq!(follows(&error, &good, "x"), Ok(()));
    for (pointer, bad) in [("/error/code", Value::from(1)), ("/error", Value::Null)] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap() = bad;
        assert!(follows(&error, &wrong, "x").is_err(), "{pointer}");
    }
    let mut more = good;
    more["error"]["secret"] = "x".into();
    assert!(follows(&error, &more, "x").is_err());
    assert!(follows(&error, &serde_json::json!({}), "x").is_err());
}
