//! Messages with thinking and tools (platform.claude.com/docs/en/build-with-claude/streaming).

use serde_json::{Value, json};

use super::{Turn, pieces};
use crate::shapes::named;
use crate::upstream::Reply;

/// The events, each with its data.
pub(super) fn events(turn: &Turn) -> Vec<Value> {
    let tokens = turn.tokens;
    let usage = json!({
        "input_tokens": tokens.input - tokens.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": tokens.cached, "output_tokens": 1
    });
    let message = json!({
        "id": "msg_turn", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage
    });
    let mut events = vec![json!({ "type": "message_start", "message": message })];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        let delta = |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta });
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({ "type": "content_block_stop", "index": index }));
        index += 1;
    };
    if let Some(thought) = &turn.thought {
        let mut deltas: Vec<Value> = pieces(thought)
            .into_iter()
            .map(|piece| json!({ "type": "thinking_delta", "thinking": piece }))
            .collect();
        deltas.push(json!({ "type": "signature_delta", "signature": turn.seal }));
        block(json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas);
    }
    if !turn.text.is_empty() {
        let delta = |piece| json!({ "type": "text_delta", "text": piece });
        block(json!({ "type": "text", "text": "" }), pieces(&turn.text).into_iter().map(delta).collect());
    }
    for call in &turn.calls {
        let start = json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} });
        let delta = |piece| json!({ "type": "input_json_delta", "partial_json": piece });
        block(start, pieces(&call.arguments).into_iter().map(delta).collect());
    }
    let stop = if turn.calls.is_empty() { "end_turn" } else { "tool_use" };
    events.push(json!({
        "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null },
        "usage": { "output_tokens": tokens.output }
    }));
    events.push(json!({ "type": "message_stop" }));
    events
}

/// The turn as `/v1/messages` streams it.
#[must_use]
pub fn anthropic(turn: &Turn) -> Reply {
    let frame = |event: &Value| named(event["type"].as_str().unwrap_or_default(), event);
    Reply::sse(events(turn).iter().map(frame))
}
