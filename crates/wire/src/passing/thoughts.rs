//! Thoughts and citations in a request that would pass as it is: those that nobody signed, which no provider of the dialect takes,
//! and whether there are thoughts at all.
//!
//! A client that was answered by another provider has them without a signature: its dialect wants the field, and there is nothing
//! to put into it.

use std::sync::LazyLock;

use contract::words::Dialect;
use memchr::memmem::{Finder, find};

/// Does a request of this dialect hold thoughts or citations that it takes signed only, and that nobody signed?
pub(crate) fn has_unsigned(dialect: Dialect, body: &[u8]) -> bool {
    static SIGNED: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new(b"\"signature\""), Finder::new(b"\"encrypted_index\"")]);
    let empty = |signature: &Finder<'_>| {
        signature.find_iter(body).any(|at| {
            let value = body[at + signature.needle().len()..].trim_ascii_start().strip_prefix(b":");
            value.is_some_and(|value| value.trim_ascii_start().starts_with(b"\"\""))
        })
    };
    dialect == Dialect::AnthropicMessages && SIGNED.iter().any(empty)
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
    fn what_nobody_signed_is_found() {
        let dialect = Dialect::AnthropicMessages;
        for (body, unsigned) in [
            (r#"{"type":"thinking","thinking":"t","signature":""}"#, true),
            (r#"{"type":"thinking","thinking":"t","signature" : "" }"#, true),
            (r#"{"type":"thinking","thinking":"t","signature":"EqQ"}"#, false),
            (r#"{"text":"\"signature\":\"\""}"#, false),
            (r#"{"text":"signature"}"#, false),
            (r#"{"type":"web_search_result_location","encrypted_index":""}"#, true),
            (r#"{"type":"web_search_result_location","encrypted_index":"Eo8"}"#, false),
        ] {
            assert_eq!(has_unsigned(dialect, body.as_bytes()), unsigned, "{body}");
            assert!(!has_unsigned(Dialect::OpenaiChat, body.as_bytes()));
        }
    }
}
