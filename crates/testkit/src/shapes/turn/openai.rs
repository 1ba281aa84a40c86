//! Chat completions, with the thoughts that DeepSeek and many servers add (platform.openai.com/docs/api-reference/chat-streaming,
//! api-docs.deepseek.com/guides/thinking_mode).

use serde_json::{Value, json};

use super::{Turn, pieces};
use crate::shapes::data;
use crate::upstream::Reply;

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    data(&json!({
        "id": "chatcmpl-turn", "object": "chat.completion.chunk", "created": 1_735_689_600, "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }]
    }))
}

/// The turn as `/chat/completions` streams it.
#[must_use]
pub fn openai(turn: &Turn) -> Reply {
    let mut frames = vec![chunk(&json!({ "role": "assistant", "content": "" }), None)];
    for piece in turn.thought.as_deref().map(pieces).unwrap_or_default() {
        frames.push(chunk(&json!({ "reasoning_content": piece }), None));
    }
    frames.extend(pieces(&turn.text).iter().map(|piece| chunk(&json!({ "content": piece }), None)));
    for (index, call) in turn.calls.iter().enumerate() {
        let function = json!({ "name": call.name, "arguments": "" });
        let first = json!({ "index": index, "id": call.id, "type": "function", "function": function });
        frames.push(chunk(&json!({ "tool_calls": [first] }), None));
        for piece in pieces(&call.arguments) {
            let more = json!({ "index": index, "function": { "arguments": piece } });
            frames.push(chunk(&json!({ "tool_calls": [more] }), None));
        }
    }
    let finish = if turn.calls.is_empty() { "stop" } else { "tool_calls" };
    frames.push(chunk(&json!({}), Some(finish)));
    let tokens = turn.tokens;
    frames.push(data(&json!({
        "id": "chatcmpl-turn", "object": "chat.completion.chunk", "created": 1_735_689_600, "model": "m",
        "choices": [],
        "usage": {
            "prompt_tokens": tokens.input, "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": { "cached_tokens": tokens.cached },
            "completion_tokens_details": { "reasoning_tokens": tokens.reasoning }
        }
    })));
    frames.push("data: [DONE]\n\n".to_owned());
    Reply::sse(frames)
}
