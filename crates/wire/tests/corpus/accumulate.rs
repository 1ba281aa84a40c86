//! The chunks of a streamed chat completion put together as OpenAI's clients do it, without our decoder.

use serde_json::{Map, Value, json};

/// The whole answer that a stream makes.
pub(crate) fn accumulated(stream: &[u8]) -> Value {
    let text = String::from_utf8_lossy(stream);
    let frames = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let (mut answer, mut choices) = (Map::new(), Vec::<Map<String, Value>>::new());
    for frame in frames.filter_map(|data| serde_json::from_str::<Value>(data).ok()) {
        let Value::Object(mut frame) = frame else { continue };
        let new = frame.remove("choices").unwrap_or_default();
        for padding in ["obfuscation", "p"] {
            frame.remove(padding);
        }
        for name in ["id", "model", "created"] {
            // Frames before the first choice name nothing; later ones repeat.
            let said = frame.remove(name).filter(|value| !matches!(value, Value::Null) && *value != "");
            if new.as_array().is_some_and(|new| !new.is_empty()) || frame.contains_key("usage") {
                said.map(|value| answer.entry(name).or_insert(value));
            }
        }
        frame.into_iter().for_each(|(name, value)| replace(&mut answer, &name, value));
        for choice in new.as_array().into_iter().flatten() {
            let index = usize::try_from(choice["index"].as_u64().unwrap_or_default()).unwrap();
            while choices.len() <= index {
                choices.push(Map::from_iter([("index".to_owned(), json!(choices.len()))]));
            }
            add_choice(&mut choices[index], choice);
        }
    }
    for call in choices.iter_mut().filter_map(|choice| choice.get_mut("message")?.get_mut("tool_calls")) {
        for call in call.as_array_mut().into_iter().flatten() {
            call.as_object_mut().unwrap().remove("at");
        }
    }
    answer.insert("choices".to_owned(), json!(choices));
    Value::Object(answer)
}

fn replace(into: &mut Map<String, Value>, name: &str, value: Value) {
    match (into.get_mut(name), value) {
        (_, Value::Null) => {}
        (_, Value::String(empty)) if empty.is_empty() => {}
        (_, Value::Object(empty)) if empty.is_empty() => {}
        (Some(Value::Object(before)), Value::Object(more)) => before.extend(more),
        (_, value) => {
            into.insert(name.to_owned(), value);
        }
    }
}

fn add_choice(into: &mut Map<String, Value>, choice: &Value) {
    for (name, value) in choice.as_object().unwrap() {
        match (name.as_str(), value) {
            ("index" | "message", _) | (_, Value::Null) => {}
            ("finish_reason", value) if into.contains_key("finish_reason") && *value != "" => {}
            ("delta", delta) => {
                let message = into.entry("message").or_insert(json!({"role": "assistant"}));
                add_message(message.as_object_mut().unwrap(), delta);
            }
            ("logprobs", value) => {
                let logprobs = into.entry("logprobs").or_insert(json!({}));
                for (name, list) in value.as_object().into_iter().flatten() {
                    grow(logprobs.as_object_mut().unwrap(), name, list.clone());
                }
            }
            (name, value) => replace(into, name, value.clone()),
        }
    }
}

fn add_message(message: &mut Map<String, Value>, delta: &Value) {
    for (name, value) in delta.as_object().into_iter().flatten() {
        match name.as_str() {
            "role" => {}
            "content" => content(message, value),
            "tool_calls" => {
                let calls = message.entry("tool_calls").or_insert(json!([])).as_array_mut().unwrap();
                value.as_array().into_iter().flatten().for_each(|delta| call(calls, delta));
            }
            "function_call" => {
                let calls = message.entry("tool_calls").or_insert(json!([])).as_array_mut().unwrap();
                call(calls, &json!({"index": 0, "function": value}));
            }
            "reasoning_details" => {
                let details = message.entry(name).or_insert(json!([])).as_array_mut().unwrap();
                value.as_array().into_iter().flatten().for_each(|entry| detail(details, entry));
            }
            _ => grow(message, name, value.clone()),
        }
    }
}

