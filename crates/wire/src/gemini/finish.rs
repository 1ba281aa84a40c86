//! Why an answer ended: `finishReason` ↔ canon (API reference: `FinishReason`).

use contract::canon::Finish;
use serde_json::Value;

/// The word of a `finishReason`. Vertex writes the number of its enum when asked to (`enum-encoding=int`); those beyond the
/// first five differ from service to service and stay numbers.
pub(super) fn word(reason: &Value) -> Option<String> {
    match reason {
        Value::String(word) if !word.is_empty() => Some(word.clone()),
        Value::Number(number) => Some(match number.as_u64() {
            Some(0) | None => return None,
            Some(1) => "STOP".to_owned(),
            Some(2) => "MAX_TOKENS".to_owned(),
            Some(3) => "SAFETY".to_owned(),
            Some(4) => "RECITATION".to_owned(),
            Some(5) => "OTHER".to_owned(),
            Some(other) => other.to_string(),
        }),
        _ => None,
    }
}

/// Canon's word. Gemini says `STOP` also when it waits for results of calls.
pub(super) fn read(reason: &str, called: bool) -> Finish {
    match reason {
        "STOP" if called => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        // "Reached the per-request token limit, but generation is not yet complete."
        "MAX_TOKENS" | "CONTINUATION" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "LANGUAGE"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::ContentFilter,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => Finish::MalformedCall,
        other => Finish::Other(other.to_owned()),
    }
}

/// The `finishReason` for canon's word. SDKs know no others than the API reference names.
pub(super) fn write(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence | Finish::ToolCalls | Finish::Pause => "STOP",
        Finish::Length | Finish::ContextWindow => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
        Finish::MalformedCall => "MALFORMED_FUNCTION_CALL",
        Finish::Other(word) if is_word(word) => word,
        Finish::Other(_) => "OTHER",
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The reason to keep beside canon's word, where that would not lead back to it.
pub(super) fn kept(reason: &Value, finish: &Finish) -> Option<Value> {
    (reason != write(finish)).then(|| reason.clone())
}
