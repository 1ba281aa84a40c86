//! What a dialect's round trip does not keep: the list of defaults.

use contract::canon::{PartKind, Reply};
use serde_json::{Map, Value, json};

pub(crate) fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Numbers by value, nulls and empty arrays gone: neither says anything.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(map) => {
            let said = |value: &Value| !value.is_null() && *value != json!([]);
            Value::Object(
                map.into_iter()
                    .map(|(key, value)| (key, plain(value)))
                    .filter(|(_, value)| said(value))
                    .collect(),
            )
        }
        other => other,
    }
}

fn set(map: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = map.remove(from) {
        map.insert(to.to_owned(), value);
    }
}

/// A request as canon gives it back: one name for the output limit, lists in one form, usage asked for on streams,
/// defaults left out.
pub(crate) fn plain_request(body: Value) -> Value {
    let Value::Object(mut body) = plain(body) else { panic!("not an object") };
    set(&mut body, "max_tokens", "max_completion_tokens");
    if let Some(Value::String(stop)) = body.get("stop") {
        body["stop"] = json!([stop]);
    }
    if body.get("tool_choice") == Some(&json!("any")) {
        body["tool_choice"] = json!("required");
    }
    if let Some(Value::Object(choice)) = body.get_mut("tool_choice") {
        choice.entry("type").or_insert(json!("function"));
    }
    for tool in body.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        tool.as_object_mut().unwrap().entry("type").or_insert(json!("function"));
    }
    if body.get("stream") == Some(&json!(false)) {
        body.remove("stream");
        body.remove("stream_options");
    }
    if body.get("stream") == Some(&json!(true)) {
        body.entry("stream_options").or_insert(json!({}))["include_usage"] = json!(true);
    }
    if body.get("response_format") == Some(&json!({"type": "text"})) {
        body.remove("response_format");
    }
    plain_thinking(&mut body);
    for message in body.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
        plain_message(message);
    }
    Value::Object(body)
}

/// How hard to think is compared in canon's form: the ways to say it are many.
fn plain_thinking(body: &mut Map<String, Value>) {
    if body.get("reasoning_effort").is_some_and(|level| level != "default") {
        body.remove("reasoning_effort");
    }
    body.remove("enable_thinking");
    body.remove("thinking_budget");
    for (name, known) in [
        ("reasoning", &["effort", "max_tokens", "enabled", "exclude"][..]),
        ("thinking", &["type", "budget_tokens"]),
    ] {
        let Some(Value::Object(inner)) = body.get_mut(name) else { continue };
        inner.retain(|name, _| !known.contains(&name.as_str()));
        if inner.is_empty() {
            body.remove(name);
        }
    }
}

fn plain_message(message: &mut Value) {
    if let Some([Value::Object(block)]) = message["content"].as_array().map(Vec::as_slice)
        && block.len() == 2
        && block["type"] == "text"
    {
        message["content"] = block["text"].clone();
    }
    for block in message["content"].as_array_mut().into_iter().flatten() {
        if let Some(url @ Value::String(_)) = block.get("image_url") {
            let url = url.clone();
            block["image_url"] = json!({"url": url});
        }
    }
    let message = message.as_object_mut().unwrap();
    message.retain(|_, value| !value.is_null());
    for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        if call["function"]["arguments"] == "" {
            call["function"]["arguments"] = json!("{}");
        }
    }
}

/// Counts that canon has words for are compared in canon's form; figures of 0 say nothing.
fn plain_usage(usage: &mut Value) {
    let Value::Object(usage) = usage else { return };
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        usage.remove(name);
    }
    for (name, known) in [
        ("prompt_tokens_details", &["cached_tokens", "audio_tokens", "cache_write_tokens"][..]),
        ("completion_tokens_details", &["reasoning_tokens", "audio_tokens"]),
    ] {
        if let Some(Value::Object(details)) = usage.get_mut(name) {
            details.retain(|name, _| !known.contains(&name.as_str()));
        }
    }
    without_zeros(usage);
}

fn without_zeros(map: &mut Map<String, Value>) {
    map.retain(|_, value| {
        if let Value::Object(inner) = value {
            without_zeros(inner);
        }
        *value != json!(0.0) && *value != json!({})
    });
}

/// A reply as canon gives it back. Usage is compared in canon's form.
pub(crate) fn plain_reply(body: Value) -> Value {
    let Value::Object(mut body) = plain(body) else { panic!("not an object") };
    for constant in ["object", "created"] {
        body.remove(constant);
    }
    body.get_mut("usage").map(plain_usage);
    if body.get("usage") == Some(&json!({})) {
        body.remove("usage");
    }
    for choice in body.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        let choice = choice.as_object_mut().unwrap();
        choice.remove("delta");
        if choice.get("logprobs") == Some(&json!({})) {
            choice.remove("logprobs");
        }
        choice.entry("finish_reason").or_insert(json!(""));
        if choice["finish_reason"] == "function_call" {
            choice["finish_reason"] = json!("tool_calls");
        }
        let called = choice["message"].get("tool_calls").is_some();
        if choice["finish_reason"] == "" {
            choice["finish_reason"] = json!(if called { "tool_calls" } else { "stop" });
        }
        let message = choice["message"].as_object_mut().unwrap();
        for (name, at) in [("tool_calls", "/0/function/name"), ("function_call", "/name")] {
            if message.get(name).and_then(|call| call.pointer(at)) == Some(&json!("")) {
                message.remove(name);
            }
        }
        message.retain(|_, value| *value != json!([]));
        message.retain(|_, value| *value != json!(""));
        plain_calls(message);
    }
    Value::Object(body)
}

fn plain_calls(message: &mut Map<String, Value>) {
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten();
    for (at, call) in calls.enumerate() {
        if call.get("function").is_some() {
            if call["id"].as_str().is_none_or(str::is_empty) {
                call["id"] = json!(format!("call_0_{at}"));
            }
            call["type"] = json!("function");
            call["function"]["arguments"] =
                json!(call["function"]["arguments"].as_str().filter(|text| !text.is_empty()).unwrap_or("{}"));
        }
    }
    if let Some(call) = message.remove("function_call") {
        message.insert(
            "tool_calls".to_owned(),
            json!([{"id": "call_0_0", "type": "function", "function": call}]),
        );
    }
}

/// An answer as a stream and as a whole: parts by their kind, since a stream tells them as they come and an answer by field;
/// numbers of calls are places on a stream.
pub(crate) fn plain_canon(mut reply: Reply) -> Reply {
    for choice in &mut reply.choices {
        choice.parts.sort_by_key(|part| match &part.kind {
            PartKind::Reasoning(_) => 0,
            PartKind::Text(_) => 1,
            PartKind::Refusal(_) => 2,
            PartKind::ToolCall { .. } => 4,
            _ => 3,
        });
        choice.parts.dedup_by(|part, before| {
            if part.native != before.native || !part.citations.is_empty() {
                return false;
            }
            match (&mut before.kind, &part.kind) {
                (PartKind::Reasoning(before), PartKind::Reasoning(more))
                | (PartKind::Text(before), PartKind::Text(more)) => before.push_str(more),
                _ => return false,
            }
            true
        });
    }
    reply
}
