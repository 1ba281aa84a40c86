//! The list of what a response answers (`GET /v1/responses/{id}/input_items`): the conversation up to it.

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
    fn of(&self, mut all: Vec<Value>) -> Result<(Vec<Value>, bool), Fault> {
        if self.descending {
            all.reverse();
        }
        let place = |field: &str, id: &str| {
            let found = all.iter().position(|item| item["id"] == id);
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

/// A page of the items that led to a response: those of its earlier turns, oldest first, then its own input. `turns` are
/// those turns with the ids of their responses, its own the last.
///
/// # Errors
/// `invalid_request`: the page is said to begin or end at an item that is not there.
pub fn items(turns: &[(&str, Turn<'_>)], page: &Page) -> Result<Bytes, Fault> {
    let mut all = Vec::new();
    for (number, (id, turn)) in turns.iter().enumerate() {
        let own: Vec<Value> = serde_json::from_slice(turn.input).unwrap_or_default();
        // Output has the ids of its response: those of input must differ.
        let ids = Ids::of(&format!("{id}i"));
        all.extend(own.into_iter().enumerate().map(|(at, item)| shown(item, &ids, at)));
        if number + 1 < turns.len() {
            all.extend(answer::output(turn.response));
        }
    }
    let (data, has_more) = page.of(all)?;
    let id = |item: Option<&Value>| item.map(|item| item["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    let list =
        json!({ "object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more });
    Ok(list.to_string().into())
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
