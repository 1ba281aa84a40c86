//! Taking out of an `openai.chat` or `openai.completions` stream what only our `include_usage` put there: the last chunk,
//! which holds usage and no choices, and the `"usage":null` of the others. Every other byte stays.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::scan::{self, WORDS};
use crate::frames::sse::Frame;

/// Takes it out of frames as they come.
#[derive(Debug, Default)]
pub(super) struct Strip {
    /// A frame that ended in CR was taken out: an LF right behind it goes too.
    swallow_lf: bool,
}

impl Strip {
    /// Appends a raw frame without what is to be taken out.
    pub(super) fn copy(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let (line_end, raw) = raw.split_at(usize::from(raw.starts_with(b"\n")));
        if !std::mem::take(&mut self.swallow_lf) {
            out.extend_from_slice(line_end);
        }
        for (at, value) in scan::values(raw, &WORDS.usage) {
            if !value.starts_with(b"null") {
                if usage_only(raw) {
                    self.swallow_lf = raw.ends_with(b"\r");
                    return;
                }
                continue;
            }
            let end = raw.len() - value.len() + 4;
            if let Some(member) = member(raw, at..end) {
                out.extend_from_slice(&raw[..member.start]);
                out.extend_from_slice(&raw[member.end..]);
                return;
            }
        }
        out.extend_from_slice(raw);
    }
}

/// Is it a chunk with usage and an empty list of choices?
fn usage_only(raw: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: Option<IgnoredAny>,
    }
    let Some(frame) = Frame::parse(raw) else { return false };
    serde_json::from_slice::<Chunk>(&frame.data)
        .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

/// The member at `at`, name to value, with the comma that goes when it goes; none if it is not a member of the frame's
/// own object.
fn member(raw: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if !at_top(&raw[at.end..]) {
        return None;
    }
    let before = raw[..at.start].trim_ascii_end();
    match before.last()? {
        b',' => Some(before.len() - 1..at.end),
        b'{' => {
            let after = raw[at.end..].trim_ascii_start();
            let after = after.strip_prefix(b",").unwrap_or(after);
            Some(at.start..raw.len() - after.len())
        }
        _ => None,
    }
}

/// Does this text, which follows a member, close just one object?
fn at_top(mut rest: &[u8]) -> bool {
    let mut depth = 1_i32;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => rest = rest.get(scan::string_len(rest) + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    depth == 0
}
