//! OpenAI: chat completions, embeddings, models, errors (platform.openai.com/docs/api-reference).

use serde_json::{Value, json};

use super::{Tokens, data};
use crate::upstream::Reply;

const MODEL: &str = "gpt-5-mini-2025-08-07";

fn usage(tokens: Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": { "cached_tokens": tokens.cached, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0
        }
    })
}

fn completion(message: &Value, finish: &str, tokens: Tokens) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_735_689_600,
        "model": MODEL,
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish }],
        "usage": usage(tokens),
        "service_tier": "default",
        "system_fingerprint": "fp_scripted"
    })
}

/// A whole answer.
#[must_use]
pub fn text(text: &str, tokens: Tokens) -> Value {
    let message = json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
    completion(&message, "stop", tokens)
}

/// A whole answer that calls one tool; `arguments` is JSON text.
#[must_use]
pub fn tool_call(id: &str, name: &str, arguments: &str, tokens: Tokens) -> Value {
    let call = json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call], "refusal": null });
    completion(&message, "tool_calls", tokens)
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    data(&json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_735_689_600,
        "model": MODEL,
        "system_fingerprint": "fp_scripted",
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]
    }))
}

fn close(frames: &mut Vec<String>, finish: &str, tokens: Option<Tokens>) {
    frames.push(chunk(&json!({}), Some(finish)));
    if let Some(tokens) = tokens {
        frames.push(data(&json!({
            "id": "chatcmpl-scripted",
            "object": "chat.completion.chunk",
            "created": 1_735_689_600,
            "model": MODEL,
            "system_fingerprint": "fp_scripted",
            "choices": [],
            "usage": usage(tokens)
        })));
    }
    frames.push("data: [DONE]\n\n".to_owned());
}

/// The frames of a streamed answer, one per piece of text; with `tokens` as after `include_usage`.
#[must_use]
pub fn text_stream(pieces: &[&str], tokens: Option<Tokens>) -> Vec<String> {
    let mut frames = vec![chunk(&json!({ "role": "assistant", "content": "", "refusal": null }), None)];
    frames.extend(pieces.iter().map(|piece| chunk(&json!({ "content": piece }), None)));
    close(&mut frames, "stop", tokens);
    frames
}

/// The frames of a streamed tool call whose arguments come in these pieces.
#[must_use]
pub fn tool_call_stream(id: &str, name: &str, pieces: &[&str], tokens: Option<Tokens>) -> Vec<String> {
    let function = json!({ "name": name, "arguments": "" });
    let call = json!({ "index": 0, "id": id, "type": "function", "function": function });
    let mut frames =
        vec![chunk(&json!({ "role": "assistant", "content": null, "tool_calls": [call] }), None)];
    frames.extend(pieces.iter().map(|piece| {
        let call = json!({ "index": 0, "function": { "arguments": piece } });
        chunk(&json!({ "tool_calls": [call] }), None)
    }));
    close(&mut frames, "tool_calls", tokens);
    frames
}

/// An error, as the API answers it.
#[must_use]
pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Reply {
    let error = json!({ "message": message, "type": kind, "param": null, "code": code });
    Reply::json(status, &json!({ "error": error }))
}

/// 429 with the provider's own wait in seconds, when it gives one.
#[must_use]
pub fn rate_limited(retry_after: Option<u32>) -> Reply {
    let reply = error(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached for gpt-5-mini");
    match retry_after {
        Some(seconds) => reply.header("retry-after", &seconds.to_string()),
        None => reply,
    }
}

/// Embeddings of so many inputs, four dimensions each.
#[must_use]
pub fn embeddings(inputs: usize, tokens: u64) -> Value {
    let entry =
        |index| json!({ "object": "embedding", "index": index, "embedding": [0.5, -0.25, 0.125, 1.0] });
    json!({
        "object": "list",
        "data": (0..inputs).map(entry).collect::<Vec<_>>(),
        "model": "text-embedding-3-small",
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens }
    })
}

/// The list of models.
#[must_use]
pub fn models(names: &[&str]) -> Value {
    let entry = |name: &&str| json!({ "id": name, "object": "model", "created": 1_735_689_600, "owned_by": "scripted" });
    json!({ "object": "list", "data": names.iter().map(entry).collect::<Vec<_>>() })
}
