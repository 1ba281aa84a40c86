//! What counts as the same. The rules here are the list of documented defaults and of spellings that mean one thing; whatever
//! they do not name must come back as it was.

mod chat;
mod google;

use contract::words::Dialect;
use serde_json::{Map, Value, json};

/// A request or an answer with its spellings made one.
pub(crate) fn plain(dialect: Dialect, value: Value) -> Value {
    let mut value = spoken(value);
    match dialect {
        Dialect::OpenaiChat => chat::plain(&mut value),
        Dialect::OpenaiCompletions => completions(&mut value),
        Dialect::OpenaiResponses | Dialect::OpenaiCount => responses(&mut value),
        Dialect::OpenaiEmbeddings => embeddings(&mut value),
        Dialect::AnthropicMessages | Dialect::AnthropicCount => anthropic(&mut value),
        Dialect::GeminiGenerate | Dialect::GeminiCount | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne => {
            value = google::plain(value);
        }
        Dialect::OllamaChat | Dialect::OllamaGenerate => ollama(&mut value),
        Dialect::BedrockConverse => converse(&mut value),
        Dialect::CohereChat => cohere(&mut value),
        _ => {}
    }
    spoken(value)
}

/// Numbers by value; null, empty lists and empty objects say nothing.
fn spoken(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(spoken).collect()),
        Value::Object(map) => {
            let said = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
            map.into_iter()
                .map(|(key, value)| (key, spoken(value)))
                .filter(|(_, value)| said(value))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other,
    }
}

fn each<'a>(value: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.as_object_mut()
}

fn drop_default(value: &mut Value, field: &str, default: &Value) {
    if value.get(field) == Some(default) {
        object(value).and_then(|map| map.shift_remove(field));
    }
}

fn rename(value: &mut Value, from: &str, to: &str) {
    if let Some(map) = object(value)
        && !map.contains_key(to)
        && let Some(found) = map.shift_remove(from)
    {
        map.insert(to.to_owned(), found);
    }
}

/// One text block says what a string says.
fn one_text(value: &mut Value, field: &str, kind: Option<&str>) {
    let Some(Value::Array(blocks)) = value.get(field) else { return };
    if let [Value::Object(block)] = blocks.as_slice()
        && block.get("type").and_then(Value::as_str) == kind
        && block.len() == usize::from(kind.is_some()) + 1
        && let Some(text @ Value::String(_)) = block.get("text")
    {
        value[field] = text.clone();
    }
}

fn list_of_one(value: &mut Value, field: &str) {
    if let Some(text @ Value::String(_)) = value.get(field) {
        value[field] = json!([text.clone()]);
    }
}

/// Counts of zero say nothing.
fn usage(value: &mut Value, details: &[&str]) {
    let Some(usage) = value.get_mut("usage").and_then(Value::as_object_mut) else { return };
    for name in details {
        if let Some(Value::Object(counts)) = usage.get_mut(*name) {
            counts.retain(|_, count| *count != json!(0.0));
        }
    }
}

fn completions(value: &mut Value) {
    list_of_one(value, "stop");
    for (field, default) in [("stream", json!(false)), ("object", json!("text_completion"))] {
        drop_default(value, field, &default);
    }
    if value.get("stream").is_none() {
        object(value).and_then(|map| map.shift_remove("stream_options"));
    } else {
        value["stream_options"]["include_usage"] = json!(true);
    }
    if let Some(Value::Array(prompts)) = value.get("prompt")
        && let [only @ Value::String(_)] = prompts.as_slice()
    {
        value["prompt"] = only.clone();
    }
    usage(value, &["prompt_tokens_details", "completion_tokens_details"]);
}

/// platform.openai.com/docs/api-reference/embeddings: floats are the default form. A vector's numbers are of four bytes, however
/// many digits are written.
fn embeddings(value: &mut Value) {
    drop_default(value, "encoding_format", &json!("float"));
    for entry in each(value, "data") {
        for number in each(entry, "embedding") {
            *number = json!(number.to_string().parse::<f32>().ok());
        }
    }
}

