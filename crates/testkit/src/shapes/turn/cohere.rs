//! Chat, version 2 (docs.cohere.com/v2/docs/streaming, .../docs/reasoning): calls have ids, thoughts no seal.

use serde_json::{Value, json};

use super::{Turn, pieces};
use crate::shapes::named;
use crate::upstream::Reply;

/// The turn as `/v2/chat` streams it.
#[must_use]
pub fn cohere(turn: &Turn) -> Reply {
    let mut events = vec![
        json!({ "type": "message-start", "id": "turn", "delta": { "message": { "role": "assistant", "content": [] } } }),
    ];
    let mut index = 0;
    let mut block = |kind: &str, text: &str| {
        let delta = |content: Value| json!({ "message": { "content": content } });
        events.push(json!({ "type": "content-start", "index": index, "delta": delta(json!({ "type": kind, kind: "" })) }));
        for piece in pieces(text) {
            events.push(
                json!({ "type": "content-delta", "index": index, "delta": delta(json!({ kind: piece })) }),
            );
        }
        events.push(json!({ "type": "content-end", "index": index }));
        index += 1;
    };
    if let Some(thought) = &turn.thought {
        block("thinking", thought);
    }
    if !turn.text.is_empty() {
        block("text", &turn.text);
    }
    for (index, call) in turn.calls.iter().enumerate() {
        let function = json!({ "name": call.name, "arguments": "" });
        let made = json!({ "id": call.id, "type": "function", "function": function });
        events.push(json!({ "type": "tool-call-start", "index": index, "delta": { "message": { "tool_calls": made } } }));
        for piece in pieces(&call.arguments) {
            let more = json!({ "message": { "tool_calls": { "function": { "arguments": piece } } } });
            events.push(json!({ "type": "tool-call-delta", "index": index, "delta": more }));
        }
        events.push(json!({ "type": "tool-call-end", "index": index }));
    }
    let tokens = turn.tokens;
    let usage = json!({
        "billed_units": { "input_tokens": tokens.input, "output_tokens": tokens.output },
        "tokens": { "input_tokens": tokens.input, "output_tokens": tokens.output },
        "cached_tokens": tokens.cached
    });
    let finish = if turn.calls.is_empty() { "COMPLETE" } else { "TOOL_CALL" };
    events.push(
        json!({ "type": "message-end", "id": "turn", "delta": { "finish_reason": finish, "usage": usage } }),
    );
    Reply::sse(events.iter().map(|event| named(event["type"].as_str().unwrap_or_default(), event)))
}
