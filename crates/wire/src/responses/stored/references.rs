//! Items that a request names by their ids (`item_reference`) in place of sending them again.
//!
//! Which response holds such an item, and who may see it, is the engine's business; here is how a request names one, and how
//! it looks with the item in the name's place.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use contract::{Code, Fault};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::super::read::INPUT;
use super::items::input_ids;
use super::{Turn, find, portable, spliced};

/// What stands in the place of a reference.
#[derive(Clone, Copy, Debug)]
pub enum Instead<'a> {
    /// The reference: whoever gets it has the item.
    Itself,
    /// The item, for a target that is told all in another dialect.
    Item(&'a [u8]),
    /// The item, for a target that knows this API's items and has not this one; `own`: its account made it.
    Portable {
        /// A JSON object.
        item: &'a [u8],
        /// Did the account make it?
        own: bool,
    },
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    role: Option<IgnoredAny>,
    content: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    output: Vec<&'a RawValue>,
}

/// The ids that an `input` names, each once, in their order. Most requests name none, and are not taken apart for that.
pub(super) fn named(input: &[u8]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if memmem::find(input, b"item_reference").is_some() || has_bare_id(input) {
        let mut seen = std::collections::HashSet::new();
        let ids = items(input).into_iter().filter_map(|item| reference(item.get()));
        all.extend(ids.filter(|id| seen.insert(id.clone())));
    }
    all
}

/// Is there an object of an id and nothing else? A reference may leave out its type.
fn has_bare_id(text: &[u8]) -> bool {
    memmem::find_iter(text, br#""id""#).any(|at| {
        let before = text.get(..at).unwrap_or_default().trim_ascii_end();
        let after = text.get(at + 4..).unwrap_or_default().trim_ascii_start();
        let value = after.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        let end = value.strip_prefix(b"\"").and_then(|text| Some(&text[memchr::memchr(b'"', text)? + 1..]));
        before.ends_with(b"{") && end.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"}"))
    })
}

fn items(list: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice(list).unwrap_or_default()
}

/// The id that an item of a request names another by.
fn reference(item: &str) -> Option<String> {
    let Item { kind, id, role, content } = serde_json::from_str(item).ok()?;
    let names = match kind.as_deref() {
        Some(kind) => kind == "item_reference",
        None => role.is_none() && content.is_none(),
    };
    id.filter(|_| names).map(Cow::into_owned)
}

/// The item of this id in a turn, whose response has the id `response`.
#[must_use]
pub fn item(turn: Turn<'_>, response: &str, id: &str) -> Option<Bytes> {
    let answered: Option<Output<'_>> = serde_json::from_slice(turn.response).ok();
    let copy = |item: &RawValue| Bytes::copy_from_slice(item.get().as_bytes());
    let answered = answered.map(|response| response.output).unwrap_or_default();
    if let Some(found) = answered.into_iter().find(|item| own_id(item).is_some_and(|own| own == id)) {
        return Some(copy(found));
    }
    let ids = input_ids(response);
    let is_it = |at: usize, item: &RawValue| {
        let listed = ids.make("item", at);
        let tail = |id: &str| id.split_once('_').map(|(_, tail)| tail.to_owned());
        own_id(item).is_some_and(|own| own == id) || listed.as_str().and_then(tail) == tail(id)
    };
    let mut sent = items(turn.input).into_iter().enumerate();
    let found = sent.find(|(at, item)| is_it(*at, item) && reference(item.get()).is_none());
    found.map(|(_, item)| copy(item))
}

fn own_id(item: &RawValue) -> Option<String> {
    let item: Item<'_> = serde_json::from_str(item.get()).ok()?;
    item.id.map(Cow::into_owned)
}

/// The request with items in the place of their names, and where in `input` nothing stands now: a thought that the target
/// could not read.
pub fn inlined<'a>(body: &Bytes, mut instead: impl FnMut(&str) -> Instead<'a>) -> (Bytes, Vec<usize>) {
    let Some((range, input)) = find(body, INPUT) else { return (body.clone(), Vec::new()) };
    let (mut list, mut left_out) = (BytesMut::from(&b"["[..]), Vec::new());
    for (at, item) in items(input).into_iter().enumerate() {
        let written: Cow<'_, [u8]> = match reference(item.get()).map(|id| instead(&id)) {
            None | Some(Instead::Itself) => item.get().as_bytes().into(),
            Some(Instead::Item(item)) => item.into(),
            Some(Instead::Portable { item, own }) => {
                match serde_json::from_slice(item).ok().and_then(|item| portable(item, own)) {
                    Some(item) => item.to_string().into_bytes().into(),
                    None => {
                        left_out.push(at);
                        continue;
                    }
                }
            }
        };
        if list.len() > 1 {
            list.extend_from_slice(b",");
        }
        list.extend_from_slice(&written);
    }
    list.extend_from_slice(b"]");
    (spliced(body, vec![(range, list.freeze())]), left_out)
}

/// No reference is left in a request, for whoever is to be told all of it.
///
/// # Errors
/// `item_not_found`, at the first that is left.
pub fn all_told(body: &[u8]) -> Result<(), Fault> {
    let Some((_, input)) = find(body, INPUT) else { return Ok(()) };
    if named(input).is_empty() {
        return Ok(());
    }
    let left = items(input).into_iter().enumerate().find_map(|(at, item)| Some((at, reference(item.get())?)));
    left.map_or(Ok(()), |(at, id)| Err(not_found(&id, &format!("{INPUT}[{at}]"))))
}

/// The fault of a request that names an item nobody has, or another tenant.
#[must_use]
pub fn not_found(id: &str, at: &str) -> Fault {
    let message = format!(
        "The item '{id}' that '{at}' refers to is not kept here, or no longer. Send the item itself in its place."
    );
    Fault::saying(Code::ItemNotFound, message).at(at)
}
