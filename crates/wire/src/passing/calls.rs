//! Ids of calls in a request that would pass as it is: those that a model does not take, because another made the calls.
//!
//! A conversation whose first provider failed goes on at the next one. What is done about the ids is `emulate/mistral.rs`.

use std::sync::LazyLock;

use contract::words::Dialect;
use memchr::memmem::Finder;

use crate::emulate::mistral;
use crate::{Lack, Quirks};

/// Does a request of this dialect for this model hold results of calls whose ids the target does not take?
#[must_use]
pub fn has_strange_calls(dialect: Dialect, model: &str, quirks: &Quirks, body: &[u8]) -> bool {
    static RESULT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"tool_call_id\""));
    let is_strange = |at: usize| {
        let value = body[at + RESULT.needle().len()..].trim_ascii_start().strip_prefix(b":");
        let text = value.and_then(|value| value.trim_ascii_start().strip_prefix(b"\""));
        text.is_some_and(|text| {
            let end = memchr::memchr(b'"', text).unwrap_or(text.len());
            !str::from_utf8(&text[..end]).is_ok_and(mistral::fits)
        })
    };
    dialect == Dialect::OpenaiChat
        && mistral::asks_for(Lack::CallIds, model, quirks)
        && RESULT.find_iter(body).any(is_strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_found() {
        let lacks = Quirks { lacks: &[Lack::CallIds], ..Quirks::NONE };
        for (body, strange) in [
            (r#"{"role":"tool","tool_call_id":"call_1","content":"x"}"#, true),
            (r#"{"tool_call_id":"D681PevKs"},{"tool_call_id" : "toolu_1"}"#, true),
            (r#"{"tool_call_id":"D681PevKs"}"#, false),
            (r#"{"tool_call_id":null}"#, false),
            (r#"{"tool_call_id""#, false),
            (r#"{"tool_call_id":"cut"#, true),
            (r#"{"text":"\"tool_call_id\":\"x\""}"#, false),
        ] {
            let found = |dialect, model, quirks| has_strange_calls(dialect, model, quirks, body.as_bytes());
            assert_eq!(found(Dialect::OpenaiChat, "m", &lacks), strange, "{body}");
            assert_eq!(found(Dialect::OpenaiChat, "mistralai/m", &Quirks::NONE), strange, "{body}");
            assert!(!found(Dialect::OpenaiChat, "m", &Quirks::NONE), "{body}");
            assert!(!found(Dialect::AnthropicMessages, "m", &lacks), "{body}");
        }
    }
}
