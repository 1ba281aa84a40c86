//! Unions and compositions of a schema: what is composed becomes one object, and which choices cannot both fit.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The most compositions that are put together from definitions: each copies what it is made of.
pub(super) const MOST: usize = 64;

/// What an object consists of that can be put together with others.
const PLAIN: &[&str] = &["type", "properties", "required", "additionalProperties", "title", "description"];

/// `allOf` becomes one schema where that says the same; otherwise it stays. `merges` counts those made from definitions.
pub(super) fn all(object: &mut Map<String, Value>, root: &Value, merges: &mut usize) {
    while let Some(Value::Array(all)) = object.get("allOf") {
        if let [Value::Object(only)] = all.as_slice()
            && only.keys().all(|key| key == "allOf" || !object.contains_key(key))
        {
            let only = only.clone();
            object.shift_remove("allOf");
            object.extend(only);
            continue;
        }
        let Some(merged) = merged(object, all, root, merges) else { return };
        object.shift_remove("allOf");
        object.extend(merged);
        return;
    }
}

fn merged(
    own: &Map<String, Value>,
    all: &[Value],
    root: &Value,
    merges: &mut usize,
) -> Option<Map<String, Value>> {
    let mut branches = vec![own];
    for branch in all {
        let branch = branch.as_object()?;
        branches.push(match branch.get("$ref") {
            Some(to) if branch.len() == 1 => {
                *merges += 1;
                resolved(to, root).filter(|_| *merges <= MOST)?
            }
            _ => branch,
        });
    }
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (at, branch) in branches.into_iter().enumerate() {
        let plain = |key: &String| PLAIN.contains(&key.as_str()) || at == 0 && is_beside(key);
        if !branch.keys().all(plain) || branch.get("type").is_some_and(|name| name != "object") {
            return None;
        }
        for (name, schema) in branch.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if properties.get(name).is_some_and(|other| other != schema) {
                return None;
            }
            properties.insert(name.clone(), schema.clone());
        }
        required.extend(branch.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
    }
    let mut seen = BTreeSet::new();
    required.retain(|name| seen.insert(name.to_string()));
    let parts = [("type", json!("object")), ("properties", properties.into()), ("required", required.into())];
    Some(parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Keywords that may stand beside a composition, and definitions.
fn is_beside(key: &str) -> bool {
    matches!(key, "allOf" | "$defs" | "definitions" | "$schema" | "$id" | "default" | "examples")
}

/// The definition that is referred to.
pub(super) fn resolved<'a>(reference: &Value, root: &'a Value) -> Option<&'a Map<String, Value>> {
    root.pointer(reference.as_str()?.strip_prefix('#')?)?.as_object()
}

/// Does what fits one of the choices fit no other, so that `anyOf` says what `oneOf` does?
pub(super) fn are_apart(choices: &[Value], root: &Value) -> bool {
    let choices = choices.iter().map(|choice| match choice.get("$ref") {
        Some(to) => resolved(to, root),
        None => choice.as_object(),
    });
    let Some(choices) = choices.collect::<Option<Vec<_>>>() else { return false };
    let types = choices.iter().map(|choice| match choice.get("type").and_then(Value::as_str)? {
        "integer" => Some("number"),
        name => Some(name),
    });
    let mut seen = BTreeSet::new();
    if types.into_iter().all(|name| name.is_some_and(|name| seen.insert(name))) {
        return true;
    }
    let first = choices.first().and_then(|choice| choice.get("properties")?.as_object());
    let names = first.into_iter().flatten().filter(|(_, schema)| !values(schema).is_empty());
    names.take(8).any(|(name, _)| tells_apart(name, &choices))
}

/// Has each of the choices values of its own for this member, which must be there?
fn tells_apart(name: &str, choices: &[&Map<String, Value>]) -> bool {
    let mut seen = BTreeSet::new();
    choices.iter().all(|choice| {
        let required = choice.get("required").and_then(Value::as_array);
        let must = required.is_some_and(|required| required.iter().any(|it| it == name));
        let own = choice.get("properties").and_then(|it| it.get(name)).map(values).unwrap_or_default();
        must && !own.is_empty() && own.into_iter().all(|value| seen.insert(value))
    })
}

/// The only values that are allowed.
fn values(schema: &Value) -> BTreeSet<String> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(only), _) => BTreeSet::from([only.to_string()]),
        (None, Some(Value::Array(values))) => values.iter().map(Value::to_string).collect(),
        _ => BTreeSet::new(),
    }
}
