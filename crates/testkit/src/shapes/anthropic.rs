//! Anthropic: messages, their stream events and errors (docs.anthropic.com/en/api/messages, …/streaming, …/errors).

use serde_json::{Value, json};

use super::{Tokens, named};
use crate::upstream::Reply;

const MODEL: &str = "claude-haiku-4-5-20251001";

/// `input_tokens` leaves out what came from the cache.
fn usage(tokens: Tokens, output: u64) -> Value {
    json!({
        "input_tokens": tokens.input - tokens.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": output,
        "service_tier": "standard"
    })
}

fn message(content: &Value, stop: Option<&str>, usage: &Value) -> Value {
    json!({
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": usage
    })
}

/// A whole answer.
#[must_use]
pub fn text(text: &str, tokens: Tokens) -> Value {
    let content = json!([{ "type": "text", "text": text }]);
    message(&content, Some("end_turn"), &usage(tokens, tokens.output))
}

/// A whole answer that calls one tool.
#[must_use]
pub fn tool_call(id: &str, name: &str, input: &Value, tokens: Tokens) -> Value {
    let content = json!([{ "type": "tool_use", "id": id, "name": name, "input": input }]);
    message(&content, Some("tool_use"), &usage(tokens, tokens.output))
}

fn stream(block: &Value, deltas: Vec<Value>, stop: &str, tokens: Tokens) -> Vec<String> {
    let start = message(&json!([]), None, &usage(tokens, 1));
    let mut frames = vec![
        named("message_start", &json!({ "type": "message_start", "message": start })),
        named(
            "content_block_start",
            &json!({ "type": "content_block_start", "index": 0, "content_block": block }),
        ),
        named("ping", &json!({ "type": "ping" })),
    ];
    frames.extend(deltas.into_iter().map(|delta| {
        let event = json!({ "type": "content_block_delta", "index": 0, "delta": delta });
        named("content_block_delta", &event)
    }));
    frames.push(named("content_block_stop", &json!({ "type": "content_block_stop", "index": 0 })));
    let delta = json!({ "stop_reason": stop, "stop_sequence": null });
    let usage = json!({ "output_tokens": tokens.output });
    frames.push(named("message_delta", &json!({ "type": "message_delta", "delta": delta, "usage": usage })));
    frames.push(named("message_stop", &json!({ "type": "message_stop" })));
    frames
}

/// The frames of a streamed answer, one delta per piece of text.
#[must_use]
pub fn text_stream(pieces: &[&str], tokens: Tokens) -> Vec<String> {
    let deltas = pieces.iter().map(|piece| json!({ "type": "text_delta", "text": piece })).collect();
    stream(&json!({ "type": "text", "text": "" }), deltas, "end_turn", tokens)
}

/// The frames of a streamed tool call whose input comes in these pieces of JSON.
#[must_use]
pub fn tool_call_stream(id: &str, name: &str, pieces: &[&str], tokens: Tokens) -> Vec<String> {
    let deltas =
        pieces.iter().map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect();
    stream(&json!({ "type": "tool_use", "id": id, "name": name, "input": {} }), deltas, "tool_use", tokens)
}

/// An error as a body.
fn error_body(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_scripted" })
}

/// An error, as the API answers it.
#[must_use]
pub fn error(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(status, &error_body(kind, message))
}

/// An error as an event within a stream, such as `overloaded_error`.
#[must_use]
pub fn error_frame(kind: &str, message: &str) -> String {
    named("error", &error_body(kind, message))
}

/// The list of models.
#[must_use]
pub fn models(names: &[&str]) -> Value {
    let entry = |name: &&str| json!({ "type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z" });
    json!({
        "data": names.iter().map(entry).collect::<Vec<_>>(),
        "has_more": false,
        "first_id": names.first(),
        "last_id": names.last()
    })
}