/// Texts are appended unless they name something, lists extended, objects merged.
fn grow(into: &mut Map<String, Value>, name: &str, value: Value) {
    let names = ["channel", "format", "id", "index", "name", "type"].contains(&name);
    match (into.get_mut(name), value) {
        (_, Value::Null) => {}
        (_, Value::String(empty)) if empty.is_empty() => {}
        (Some(Value::String(before)), Value::String(more)) if !names => before.push_str(&more),
        (Some(Value::Array(before)), Value::Array(more)) => {
            for item in more {
                let same =
                    before.iter_mut().find(|it| !item["index"].is_null() && it["index"] == item["index"]);
                match same {
                    Some(before) => before.as_object_mut().unwrap().extend(item.as_object().unwrap().clone()),
                    None => before.push(item),
                }
            }
        }
        (Some(Value::Object(before)), Value::Object(more)) => {
            more.into_iter().for_each(|(name, value)| grow(before, &name, value));
        }
        (_, value) => {
            into.insert(name.to_owned(), value);
        }
    }
}

/// A string, or blocks of which neighbours of a kind are one.
fn content(message: &mut Map<String, Value>, value: &Value) {
    let blocks = match value {
        Value::String(text) if text.is_empty() => return,
        Value::String(text) => {
            if let Some(Value::String(before)) = message.get_mut("content") {
                return before.push_str(text);
            }
            if message.get("content").is_none_or(Value::is_null) {
                message.insert("content".to_owned(), json!(text));
                return;
            }
            vec![json!({"type": "text", "text": text})]
        }
        Value::Array(blocks) => blocks.clone(),
        _ => return,
    };
    let before = match message.remove("content") {
        Some(Value::Array(before)) => before,
        Some(Value::String(text)) if !text.is_empty() => vec![json!({"type": "text", "text": text})],
        _ => Vec::new(),
    };
    let mut all: Vec<Value> = before;
    for block in blocks {
        let texts = |block: &Value| -> String {
            let parts = block["thinking"].as_array().into_iter().flatten();
            parts.map(|part| part["text"].as_str().unwrap().to_owned()).collect()
        };
        match all.last_mut() {
            Some(last) if last["type"] == "text" && block["type"] == "text" => {
                last["text"] =
                    json!([last["text"].as_str().unwrap(), block["text"].as_str().unwrap()].concat());
            }
            Some(last) if last["type"] == "thinking" && block["type"] == "thinking" => {
                let thinking = [texts(last), texts(&block)].concat();
                last.as_object_mut().unwrap().extend(block.as_object().unwrap().clone());
                last["thinking"] = json!([{"type": "text", "text": thinking}]);
            }
            _ if block["type"] == "text" && block["text"] == "" => {}
            _ => all.push(block),
        }
    }
    message.insert("content".to_owned(), Value::Array(all));
}

fn call(calls: &mut Vec<Value>, delta: &Value) {
    let has_id = delta["id"].as_str().is_some_and(|id| !id.is_empty());
    let named = delta["function"]["name"].as_str().is_some_and(|name| !name.is_empty());
    let at = match delta["index"].as_u64() {
        Some(index) => calls.iter().rposition(|call| call["at"] == index),
        None if has_id => calls.iter().rposition(|call| call["id"] == delta["id"]),
        None if named => None,
        None => calls.len().checked_sub(1),
    };
    let at = at.filter(|at| !(named && has_id && calls[*at]["id"] != delta["id"]));
    let at = at.unwrap_or_else(|| {
        calls.push(json!({"at": delta["index"]}));
        calls.len() - 1
    });
    let call = calls[at].as_object_mut().unwrap();
    for (name, value) in
        delta.as_object().unwrap().iter().filter(|(name, value)| *name != "index" && !value.is_null())
    {
        match name.as_str() {
            "function" | "custom" => {
                let inner = call.entry(name).or_insert(json!({})).as_object_mut().unwrap();
                for (name, value) in value.as_object().unwrap() {
                    match value {
                        Value::String(text) if text.is_empty() && inner.contains_key(name) => {}
                        value => grow(inner, name, value.clone()),
                    }
                }
            }
            "id" if *value == "" && call.contains_key("id") => {}
            name => {
                call.insert(name.to_owned(), value.clone());
            }
        }
    }
}

/// Entries of a type and a number are one.
fn detail(details: &mut Vec<Value>, entry: &Value) {
    let last =
        details.last_mut().filter(|last| last["type"] == entry["type"] && last["index"] == entry["index"]);
    let Some(Value::Object(last)) = last else { return details.push(entry.clone()) };
    entry.as_object().unwrap().iter().for_each(|(name, value)| grow(last, name, value.clone()));
}
