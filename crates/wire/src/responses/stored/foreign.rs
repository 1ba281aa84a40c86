//! Items of a request that its target cannot know: those that were written here, when another provider had answered, and thoughts
//! that it refused. A server looks up each item that has an id, and reads no thoughts but its own.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use contract::ports::made_stem;
use memchr::memmem::Finder;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::read::INPUT;
use super::{find, spliced};

/// Does a request hold items whose ids were made here? Most hold no ids at all.
#[must_use]
pub fn has_made(body: &[u8]) -> bool {
    static ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"id\""));
    ID.find_iter(body).any(|at| {
        let value = body[at + 4..].trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let inside = value.and_then(|value| value.strip_prefix(b"\""));
        // Ids are short.
        let inside = inside.map(|inside| &inside[..inside.len().min(80)]).unwrap_or_default();
        let end = memchr::memchr(b'"', inside).unwrap_or_default();
        std::str::from_utf8(&inside[..end]).is_ok_and(|id| made_stem(id).is_some())
    })
}

/// The request without what its target cannot know: ids made here and thoughts under them. `all`: without any thoughts, and
/// without the ids of what came with them. None: there is nothing of that kind. Gives whether thoughts were left out.
#[must_use]
pub fn known(body: &Bytes, all: bool) -> Option<(Bytes, bool)> {
    let (range, value) = find(body, INPUT)?;
    let items: Vec<&RawValue> = serde_json::from_slice(value).ok()?;
    let (mut out, mut changed, mut thoughts) = (BytesMut::from(&b"["[..]), false, false);
    for item in items {
        let written = match left(item.get(), all) {
            Left::Same => item.get().to_owned(),
            Left::Other(other) => {
                changed = true;
                other
            }
            Left::Nothing => {
                thoughts = true;
                continue;
            }
        };
        if out.len() > 1 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(written.as_bytes());
    }
    out.extend_from_slice(b"]");
    (changed || thoughts).then(|| (spliced(body, vec![(range, out.freeze())]), thoughts))
}

/// What is left of an item.
enum Left {
    Same,
    Other(String),
    Nothing,
}

fn left(item: &str, all: bool) -> Left {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(item) else { return Left::Same };
    let made = fields.get("id").and_then(Value::as_str).and_then(made_stem).is_some();
    match fields.get("type").and_then(Value::as_str) {
        Some("reasoning") => {
            let sealed = fields.get("encrypted_content").is_some_and(Value::is_string);
            if all || (made && !sealed) { Left::Nothing } else { Left::Same }
        }
        Some("message" | "function_call" | "custom_tool_call") if made || all => {
            match fields.shift_remove("id") {
                Some(_) => Left::Other(Value::Object(fields).to_string()),
                None => Left::Same,
            }
        }
        _ => Left::Same,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(input: &Value, all: bool) -> Option<(Value, bool)> {
        let body = Bytes::from(json!({"model": "m", "input": input, "store": true}).to_string());
        assert!(all || has_made(&body) == known(&body, false).is_some(), "{input}");
        known(&body, all).map(|(body, thoughts)| {
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            (body["input"].take(), thoughts)
        })
    }

    #[test]
    fn what_was_written_here_is_not_looked_up_elsewhere() {
        let question = json!({"role": "user", "content": "hi"});
        let own = json!({"type": "reasoning", "id": "rs_68af_09", "summary": []});
        let sealed = json!({"type": "reasoning", "id": "rs_68af10", "summary": [], "encrypted_content": "x"});
        let ours = json!({"type": "reasoning", "id": "rs_msg_1_pg0", "summary": []});
        let said = json!({"type": "message", "id": "msg_chatcmpl-9_pg1", "role": "assistant", "content": []});
        let called = json!({"type": "function_call", "id": "fc_01_pg2", "call_id": "c_1", "name": "f", "arguments": "{}"});
        let plain = json!({"type": "message", "role": "assistant", "content": []});
        let call = json!({"type": "function_call", "call_id": "c_1", "name": "f", "arguments": "{}"});
        assert_eq!(run(&json!([question, own, sealed]), false), None);
        assert_eq!(run(&json!("hi"), false), None);
        assert_eq!(
            run(&json!([question, own, ours, said, called, sealed]), false),
            Some((json!([question, own, plain, call, sealed]), true))
        );
        assert_eq!(run(&json!([question, said]), false), Some((json!([question, plain]), false)));
        let theirs = json!({"type": "message", "id": "msg_67cc", "role": "assistant", "content": []});
        assert_eq!(
            run(&json!([question, own, sealed, theirs]), true),
            Some((json!([question, plain]), true))
        );
    }
}
