//! `streamGenerateContent` with thoughts and function calls (ai.google.dev/gemini-api/docs/thought-signatures): the signature
//! stands on the first call of a step.

use serde_json::{Value, json};

use super::{Turn, pieces};
use crate::shapes::data;
use crate::upstream::Reply;

/// The turn as Gemini streams it. Its calls have no ids.
#[must_use]
pub fn gemini(turn: &Turn) -> Reply {
    let tokens = turn.tokens;
    let mut parts: Vec<Value> = Vec::new();
    for piece in turn.thought.as_deref().map(pieces).unwrap_or_default() {
        parts.push(json!({ "text": piece, "thought": true }));
    }
    parts.extend(pieces(&turn.text).into_iter().map(|piece| json!({ "text": piece })));
    for (at, call) in turn.calls.iter().enumerate() {
        let args: Value = serde_json::from_str(&call.arguments).expect("arguments of Gemini are JSON");
        let mut part = json!({ "functionCall": { "name": call.name, "args": args } });
        if at == 0 && turn.thought.is_some() {
            part["thoughtSignature"] = turn.seal.as_str().into();
        }
        parts.push(part);
    }
    let last = parts.len().saturating_sub(1);
    let frame = |(at, part): (usize, Value)| {
        let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": [part] } });
        if at == last {
            candidate["finishReason"] = "STOP".into();
        }
        data(&json!({
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": tokens.input, "cachedContentTokenCount": tokens.cached,
                "candidatesTokenCount": tokens.output - tokens.reasoning,
                "thoughtsTokenCount": tokens.reasoning, "totalTokenCount": tokens.input + tokens.output
            },
            "modelVersion": "m", "responseId": "turn"
        }))
    };
    Reply::sse(parts.into_iter().enumerate().map(frame))
}
