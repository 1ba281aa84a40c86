//! Gemini: generateContent, its stream (`alt=sse`), embedContent and errors (ai.google.dev/api/generate-content).

use serde_json::{Value, json};

use super::{Tokens, data};
use crate::upstream::Reply;

const MODEL: &str = "gemini-2.5-flash";

/// `candidatesTokenCount` leaves out thoughts.
fn usage(tokens: Tokens) -> Value {
    json!({
        "promptTokenCount": tokens.input,
        "cachedContentTokenCount": tokens.cached,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": tokens.input + tokens.output
    })
}

fn response(part: &Value, finish: Option<&str>, tokens: Tokens) -> Value {
    let mut candidate = json!({ "index": 0, "content": { "role": "model", "parts": [part] } });
    if let Some(reason) = finish {
        candidate["finishReason"] = reason.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(tokens),
        "modelVersion": MODEL,
        "responseId": "scripted"
    })
}

/// A whole answer.
#[must_use]
pub fn text(text: &str, tokens: Tokens) -> Value {
    response(&json!({ "text": text }), Some("STOP"), tokens)
}

/// A whole answer that calls one function. Gemini says `STOP` then too.
#[must_use]
pub fn tool_call(name: &str, args: &Value, tokens: Tokens) -> Value {
    response(&json!({ "functionCall": { "name": name, "args": args } }), Some("STOP"), tokens)
}

/// The frames of a streamed answer, one per piece of text; the last one says why it ended. Every frame carries the usage so far.
#[must_use]
pub fn text_stream(pieces: &[&str], tokens: Tokens) -> Vec<String> {
    let last = pieces.len().saturating_sub(1);
    let frame = |(index, piece): (usize, &&str)| {
        let finish = (index == last).then_some("STOP");
        data(&response(&json!({ "text": piece }), finish, tokens))
    };
    pieces.iter().enumerate().map(frame).collect()
}

/// The one frame of a streamed function call: Gemini sends its arguments whole.
#[must_use]
pub fn tool_call_stream(name: &str, args: &Value, tokens: Tokens) -> Vec<String> {
    vec![data(&tool_call(name, args, tokens))]
}

/// An error, as the API answers it; `status` is a word such as `RESOURCE_EXHAUSTED`.
#[must_use]
pub fn error(code: u16, status: &str, message: &str) -> Reply {
    Reply::json(code, &json!({ "error": { "code": code, "message": message, "status": status } }))
}

/// 429 with the wait as Google gives it: a `RetryInfo` detail, not a header.
#[must_use]
pub fn rate_limited(seconds: u32) -> Reply {
    let retry = json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{seconds}s")
    });
    let error = json!({
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [retry]
    });
    Reply::json(429, &json!({ "error": error }))
}

/// Embeddings of so many inputs (`batchEmbedContents`), four dimensions each.
#[must_use]
pub fn embeddings(inputs: usize) -> Value {
    let entry = json!({ "values": [0.5, -0.25, 0.125, 1.0] });
    json!({ "embeddings": vec![entry; inputs] })
}

/// The list of models.
#[must_use]
pub fn models(names: &[&str]) -> Value {
    let entry = |name: &&str| {
        json!({
            "name": format!("models/{name}"),
            "displayName": name,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"]
        })
    };
    json!({ "models": names.iter().map(entry).collect::<Vec<_>>() })
}
