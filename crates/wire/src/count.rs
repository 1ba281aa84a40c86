//! What the dialects of token counts share: the number in an answer. Their requests are in `anthropic/`, `gemini/` and
//! `openai/`.

use contract::words::Dialect;
use serde_json::Value;

use crate::WireError;

/// Reads the count of this name in an answer.
///
/// # Errors
/// There is none.
pub(crate) fn read(dialect: Dialect, body: &[u8], name: &str) -> Result<u64, WireError> {
    let invalid = |reason: String| WireError { dialect, reason };
    let body: Value = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    body.get(name).and_then(Value::as_u64).ok_or_else(|| invalid(format!("no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_or_missed() {
        let read = |body: &[u8]| read(Dialect::AnthropicCount, body, "input_tokens");
        assert_eq!(read(br#"{"input_tokens":7,"more":1}"#).unwrap(), 7);
        for body in [&b"{}"[..], b"[]", b"{", br#"{"input_tokens":-1}"#] {
            assert!(read(body).is_err());
        }
    }
}
