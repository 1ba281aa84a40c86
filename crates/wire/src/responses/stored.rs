//! Responses that are kept, as JSON: what a request says about keeping, a conversation written out in place of the id of an
//! earlier response, and the objects that are answered about a kept one.
//!
//! Where they are kept is a port's business ([`contract::ports::ResponseStore`]); who may see them, and when, the engine's.
//! Rules from OpenAI's API reference ("Create a model response", "Get", "Delete", "Cancel", "List input items").

mod answer;
mod foreign;
mod items;
mod places;
mod references;
mod tap;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use contract::words::{Dialect, Id};
use contract::{Code, Fault};
use memchr::memmem;
use serde_json::{Map, Value, json};

use super::read::INPUT;
use crate::fields::wrong;
use crate::json::{self, Member};
use crate::lists::query::pairs;

pub use answer::{Facts, cancelled, deleted, facts, failed, in_progress, named, queued};
pub use foreign::{has_made, known};
pub use items::{List, Page, Part};
pub use places::{Places, broken_off, placed};
pub use references::{Instead, all_told, inlined, item, not_found};
pub use tap::Tap;

const STORE: &str = "store";
pub(super) const PREVIOUS: &str = "previous_response_id";
const BACKGROUND: &str = "background";

/// Fields of a request that its response repeats, as far as they are alike in both.
const REPEATED: &[&str] = &[
    BACKGROUND,
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    PREVIOUS,
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    STORE,
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
];

/// The dialect whose answers may be kept.
pub const DIALECT: Dialect = super::DIALECT;

/// May answers of this dialect be kept?
#[must_use]
pub fn is_kept(dialect: Dialect) -> bool {
    dialect == DIALECT
}

/// The id of the answer to a request, where it is written here.
#[must_use]
pub fn id(request: Id) -> String {
    let text = request.text();
    format!("resp_{}", text.as_str().split_once('_').map_or("", |(_, digits)| digits))
}

/// What a request says about keeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Is the response to be kept?
    pub store: bool,
    /// The response that it goes on from.
    pub previous: Option<String>,
    /// Is it to be made while its client does not wait?
    pub background: bool,
    /// The ids of items that it names in place of sending them, each once.
    pub items: Vec<String>,
}

/// A turn of a conversation: what it brought, and the response.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// A JSON array of items.
    pub input: &'a [u8],
    /// A response object.
    pub response: &'a [u8],
    /// Did the account that is told of it make the response?
    pub own: bool,
}

/// Reads what a request says about keeping. The body has been found to be a JSON object.
///
/// # Errors
/// `invalid_request`: a field has the wrong type, or a response is to be made in the background and not to be kept.
pub fn keeping(body: &[u8]) -> Result<Keeping, Fault> {
    let mut keeping = Keeping { store: true, previous: None, background: false, items: Vec::new() };
    let mut fault = None;
    json::members(body, |Member { name, value, .. }| match name.as_deref() {
        Some(b"store") => match value {
            b"true" | b"null" => keeping.store = true,
            b"false" => keeping.store = false,
            _ => fault = Some(wrong(STORE, "true or false")),
        },
        Some(b"background") => match value {
            b"true" => keeping.background = true,
            b"false" | b"null" => keeping.background = false,
            _ => fault = Some(wrong(BACKGROUND, "true or false")),
        },
        Some(b"previous_response_id") if value == b"null" => keeping.previous = None,
        Some(b"previous_response_id") => match json::string(value) {
            Some(id) => keeping.previous = Some(id.into_owned()),
            None => fault = Some(wrong(PREVIOUS, "a string")),
        },
        Some(b"input") => keeping.items = references::named(value),
        _ => {}
    });
    if keeping.background && !keeping.store {
        let message = "A response can be made in the background only if 'store' is not false.";
        fault = fault.or(Some(Fault::saying(Code::InvalidRequest, message).at(BACKGROUND)));
    }
    fault.map_or(Ok(keeping), Err)
}

/// What a request brings: its `input` as a JSON array of items.
#[must_use]
pub fn input(body: &Bytes) -> Bytes {
    let Some((_, value)) = find(body, INPUT) else { return Bytes::from_static(b"[]") };
    match value.first() {
        // A copy: a slice would hold on to the whole request.
        Some(b'[') => Bytes::copy_from_slice(value),
        Some(b'"') => {
            let text = json::string(value).unwrap_or(Cow::Borrowed(""));
            let content = json!([{ "type": "input_text", "text": text }]);
            json!([{ "type": "message", "role": "user", "content": content }]).to_string().into()
        }
        _ => Bytes::from_static(b"[]"),
    }
}

/// The fields of a request that its response repeats.
#[must_use]
pub fn repeated(body: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    json::members(body, |Member { name, value, .. }| {
        let name = name.as_deref().and_then(|name| std::str::from_utf8(name).ok());
        if let Some(name) = name.filter(|name| REPEATED.contains(name))
            && let Ok(value) = serde_json::from_slice::<Value>(value)
            && !value.is_null()
        {
            fields.insert(name.to_owned(), value);
        }
    });
    fields
}

/// The request without what is seen to here: whoever gets it neither keeps nor looks up anything, nor makes the response in
/// the background.
#[must_use]
pub fn stateless(body: &Bytes) -> Bytes {
    nulled(body, &[STORE, PREVIOUS, BACKGROUND])
}