/// platform.openai.com/docs/api-reference/responses: a string of input is a message of the user, messages need not say that
/// they are messages, `status` of what is sent in says nothing.
fn responses(value: &mut Value) {
    if let Some(Value::String(text)) = value.get("input") {
        value["input"] = json!([{"role": "user", "content": text.clone()}]);
    }
    for (field, default) in [
        ("stream", json!(false)),
        ("parallel_tool_calls", json!(true)),
        ("tool_choice", json!("auto")),
        ("truncation", json!("disabled")),
        ("background", json!(false)),
    ] {
        drop_default(value, field, &default);
    }
    if value.pointer("/text/format") == Some(&json!({"type": "text"})) {
        value.get_mut("text").and_then(object).and_then(|text| text.shift_remove("format"));
    }
    for field in ["input", "output"] {
        for item in each(value, field) {
            drop_default(item, "type", &json!("message"));
            if field == "input" {
                object(item).and_then(|item| item.shift_remove("status"));
            }
            for part in each(item, "content") {
                drop_default(part, "type", &json!("input_text"));
                drop_default(part, "type", &json!("output_text"));
                drop_default(part, "detail", &json!("auto"));
            }
            one_text(item, "content", None);
        }
    }
    usage(value, &["input_tokens_details", "output_tokens_details"]);
}

/// platform.claude.com/docs/en/api/messages: `output_format` is the older place of a schema, parallel calls are the default.
fn anthropic(value: &mut Value) {
    if let Some(format) = object(value).and_then(|map| map.shift_remove("output_format")) {
        value["output_config"]["format"] = format;
    }
    if let Some(choice) = value.get_mut("tool_choice") {
        drop_default(choice, "disable_parallel_tool_use", &json!(false));
    }
    drop_default(value, "stream", &json!(false));
    one_text(value, "system", Some("text"));
    one_text(value, "content", Some("text"));
    for tool in each(value, "tools") {
        drop_default(tool, "type", &json!("custom"));
    }
    for message in each(value, "messages") {
        for block in each(message, "content") {
            one_text(block, "content", Some("text"));
            drop_default(block, "is_error", &json!(false));
            drop_default(block, "content", &json!(""));
        }
        one_text(message, "content", Some("text"));
    }
    if let Some(usage) = value.get_mut("usage").and_then(Value::as_object_mut) {
        usage.retain(|_, count| *count != json!(0.0));
        for split in ["cache_creation", "output_tokens_details", "server_tool_use"] {
            if let Some(Value::Object(counts)) = usage.get_mut(split) {
                counts.retain(|_, count| *count != json!(0.0));
            }
        }
    }
}

fn ollama(value: &mut Value) {
    drop_default(value, "stream", &json!(true));
    for count in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
        object(value).and_then(|map| map.shift_remove(count));
    }
    if let Some(message) = value.get_mut("message") {
        drop_default(message, "content", &json!(""));
        drop_default(message, "thinking", &json!(""));
    }
}

/// docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html: roles take turns, so that neighbours of one role
/// are one message; a schema to answer in is JSON in a string.
fn converse(value: &mut Value) {
    if let Some(Value::Array(messages)) = value.get_mut("messages") {
        messages.dedup_by(|next, message| {
            let joined = next["role"] == message["role"];
            if joined && let Some(Value::Array(content)) = message.get_mut("content") {
                content.extend(next["content"].as_array().cloned().unwrap_or_default());
            }
            joined
        });
    }
    if let Some(schema) = value.pointer_mut("/outputConfig/textFormat/structure/jsonSchema/schema")
        && let Some(parsed) = schema.as_str().and_then(|text| serde_json::from_str(text).ok())
    {
        *schema = parsed;
    }
    if let Some(usage) = value.get_mut("usage").and_then(Value::as_object_mut) {
        usage.retain(|_, count| *count != json!(0.0));
    }
}

fn cohere(value: &mut Value) {
    drop_default(value, "stream", &json!(false));
    for message in each(value, "messages") {
        one_text(message, "content", Some("text"));
    }
    if let Some(message) = value.get_mut("message") {
        one_text(message, "content", Some("text"));
    }
}

/// Numbers by value, nothing else changed.
pub(crate) fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(numbers).collect()),
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, numbers(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Where two values differ first, and how.
pub(crate) fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    differ(ours, theirs, &mut String::new())
}

fn differ(ours: &Value, theirs: &Value, path: &mut String) -> Option<String> {
    let length = path.len();
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let extra = a.keys().filter(|key| !b.contains_key(*key));
            for key in b.keys().chain(extra) {
                path.push('.');
                path.push_str(key);
                let null = Value::Null;
                let found = differ(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), path);
                if found.is_some() {
                    return found;
                }
                path.truncate(length);
            }
            None
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                path.push_str(&format!("[{at}]"));
                let found = differ(a, b, path);
                if found.is_some() {
                    return found;
                }
                path.truncate(length);
            }
            None
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{}: {} instead of {}", path.trim_start_matches('.'), shown(a), shown(b))),
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(120).collect()
}
