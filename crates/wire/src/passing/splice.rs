//! Edits of the outermost members of a body that is otherwise passed through: names changed, members taken out or put in.
//!
//! Values are slices of the client's own buffer. It knows no field of any dialect: `providers` say which. A body that is
//! not an object, or has a name with an escape that stands for no character, stays as it is: its reader will complain.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::json::{self, Member, Outer};

/// What to change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edits<'a> {
    /// Names to write instead of others; where the new name stands already, the old one is left alone.
    pub renames: &'a [(&'a str, &'a str)],
    /// Members to take out.
    pub drops: &'a [&'a str],
    /// Members to put in, with their JSON values; they replace those of the same name.
    pub puts: &'a [(&'a str, &'a str)],
}

impl Edits<'_> {
    /// Does a text that has none of these names need no edit?
    fn can_skip(&self, body: &VecDeque<Bytes>) -> bool {
        let mut names = self.renames.iter().map(|(from, _)| from).chain(self.drops);
        let has =
            |name: &str| body.iter().any(|piece| memchr::memmem::find(piece, name.as_bytes()).is_some());
        self.puts.is_empty() && !names.any(|name| has(name))
    }

    fn takes_out(&self, name: &[u8]) -> bool {
        let put = self.puts.iter().any(|(put, _)| put.as_bytes() == name);
        put || self.drops.iter().any(|dropped| dropped.as_bytes() == name)
    }
}

/// The body with its outermost members edited.
#[must_use]
pub fn splice(body: VecDeque<Bytes>, edits: &Edits<'_>) -> VecDeque<Bytes> {
    if edits.can_skip(&body) {
        return body;
    }
    let whole = joined(body);
    match edited(&whole, edits) {
        Some(pieces) => pieces,
        None => VecDeque::from([whole]),
    }
}

/// The value of an outermost member, as it stands; the last where there are several. None where there is none, or no object.
#[must_use]
pub fn member(body: &VecDeque<Bytes>, name: &str) -> Option<Bytes> {
    let edits = Edits { drops: &[name], ..Edits::default() };
    if edits.can_skip(body) {
        return None;
    }
    let whole = joined(body.clone());
    let mut found = None;
    json::members(&whole, |member| {
        if member.name.as_deref() == Some(name.as_bytes()) {
            found = Some(member.start..member.start + member.value.len());
        }
    })?;
    found.map(|range| whole.slice(range))
}

/// The outermost members that have one of these names, with their values as they stand.
pub(crate) fn named<'a>(body: &VecDeque<Bytes>, names: &[&'a str]) -> Vec<(&'a str, Bytes)> {
    let edits = Edits { drops: names, ..Edits::default() };
    if edits.can_skip(body) {
        return Vec::new();
    }
    let whole = joined(body.clone());
    let mut found = Vec::new();
    let outer = json::members(&whole, |Member { name, start, value }| {
        let name = names.iter().find(|known| name.as_deref() == Some(known.as_bytes()));
        found.extend(name.map(|name| (*name, whole.slice(start..start + value.len()))));
    });
    if outer == Some(Outer::Object) { found } else { Vec::new() }
}

/// The names of the outermost members, in their order; none where there is no object.
pub(crate) fn names(body: &VecDeque<Bytes>) -> Vec<Vec<u8>> {
    let whole = joined(body.clone());
    let mut names = Vec::new();
    let outer = json::members(&whole, |member| names.extend(member.name.map(std::borrow::Cow::into_owned)));
    if outer == Some(Outer::Object) { names } else { Vec::new() }
}

fn joined(mut body: VecDeque<Bytes>) -> Bytes {
    if body.len() == 1 {
        return body.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(body.iter().map(Bytes::len).sum());
    body.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

fn edited(whole: &Bytes, edits: &Edits<'_>) -> Option<VecDeque<Bytes>> {
    let mut members: Vec<(Vec<u8>, std::ops::Range<usize>)> = Vec::with_capacity(16);
    let mut readable = true;
    let outer = json::members(whole, |Member { name, start, value }| match name {
        Some(name) => members.push((name.into_owned(), start..start + value.len())),
        None => readable = false,
    });
    if outer != Some(Outer::Object) || !readable {
        return None;
    }
    let renamed: Vec<Option<&str>> =
        members.iter().map(|(name, _)| new_name(name, &members, edits)).collect();
    let mut out = Writer { pieces: VecDeque::with_capacity(2 * members.len() + 2), small: BytesMut::new() };
    for (name, value) in edits.puts {
        out.name(name.as_bytes())?;
        out.small.extend_from_slice(value.as_bytes());
    }
    for ((name, value), renamed) in members.iter().zip(renamed) {
        if !edits.takes_out(name) {
            out.name(renamed.map_or(name.as_slice(), str::as_bytes))?;
            out.value(whole.slice(value.clone()));
        }
    }
    Some(out.finish())
}

fn new_name<'a>(
    name: &[u8],
    members: &[(Vec<u8>, std::ops::Range<usize>)],
    edits: &Edits<'a>,
) -> Option<&'a str> {
    let (_, to) = edits.renames.iter().find(|(from, _)| from.as_bytes() == name)?;
    let taken = members.iter().any(|(other, _)| other == to.as_bytes());
    (!taken).then_some(to)
}

