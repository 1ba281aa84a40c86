//! The list of what a response answers (`GET /v1/responses/{id}/input_items`): the conversation up to it.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use contract::Fault;
use serde_json::{Map, Value, json};

use super::super::written::Ids;
use super::{Turn, answer};
use crate::fields::wrong;
use crate::lists::query::pairs;

/// What `include` may name (`IncludeEnum`). What it adds is always there.
const INCLUDABLE: &[&str] = &[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
];

/// Which part of the list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    descending: bool,
    after: Option<String>,
    before: Option<String>,
    limit: usize,
}

impl Page {
    /// Reads the query of a URL: `order`, `after`, `before`, `limit`, `include`. What else it says is not for the list.
    ///
    /// # Errors
    /// `invalid_request`: a value is not one of those allowed.
    pub fn read(query: Option<&str>) -> Result<Self, Fault> {
        let mut page = Self { descending: true, after: None, before: None, limit: 20 };
        for (name, value) in pairs(query) {
            let name = name.trim_end_matches("[]");
            match (name, &*value) {
                ("order", "asc" | "desc") => page.descending = value == "desc",
                ("order", _) => return Err(wrong(name, "asc or desc")),
                ("after", id) => page.after = Some(id.to_owned()),
                ("before", id) => page.before = Some(id.to_owned()),
                ("limit", number) => {
                    let limit = number.parse().ok().filter(|limit| (1..=100).contains(limit));
                    page.limit = limit.ok_or_else(|| wrong(name, "a number from 1 to 100"))?;
                }
                ("include", names) if !names.split(',').all(|name| INCLUDABLE.contains(&name)) => {
                    return Err(wrong(name, &format!("one of {}", INCLUDABLE.join(", "))));
                }
                _ => {}
            }
        }
        Ok(page)
    }

    /// This part of all items, and whether there are more of them in its direction.
    fn of(&self, mut all: Vec<Place>) -> Result<(Vec<Place>, bool), Fault> {
        if self.descending {
            all.reverse();
        }
        let place = |field: &str, id: &str| {
            let found = all.iter().position(|item| item.id == id);
            found.ok_or_else(|| wrong(field, "the id of an item in this list"))
        };
        let from = match &self.after {
            Some(id) => place("after", id)? + 1,
            None => 0,
        };
        let to = match &self.before {
            Some(id) => place("before", id)?,
            None => all.len(),
        };
        // The page before an item is the one that ends there.
        let ends = self.before.is_some() && self.after.is_none();
        all.truncate(to);
        let mut data = all.split_off(from.min(all.len()));
        let over = data.len().saturating_sub(self.limit);
        if ends {
            data.drain(..over);
        } else {
            data.truncate(self.limit);
        }
        Ok((data, over > 0))
    }
}

/// Where an item of a list stands.
#[derive(Debug)]
struct Place {
    /// By which it is asked for: no other item of the list has it.
    id: String,
    /// Which turn, counted back from that of the response.
    turn: usize,
    /// Which item of the turn.
    at: usize,
}

/// The items that led to a response: those of its earlier turns, oldest first, then its own input. A conversation may be larger
/// than what one request may hold: the list knows where its items stand, and a part of it is filled with them.
#[derive(Debug, Default)]
pub struct List {
    /// Each turn's ids, the newest turn first.
    turns: Vec<Vec<String>>,
    /// The ids of their responses.
    responses: Vec<String>,
}

/// A page of a [`List`].
#[derive(Debug)]
pub struct Part {
    places: Vec<Place>,
    has_more: bool,
    /// Its items, as far as they have been filled in.
    data: Vec<Value>,
}

impl List {
    /// Adds the turn before those that were added, whose response has this id. The first is the response's own.
    pub fn add(&mut self, response: &str, turn: Turn<'_>) {
        let items = listed(response, turn, self.turns.is_empty());
        let id = |item: &Value| item["id"].as_str().map_or_else(String::new, str::to_owned);
        self.turns.push(items.iter().map(id).collect());
        self.responses.push(response.to_owned());
    }

