//! Reading a JSON Schema: what the rules that apply to one value say together. Nothing here changes or reports anything.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::suggest::closest;
use super::tree::{Kind, Node};

/// The rules that apply to one value: its schema, what `$ref` and `allOf` add, the branch that was picked.
pub(super) type Facets<'a, 'f> = &'f [&'a Map<String, Value>];

/// The schemas under `oneOf`, `anyOf` or `allOf`.
pub(super) fn branches<'a>(rules: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    rules.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The types a schema names, for itself only.
pub(super) fn type_names(rules: &Map<String, Value>) -> Vec<&str> {
    match rules.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The types that all facets allow; empty when none says anything.
pub(super) fn allowed_types<'a>(facets: Facets<'a, '_>) -> Vec<&'a str> {
    let mut said = facets.iter().map(|rules| type_names(rules)).filter(|names| !names.is_empty());
    let first = said.next().unwrap_or_default();
    said.fold(first, |all, names| all.into_iter().filter(|name| names.contains(name)).collect())
}

/// Is the value of a JSON Schema type?
pub(super) fn is_of(node: &Node, type_name: &str) -> bool {
    match &node.kind {
        Kind::Null => type_name == "null",
        Kind::Bool(_) => type_name == "boolean",
        Kind::Number(number) => type_name == "number" || (type_name == "integer" && !number.is_f64()),
        Kind::Text(_) => type_name == "string",
        Kind::List(_) => type_name == "array",
        Kind::Map(_) => type_name == "object",
    }
}

/// A type as people say it.
pub(super) fn spoken(type_name: &str) -> String {
    match type_name {
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
    .to_owned()
}

/// Joins words, the last two by another word.
pub(super) fn list(words: impl Iterator<Item = String>, last: &str) -> String {
    let words: Vec<String> = words.collect();
    match words.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(", ")),
        Some((end, _)) => end.clone(),
        None => String::new(),
    }
}

/// The schema of a key, or of any other key where those are allowed.
pub(super) fn member<'a>(facets: Facets<'a, '_>, key: &str) -> Option<&'a Value> {
    let named = facets.iter().find_map(|rules| rules.get("properties")?.get(key));
    if named.is_some() {
        return named;
    }
    let keywords = ["additionalProperties", "unevaluatedProperties"];
    let others = facets.iter().flat_map(|rules| keywords.iter().filter_map(|keyword| rules.get(*keyword)));
    let mut open = Some(&Value::Bool(true));
    for other in others {
        match other {
            Value::Bool(true) => {}
            Value::Bool(false) => open = None,
            schema => return Some(schema),
        }
    }
    open
}

/// The message for an unknown key, and the key that was probably meant.
pub(super) fn unknown_key<'a>(
    key: &str,
    facets: Facets<'a, '_>,
    present: &HashSet<String>,
) -> (String, Option<&'a str>) {
    let known: Vec<&'a str> = facets
        .iter()
        .filter_map(|rules| rules.get("properties")?.as_object())
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect();
    let unset = known.iter().copied().filter(|name| !present.contains(*name));
    if let Some(meant) = closest(key, unset).or_else(|| closest(key, known.iter().copied())) {
        return (format!("unknown key `{key}`, did you mean `{meant}`?"), Some(meant));
    }
    if known.is_empty() {
        return (format!("unknown key `{key}`"), None);
    }
    let names = list(known.iter().map(|name| format!("`{name}`")), " and ");
    (format!("unknown key `{key}`; known here: {names}"), None)
}

/// The `format` a text must have; empty when there is none.
pub(super) fn format_of<'a>(facets: Facets<'a, '_>) -> &'a str {
    facets.iter().find_map(|rules| rules.get("format")?.as_str()).unwrap_or_default()
}

pub(super) fn unsigned(facets: Facets<'_, '_>, keyword: &str) -> Option<usize> {
    facets.iter().find_map(|rules| rules.get(keyword)?.as_u64()).and_then(|bound| usize::try_from(bound).ok())
}

pub(super) fn check_number(number: &serde_json::Number, facets: Facets<'_, '_>) -> Result<(), String> {
    let value = number.as_f64().unwrap_or_default();
    let bound = |keyword: &str| facets.iter().find_map(|rules| rules.get(keyword)?.as_f64());
    if let Some(least) = bound("minimum").filter(|least| value < *least) {
        return Err(format!("{number} is too small: at least {least}"));
    }
    if let Some(most) = bound("maximum").filter(|most| value > *most) {
        return Err(format!("{number} is too large: at most {most}"));
    }
    if let Some(least) = bound("exclusiveMinimum").filter(|least| value <= *least) {
        return Err(format!("{number} is too small: more than {least}"));
    }
    Ok(())
}
