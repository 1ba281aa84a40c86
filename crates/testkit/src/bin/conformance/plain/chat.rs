//! OpenAI's chat completions and the servers that follow them (platform.openai.com/docs/api-reference/chat).
//!
//! `max_tokens` is the older name of a limit, functions that of tools; tools are functions unless they say; usage is asked for on
//! every stream by the gateway; how hard to think is said in many ways; an absent answer is an empty one.

use serde_json::{Map, Value, json};

use super::{drop_default, each, list_of_one, object, one_text, rename, usage};

/// A request or an answer with its spellings made one.
pub(super) fn plain(value: &mut Value) {
    rename(value, "max_tokens", "max_completion_tokens");
    rename(value, "function_call", "tool_choice");
    if let Some(choice) = value.get_mut("tool_choice").filter(|choice| choice.get("type").is_none())
        && choice.get("name").is_some()
    {
        *choice = json!({"type": "function", "function": choice.take()});
    }
    list_of_one(value, "stop");
    for (field, default) in [
        ("stream", json!(false)),
        ("response_format", json!({"type": "text"})),
        ("object", json!("chat.completion")),
        ("created", json!(0.0)),
        ("tool_choice", json!("auto")),
    ] {
        drop_default(value, field, &default);
    }
    if value.get("messages").is_some() {
        request(value);
    }
    for choice in each(value, "choices") {
        answer(choice);
    }
    usage(value, &["prompt_tokens_details", "completion_tokens_details"]);
}

fn request(value: &mut Value) {
    if value.get("stream").is_none() {
        object(value).and_then(|map| map.shift_remove("stream_options"));
    } else {
        value["stream_options"]["include_usage"] = json!(true);
    }
    if value.get("tool_choice") == Some(&json!("any")) {
        value["tool_choice"] = json!("required");
    }
    if let Some(Value::Object(choice)) = value.get_mut("tool_choice") {
        choice.entry("type").or_insert(json!("function"));
    }
    if let Some(Value::Array(functions)) = object(value).and_then(|map| map.shift_remove("functions")) {
        let tools = functions.into_iter().map(|function| json!({"function": function}));
        value["tools"] = tools.collect();
    }
    for tool in each(value, "tools") {
        object(tool).map(|tool| tool.entry("type").or_insert(json!("function")));
    }
    thinking(value);
    let messages = value.get_mut("messages").and_then(Value::as_array_mut).map(std::mem::take);
    let mut plain: Vec<Value> = messages.unwrap_or_default();
    plain.iter_mut().for_each(message);
    value["messages"] = media_of_tools_behind_them(plain).into();
}

/// Said in one way or another: the level and the budget are compared in canon, by what is asked of other dialects.
fn thinking(value: &mut Value) {
    let Some(body) = object(value) else { return };
    if body.get("reasoning_effort").is_some_and(|level| level != "default") {
        body.shift_remove("reasoning_effort");
    }
    for name in ["enable_thinking", "thinking_budget"] {
        body.shift_remove(name);
    }
    for (name, known) in [
        ("reasoning", &["effort", "max_tokens", "enabled", "exclude"][..]),
        ("thinking", &["type", "budget_tokens"]),
        ("chat_template_kwargs", &["enable_thinking"]),
    ] {
        let Some(Value::Object(inner)) = body.get_mut(name) else { continue };
        inner.retain(|name, _| !known.contains(&name.as_str()));
        if inner.is_empty() {
            body.shift_remove(name);
        }
    }
}

/// A tool's result is text; its pictures follow in a message of the user.
fn media_of_tools_behind_them(messages: Vec<Value>) -> Vec<Value> {
    let (mut out, mut waiting) = (Vec::new(), Vec::new());
    for mut message in messages {
        let tool = message["role"] == "tool";
        if !tool && !waiting.is_empty() {
            out.push(json!({"role": "user", "content": std::mem::take(&mut waiting)}));
        }
        if tool && let Some(Value::Array(blocks)) = message.get_mut("content") {
            let (texts, media) =
                std::mem::take(blocks).into_iter().partition(|block: &Value| block["type"] == "text");
            *blocks = texts;
            waiting.extend::<Vec<Value>>(media);
            one_text(&mut message, "content", Some("text"));
            if message["content"] == json!([]) {
                message["content"] = json!("The result follows in the next message of the user.");
            }
        }
        out.push(message);
    }
    if !waiting.is_empty() {
        out.push(json!({"role": "user", "content": waiting}));
    }
    out
}

fn message(message: &mut Value) {
    one_text(message, "content", Some("text"));
    drop_default(message, "role", &json!("assistant"));
    if message["role"] == "function" {
        message["role"] = json!("tool");
        object(message).and_then(|message| message.shift_remove("name"));
    }
    for block in each(message, "content") {
        if let Some(url @ Value::String(_)) = block.get("image_url") {
            block["image_url"] = json!({"url": url.clone()});
        }
    }
    if let Some(message) = object(message) {
        if message.get("tool_call_id").and_then(Value::as_str).is_some_and(made_up) {
            message.shift_remove("tool_call_id");
        }
        calls(message);
        if message.contains_key("tool_calls") && message.get("content") == Some(&json!("")) {
            message.shift_remove("content");
        }
    }
}

/// Calls have an id, a type and arguments; the older single call is a list of one.
fn calls(message: &mut Map<String, Value>) {
    let unnamed = |call: &Value| call["name"] == "" || call["function"]["name"] == "";
    if let Some(call) = message.shift_remove("function_call").filter(|call| !unnamed(call)) {
        message.insert("tool_calls".to_owned(), json!([{"function": call}]));
    }
    if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
        calls.retain(|call| !unnamed(call));
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            call.entry("type").or_insert(json!("function"));
            call.shift_remove("index");
            let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
            // Made up where a server gives none.
            if made_up(id) {
                call.shift_remove("id");
            }
            let Some(Value::Object(function)) = call.get_mut("function") else { continue };
            if function.get("arguments").is_none_or(|arguments| *arguments == "") {
                function.insert("arguments".to_owned(), json!("{}"));
            }
        }
        if calls.is_empty() {
            message.shift_remove("tool_calls");
        }
    }
}

/// A call without an id gets one, `call_1`, and its result the same.
fn made_up(id: &str) -> bool {
    id.is_empty() || id.starts_with("call_0_") || id.len() < "call_00".len()
}

fn answer(choice: &mut Value) {
    if choice["finish_reason"] == "function_call" {
        choice["finish_reason"] = json!("tool_calls");
    }
    for usual in ["", "stop"] {
        drop_default(choice, "finish_reason", &json!(usual));
    }
    object(choice).and_then(|choice| choice.shift_remove("delta"));
    if let Some(said) = choice.get_mut("message") {
        message(said);
        for empty in ["content", "reasoning_content", "reasoning", "refusal"] {
            drop_default(said, empty, &json!(""));
        }
        if said.get("tool_calls").is_some() {
            drop_default(choice, "finish_reason", &json!("tool_calls"));
        }
    }
}