    /// Leaves the response's own turn: what came before is not known.
    pub fn truncate(&mut self) {
        self.turns.truncate(1);
        self.responses.truncate(1);
    }

    /// A page of it.
    ///
    /// # Errors
    /// `invalid_request`: the page is said to begin or end at an item that is not there.
    pub fn page(self, page: &Page) -> Result<Part, Fault> {
        let (mut seen, mut all) = (HashSet::new(), Vec::new());
        let turns = self.turns.into_iter().zip(&self.responses).enumerate().rev();
        for (turn, (ids, response)) in turns {
            let made = input_ids(response);
            let many = ids.len();
            for (at, mut id) in ids.into_iter().enumerate() {
                // A client may send an item twice, or what the conversation has already.
                let mut other = at;
                while id.is_empty() || seen.contains(&id) {
                    id = made.make("item", other).as_str().unwrap_or_default().to_owned();
                    other += many;
                }
                seen.insert(id.clone());
                all.push(Place { id, turn, at });
            }
        }
        let (places, has_more) = page.of(all)?;
        let data = vec![Value::Null; places.len()];
        Ok(Part { places, has_more, data })
    }
}

impl Part {
    /// The turns that it shows items of, counted back from that of the response.
    #[must_use]
    pub fn turns(&self) -> BTreeSet<usize> {
        self.places.iter().map(|place| place.turn).collect()
    }

    /// Fills in the items of a turn.
    pub fn fill(&mut self, number: usize, response: &str, turn: Turn<'_>) {
        let mut items = listed(response, turn, number == 0);
        let places = self.places.iter().zip(&mut self.data);
        for (place, item) in places.filter(|(place, _)| place.turn == number) {
            if let Some(found) = items.get_mut(place.at) {
                *item = found.take();
                item["id"] = json!(place.id);
            }
        }
    }

    /// The page as a JSON object.
    #[must_use]
    pub fn written(self) -> Bytes {
        let id = |place: Option<&Place>| place.map(|place| place.id.clone());
        let (first, last) = (id(self.places.first()), id(self.places.last()));
        json!({ "object": "list", "data": self.data, "first_id": first, "last_id": last, "has_more": self.has_more })
            .to_string()
            .into()
    }
}

/// Ids for the input of a response. Output has the ids of the response itself: those of input must differ.
pub(super) fn input_ids(response: &str) -> Ids {
    Ids::of(&format!("{response}i"))
}

/// The items of a turn; `last`: without what it was answered.
fn listed(response: &str, turn: Turn<'_>, last: bool) -> Vec<Value> {
    let own: Vec<Value> = serde_json::from_slice(turn.input).unwrap_or_default();
    let own = own.into_iter().filter(Value::is_object).enumerate();
    let ids = input_ids(response);
    let mut all: Vec<Value> = own.map(|(at, item)| shown(item, &ids, at)).collect();
    if !last {
        all.extend(answer::output(turn.response).into_iter().filter(Value::is_object));
    }
    all
}

/// An item as it is listed: with its type, an id, and its content as parts.
fn shown(item: Value, ids: &Ids, at: usize) -> Value {
    let Value::Object(item) = item else { return item };
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    let mut fields = Map::new();
    fields.insert("type".to_owned(), json!(kind));
    fields.insert("id".to_owned(), ids.make(&kind, at));
    fields.extend(item);
    if fields.get("id").is_some_and(Value::is_null) {
        fields.insert("id".to_owned(), ids.make(&kind, at));
    }
    if kind == "message" {
        fields.entry("status").or_insert_with(|| json!("completed"));
        if let Some(Value::String(text)) = fields.get("content") {
            let part = match fields.get("role").and_then(Value::as_str) {
                Some("assistant") => json!({ "type": "output_text", "text": text, "annotations": [] }),
                _ => json!({ "type": "input_text", "text": text }),
            };
            fields.insert("content".to_owned(), json!([part]));
        }
    }
    Value::Object(fields)
}
