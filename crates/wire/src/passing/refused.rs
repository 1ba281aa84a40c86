//! Fields that a target refuses, taken out of a body that otherwise passes as it is.
//!
//! What says nothing (`null`, `false`, an empty list, one answer) is no loss. Which fields these are is data of the provider kinds.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::Receipt;

use crate::passing::splice::{Edits, named, splice};

/// The body without these outermost members; the receipt names those that said something. Everything else is the client's own
/// bytes.
#[must_use]
pub fn without(body: VecDeque<Bytes>, fields: &[&str], receipt: &mut Receipt) -> VecDeque<Bytes> {
    if fields.is_empty() {
        return body;
    }
    let found = named(&body, fields);
    if found.is_empty() {
        return body;
    }
    for (name, value) in &found {
        if !says_nothing(name, value) {
            receipt.dropped((*name).to_owned(), "the provider refuses this field");
        }
    }
    let drops: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    splice(body, &Edits { drops: &drops, ..Edits::default() })
}

fn says_nothing(name: &str, value: &[u8]) -> bool {
    let inside = |open: u8, close: u8| {
        let inside = value.strip_prefix(&[open]).and_then(|rest| rest.strip_suffix(&[close]));
        inside.is_some_and(|inside| inside.trim_ascii().is_empty())
    };
    matches!(value, b"null" | b"false" | b"\"\"")
        || inside(b'[', b']')
        || inside(b'{', b'}')
        || (name == "n" && value == b"1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(body: &str, fields: &[&str]) -> (String, String) {
        let mut receipt = Receipt::default();
        let out = without([Bytes::copy_from_slice(body.as_bytes())].into(), fields, &mut receipt);
        let out = out.iter().flatten().copied().collect();
        (String::from_utf8(out).unwrap(), receipt.to_string())
    }

    #[test]
    fn refused_fields_are_taken_out_and_named() {
        let body = r#"{ "model":"m","user":"u", "messages": [ {"user":1} ],"seed":7 }"#;
        let out = r#"{"model":"m","messages":[ {"user":1} ]}"#;
        assert_eq!(run(body, &["user", "seed", "n"]), (out.to_owned(), "user, seed".to_owned()));
    }

    #[test]
    fn what_says_nothing_is_no_loss() {
        let body = r#"{"n":1,"store":false,"user":null,"tools":[ ],"metadata":{},"x":1}"#;
        let all = ["n", "store", "user", "tools", "metadata"];
        assert_eq!(run(body, &all), (r#"{"x":1}"#.to_owned(), String::new()));
        assert_eq!(run(r#"{"n":2}"#, &all), ("{}".to_owned(), "n".to_owned()));
    }

    #[test]
    fn without_them_the_body_stays_byte_for_byte() {
        for body in [r#"{ "a" : 1 , "b":{"user":1}}"#, "[\"user\"]", "{", ""] {
            assert_eq!(run(body, &["user"]), (body.to_owned(), String::new()));
            assert_eq!(run(body, &[]), (body.to_owned(), String::new()));
        }
    }
}