/// Values up to this size are copied rather than kept as slices of their own.
const COPIED: usize = 256;

struct Writer {
    pieces: VecDeque<Bytes>,
    small: BytesMut,
}

impl Writer {
    fn name(&mut self, name: &[u8]) -> Option<()> {
        let first = self.pieces.is_empty() && self.small.is_empty();
        self.small.extend_from_slice(if first { b"{" } else { b"," });
        let name = serde_json::to_vec(std::str::from_utf8(name).ok()?).ok()?;
        self.small.extend_from_slice(&name);
        self.small.extend_from_slice(b":");
        Some(())
    }

    fn value(&mut self, value: Bytes) {
        if value.len() <= COPIED {
            self.small.extend_from_slice(&value);
        } else {
            self.pieces.push_back(self.small.split().freeze());
            self.pieces.push_back(value);
        }
    }

    fn finish(mut self) -> VecDeque<Bytes> {
        let empty = self.pieces.is_empty() && self.small.is_empty();
        self.small.extend_from_slice(if empty { b"{}" } else { b"}" });
        self.pieces.push_back(self.small.freeze());
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&str], edits: &Edits<'_>) -> (usize, String) {
        let body = pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
        let out = splice(body, edits);
        (out.len(), String::from_utf8(out.iter().flat_map(|piece| piece.to_vec()).collect()).unwrap())
    }

    const EDITS: Edits<'static> = Edits {
        renames: &[("max_completion_tokens", "max_tokens")],
        drops: &["model"],
        puts: &[("v", "\"1\"")],
    };

    #[test]
    fn members_are_renamed_taken_out_and_put_in() {
        let body = [r#" { "model" : "m" , "#, r#""max_completion_tokens":5,"x":{"model":[1 ]}, "v":2}"#];
        assert_eq!(run(&body, &EDITS).1, r#"{"v":"1","max_tokens":5,"x":{"model":[1 ]}}"#);
        assert_eq!(run(&["{}"], &EDITS).1, r#"{"v":"1"}"#);
        let none = Edits { drops: &["a"], ..Edits::default() };
        assert_eq!(run(&[r#"{"a":1}"#], &none).1, "{}");
    }

    #[test]
    fn a_name_that_is_taken_stays_free_of_a_second() {
        let body = r#"{"max_tokens":1,"max_completion_tokens":5}"#;
        let edits = Edits { drops: &[], puts: &[], ..EDITS };
        assert_eq!(run(&[body], &edits).1, body);
    }

    #[test]
    fn without_the_names_nothing_is_touched() {
        let edits = Edits { puts: &[], ..EDITS };
        assert_eq!(run(&[r#"{"a":"#, "1}"], &edits), (2, r#"{"a":1}"#.to_owned()));
    }

    #[test]
    fn what_is_no_object_stays() {
        for body in ["[1]", "{\"model\":", "", "{\"\\ud800\":1,\"model\":2}"] {
            assert_eq!(run(&[body], &EDITS).1, body);
        }
    }

    #[test]
    fn members_are_found() {
        let body = |text: &str| VecDeque::from([Bytes::copy_from_slice(text.as_bytes())]);
        assert_eq!(member(&body(r#"{"b":{"a":1},"a":"x"}"#), "a").unwrap(), "\"x\"");
        for text in [r#"{"b":{"a":1}}"#, "[\"a\"]", "{\"a\":"] {
            assert_eq!(member(&body(text), "a"), None);
        }
    }

    #[test]
    fn long_values_are_not_copied() {
        let long = "x".repeat(1000);
        let body = format!(r#"{{"model":"m","messages":["{long}"],"n":1}}"#);
        let (pieces, text) = run(&[&body], &EDITS);
        assert_eq!((pieces, text), (3, format!(r#"{{"v":"1","messages":["{long}"],"n":1}}"#)));
    }
}
