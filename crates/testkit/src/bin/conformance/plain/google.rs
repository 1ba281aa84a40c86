//! Google's APIs: what the JSON form of protocol buffers does not tell apart (protobuf.dev/programming-guides/json).
//!
//! Both spellings of a name are one, and a default is absent. Arguments, results and properties of schemas keep their names.

use serde_json::{Map, Value, json};

/// A request or an answer with its spellings made one.
pub(super) fn plain(mut value: Value) -> Value {
    // A whole request within a request for a count.
    if let Some(inner) = value.get_mut("generateContentRequest").map(Value::take) {
        value["generateContentRequest"] = plain(inner);
    }
    let tools = tools(&value);
    let mut value = spelled(value);
    let Some(body) = value.as_object_mut() else { return value };
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    // The path names the model.
    body.shift_remove("model");
    if let Some(Value::Object(system)) = body.get_mut("systemInstruction") {
        system.shift_remove("role");
    }
    for list in ["contents", "candidates"] {
        for content in body.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let content = if list == "candidates" { &mut content["content"] } else { content };
            let usual = if list == "candidates" { "model" } else { "user" };
            if let Value::Object(content) = content {
                content.entry("role").or_insert_with(|| json!(usual));
            }
        }
    }
    value
}

/// How tools are laid out over entries says nothing: each by itself, functions first.
fn tools(value: &Value) -> Vec<Value> {
    let mut tools = Vec::new();
    for (key, value) in value["tools"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten()
    {
        match (camel(key).as_str(), value) {
            (_, Value::Null) => {}
            ("functionDeclarations", Value::Array(list)) => tools.extend(list.iter().cloned().map(spelled)),
            (name, value) => tools.push(json!({name: [spelled(value.clone())]})),
        }
    }
    tools.sort_by_key(|tool: &Value| tool.get("name").is_none());
    tools
}

fn spelled(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let spell = |(key, value): (String, Value)| {
                let key = camel(&key);
                let value = match key.as_str() {
                    "args" | "labels" | "headers" | "partMetadata" => value,
                    // An object of a result; a schema of a declaration.
                    "response" if value.get("type").is_none_or(|kind| !kind.is_string()) => value,
                    "properties" | "defs" | "$defs" => named(value),
                    "type" | "thinkingLevel" => json!(value.as_str().map(str::to_ascii_lowercase)),
                    _ => spelled(value),
                };
                (key, value)
            };
            object
                .into_iter()
                .map(spell)
                .filter(|(_, value)| !is_default(value))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(list) => list.into_iter().map(spelled).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

/// Schemas by names of the client's own.
fn named(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            object.into_iter().map(|(name, schema)| (name, spelled(schema))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

/// `systemInstruction` for `system_instruction`.
fn camel(name: &str) -> String {
    if let Some(rest) = name.strip_prefix('_') {
        return format!("_{}", camel(rest));
    }
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        all.push_str(letters.as_str());
        all
    })
}
