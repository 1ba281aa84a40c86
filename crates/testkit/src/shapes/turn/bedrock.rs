//! `ConverseStream` and `InvokeModelWithResponseStream` (docs.aws.amazon.com/bedrock/latest/APIReference,
//! docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html for the framing).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Turn, anthropic, pieces};
use crate::upstream::Reply;

/// A message of `application/vnd.amazon.eventstream`.
fn message(event: &str, payload: &Value) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.push(u8::try_from(name.len()).expect("a short name"));
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |of: usize| u32::try_from(of).expect("a short message").to_be_bytes();
    let mut out = Vec::new();
    out.extend(length(16 + headers.len() + payload.len()));
    out.extend(length(headers.len()));
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload.as_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

fn stream(frames: &[Vec<u8>]) -> Reply {
    Reply::text(200, "application/vnd.amazon.eventstream", frames.concat())
}

/// The turn as Converse streams it. Blocks of text and thoughts have no start.
#[must_use]
pub fn converse(turn: &Turn) -> Reply {
    let mut frames = vec![message("messageStart", &json!({ "role": "assistant" }))];
    let mut index = 0;
    let mut block = |start: Option<Value>, deltas: Vec<Value>| {
        if let Some(start) = start {
            frames.push(message("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start })));
        }
        for delta in deltas {
            frames.push(message("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta })));
        }
        frames.push(message("contentBlockStop", &json!({ "contentBlockIndex": index })));
        index += 1;
    };
    if let Some(thought) = &turn.thought {
        let text = |piece| json!({ "reasoningContent": { "text": piece } });
        let mut deltas: Vec<Value> = pieces(thought).into_iter().map(text).collect();
        deltas.push(json!({ "reasoningContent": { "signature": turn.seal } }));
        block(None, deltas);
    }
    if !turn.text.is_empty() {
        block(None, pieces(&turn.text).into_iter().map(|piece| json!({ "text": piece })).collect());
    }
    for call in &turn.calls {
        let start = json!({ "toolUse": { "toolUseId": call.id, "name": call.name } });
        let delta = |piece| json!({ "toolUse": { "input": piece } });
        block(Some(start), pieces(&call.arguments).into_iter().map(delta).collect());
    }
    let stop = if turn.calls.is_empty() { "end_turn" } else { "tool_use" };
    frames.push(message("messageStop", &json!({ "stopReason": stop })));
    let tokens = turn.tokens;
    let usage = json!({
        "inputTokens": tokens.input - tokens.cached, "outputTokens": tokens.output,
        "cacheReadInputTokens": tokens.cached, "cacheWriteInputTokens": 0,
        "totalTokens": tokens.input + tokens.output
    });
    frames.push(message("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 5 } })));
    stream(&frames)
}

/// The turn as Claude's own events within `InvokeModelWithResponseStream`.
#[must_use]
pub fn invoke(turn: &Turn) -> Reply {
    let chunk =
        |event: &Value| message("chunk", &json!({ "bytes": BASE64_STANDARD.encode(event.to_string()) }));
    stream(&anthropic::events(turn).iter().map(chunk).collect::<Vec<_>>())
}
