//! Thoughts in a request that would pass as it is: those that nobody signed, which no provider of the dialect takes, and whether
//! there are any at all.
//!
//! A client that was answered by another provider has thoughts without a signature: its dialect wants the field, and there is
//! nothing to put into it.

use std::sync::LazyLock;

use contract::words::Dialect;
use memchr::memmem::{Finder, find};

/// Does a request of this dialect hold thoughts that it takes signed only, and that nobody signed?
#[must_use]
pub fn has_unsigned(dialect: Dialect, body: &[u8]) -> bool {
    static SIGNATURE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"signature\""));
    dialect == Dialect::AnthropicMessages
        && SIGNATURE.find_iter(body).any(|at| {
            let value = body[at + SIGNATURE.needle().len()..].trim_ascii_start().strip_prefix(b":");
            value.is_some_and(|value| value.trim_ascii_start().starts_with(b"\"\""))
        })
}

/// Does a request of this dialect hold thoughts?
#[must_use]
pub fn has_thoughts(dialect: Dialect, body: &[u8]) -> bool {
    let words: &[&str] = match dialect {
        Dialect::AnthropicMessages => &["\"signature\"", "\"redacted_thinking\""],
        Dialect::OpenaiResponses => &["\"encrypted_content\"", "\"rs_"],
        _ => &[],
    };
    words.iter().any(|word| find(body, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_that_nobody_signed_are_found() {
        let dialect = Dialect::AnthropicMessages;
        for (body, unsigned) in [
            (r#"{"type":"thinking","thinking":"t","signature":""}"#, true),
            (r#"{"type":"thinking","thinking":"t","signature" : "" }"#, true),
            (r#"{"type":"thinking","thinking":"t","signature":"EqQ"}"#, false),
            (r#"{"text":"\"signature\":\"\""}"#, false),
            (r#"{"text":"signature"}"#, false),
        ] {
            assert_eq!(has_unsigned(dialect, body.as_bytes()), unsigned, "{body}");
            assert!(!has_unsigned(Dialect::OpenaiChat, body.as_bytes()));
        }
    }
}