/// The request as one that is answered while its client waits.
#[must_use]
pub fn foreground(body: &Bytes) -> Bytes {
    nulled(body, &[BACKGROUND])
}

/// The request with the conversation written out, oldest turn first, in place of the id of its last response. Instructions of
/// earlier turns are not carried over (that is the API's own rule). For a `native` target, which knows this API's items but
/// has none of these, ids that it would look up are left out, and thoughts that it could not read: those that are not
/// encrypted, or for another account. Gives whether there were any of these.
///
/// # Errors
/// `invalid_request`: there is something else than a text or a list in `input`.
pub fn expand(body: &Bytes, turns: &[Turn<'_>], native: bool) -> Result<(Bytes, bool), Fault> {
    let mut left_out = false;
    let mut all = BytesMut::from(&b"["[..]);
    let mut push = |items: &[u8]| {
        if !items.is_empty() {
            if all.len() > 1 {
                all.extend_from_slice(b",");
            }
            all.extend_from_slice(items);
        }
    };
    for turn in turns {
        let sent = inside(turn.input);
        // Items of the model's that the client sent back, or named.
        match native && [&b"\"id\""[..], b"reasoning"].iter().any(|word| memmem::find(sent, word).is_some()) {
            true => {
                let items: Vec<Value> = serde_json::from_slice(turn.input).unwrap_or_default();
                for item in items {
                    match portable(item, turn.own) {
                        Some(item) => push(item.to_string().as_bytes()),
                        None => left_out = true,
                    }
                }
            }
            false => push(sent),
        }
        for item in answer::output(turn.response) {
            match if native { portable(item, turn.own) } else { Some(item) } {
                Some(item) => push(item.to_string().as_bytes()),
                None => left_out = true,
            }
        }
    }
    if find(body, INPUT).is_some_and(|(_, value)| !matches!(value.first(), Some(b'[' | b'"' | b'n'))) {
        return Err(wrong(INPUT, "a string or an array of items"));
    }
    push(inside(&input(body)));
    all.extend_from_slice(b"]");
    let all = all.freeze();
    let mut edits = vec![];
    edits.extend(find(body, PREVIOUS).map(|(range, _)| (range, Bytes::from_static(b"null"))));
    match find(body, INPUT) {
        Some((range, _)) => edits.push((range, all)),
        None => {
            let at = body.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1);
            let mut field = BytesMut::from(&b"\"input\":"[..]);
            field.extend_from_slice(&all);
            // Its other member is at least the model.
            field.extend_from_slice(b",");
            edits.push((at..at, field.freeze()));
        }
    }
    Ok((spliced(body, edits), left_out))
}

/// The items of an array without its brackets.
fn inside(array: &[u8]) -> &[u8] {
    let array = array.trim_ascii();
    array.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or_default().trim_ascii()
}

/// An item for a server that does not keep it; none: it cannot read it. `own`: it has made it.
fn portable(mut item: Value, own: bool) -> Option<Value> {
    let Some(fields) = item.as_object_mut() else { return Some(item) };
    match fields.get("type").and_then(Value::as_str) {
        Some("reasoning") => {
            (own && fields.get("encrypted_content").is_some_and(Value::is_string)).then_some(())?;
        }
        Some("message" | "function_call" | "custom_tool_call") => {
            fields.shift_remove("id");
        }
        None if fields.contains_key("role") => {
            fields.shift_remove("id");
        }
        _ => {}
    }
    Some(item)
}

/// Does `param` name a field of the request, other than those that refer to what its provider keeps?
#[must_use]
pub fn has_other(body: &[u8], param: &str) -> bool {
    let name = param.split(['.', '[']).next().unwrap_or_default();
    let refers = name == PREVIOUS || param == INPUT || param.ends_with("].id");
    !refers && find(body, name).is_some()
}

fn nulled(body: &Bytes, names: &[&str]) -> Bytes {
    let found = names.iter().filter_map(|name| find(body, name));
    let edits: Vec<_> = found
        .filter(|(_, value)| *value != b"null")
        .map(|(range, _)| (range, Bytes::from_static(b"null")))
        .collect();
    if edits.is_empty() { body.clone() } else { spliced(body, edits) }
}

/// A member of the outermost object: where its value stands, and the value. The last one counts.
fn find<'a>(body: &'a [u8], wanted: &str) -> Option<(Range<usize>, &'a [u8])> {
    let mut found = None;
    json::members(body, |Member { name, start, value }| {
        if name.as_deref() == Some(wanted.as_bytes()) {
            found = Some((start..start + value.len(), value));
        }
    });
    found
}

fn spliced(body: &Bytes, mut edits: Vec<(Range<usize>, Bytes)>) -> Bytes {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out =
        BytesMut::with_capacity(body.len() + edits.iter().map(|(_, with)| with.len()).sum::<usize>());
    let mut from = 0;
    for (range, with) in edits {
        out.extend_from_slice(body.get(from..range.start).unwrap_or_default());
        out.extend_from_slice(&with);
        from = range.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    out.freeze()
}

/// Does the query ask for a stream?
#[must_use]
pub fn wants_stream(query: Option<&str>) -> bool {
    pairs(query).any(|(name, value)| name == "stream" && value == "true")
}
