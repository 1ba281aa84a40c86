//! Finding a member of a JSON text without parsing it.
//!
//! The word is searched for with its quotes. Within a JSON string quotes are escaped, so a hit can only be a whole
//! string of its own, or the end of a longer one; whether it is a member's name the colon behind it tells.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// A word with its quotes, ready to be searched for.
pub(super) type Word = Finder<'static>;

macro_rules! words {
    ($($field:ident $text:literal;)*) => {
        /// The words a watch looks for.
        pub(super) struct Words { $(pub(super) $field: Word,)* }

        /// Built once: preparing a search costs more than searching a frame.
        pub(super) static WORDS: LazyLock<Words> =
            LazyLock::new(|| Words { $($field: Finder::new(concat!("\"", $text, "\"").as_bytes()),)* });
    };
}

words! {
    content "content";
    reasoning_content "reasoning_content";
    reasoning "reasoning";
    arguments "arguments";
    refusal "refusal";
    usage "usage";
    finish_reason "finish_reason";
    error "error";
    kind "type";
    text "text";
    thinking "thinking";
    value "value";
    partial_json "partial_json";
    input "input";
    audio "audio";
    transcript "transcript";
    function_call "functionCall";
    inline_data "inlineData";
    data "data";
    mime_type "mimeType";
    executable_code "executableCode";
    code_result "codeExecutionResult";
    file_data "fileData";
    tool_call "toolCall";
    tool_response "toolResponse";
    usage_metadata "usageMetadata";
    finish_reason_camel "finishReason";
    block_reason "blockReason";
}

/// What stands behind each member of this name, blanks skipped.
pub(super) fn values<'a>(text: &'a [u8], word: &Word) -> impl Iterator<Item = (usize, &'a [u8])> {
    let len = word.needle().len();
    word.find_iter(text).filter_map(move |at| {
        let rest = text[at + len..].trim_ascii_start().strip_prefix(b":")?;
        Some((at, rest.trim_ascii_start()))
    })
}

/// Is there a member of this name that is neither null nor an empty string?
pub(super) fn has_value(text: &[u8], word: &Word) -> bool {
    values(text, word).any(|(_, value)| !value.starts_with(b"null") && !value.starts_with(b"\"\""))
}

/// The length of all string members of this name, escapes counted as they stand.
pub(super) fn text_bytes(text: &[u8], word: &Word) -> u64 {
    let strings = values(text, word).filter_map(|(_, value)| value.strip_prefix(b"\""));
    strings.map(|string| string_len(string) as u64).sum()
}

/// The length of a JSON string up to its closing quote.
pub(super) fn string_len(string: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = string.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        if string[at] == b'"' {
            return at;
        }
        at += 2;
    }
    string.len()
}

/// The name of an Anthropic event: that of the SSE field, or else the first `type` of the data.
pub(super) fn anthropic_event(raw: &[u8]) -> &[u8] {
    let start = raw.trim_ascii_start();
    if let Some(name) = start.strip_prefix(b"event:") {
        let end = memchr2(b'\n', b'\r', name).unwrap_or(name.len());
        return name[..end].trim_ascii();
    }
    let Some((_, value)) = values(raw, &WORDS.kind).next() else { return b"" };
    let Some(name) = value.strip_prefix(b"\"") else { return b"" };
    &name[..memchr(b'"', name).unwrap_or(name.len())]
}
