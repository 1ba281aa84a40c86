//! The list of what a response answers (`GET /v1/responses/{id}/input_items`): the conversation up to it.

use bytes::Bytes;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::super::written::Ids;
use super::{Turn, answer};

/// Which part of the list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    descending: bool,
    after: Option<String>,
    limit: usize,
}

impl Page {
    /// Reads the query of a URL: `order`, `after`, `limit`. What else it says is not for the list.
    ///
    /// # Errors
    /// `invalid_request`: a value is not one of those allowed.
    pub fn read(query: Option<&str>) -> Result<Self, Fault> {
        let mut page = Self { descending: true, after: None, limit: 20 };
        for (name, value) in super::pairs(query) {
            let wrong = |allowed: &str| {
                let message = format!("'{name}' must be {allowed}.");
                Fault::saying(Code::InvalidRequest, message).at(name)
            };
            match (name, value) {
                ("order", "asc" | "desc") => page.descending = value == "desc",
                ("order", _) => return Err(wrong("asc or desc")),
                ("after", id) => page.after = Some(id.to_owned()),
                ("limit", number) => {
                    let limit = number.parse().ok().filter(|limit| (1..=100).contains(limit));
                    page.limit = limit.ok_or_else(|| wrong("a number from 1 to 100"))?;
                }
                _ => {}
            }
        }
        Ok(page)
    }
}

/// A page of the items that led to a response: those of its earlier turns, oldest first, then its own input. `turns` are
/// those turns with the ids of their responses, its own the last.
#[must_use]
pub fn items(turns: &[(&str, Turn<'_>)], page: &Page) -> Bytes {
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
    if page.descending {
        all.reverse();
    }
    let after = page.after.as_deref().and_then(|id| all.iter().position(|item| item["id"] == id));
    let from = after.map_or(0, |at| at + 1);
    let mut data = all.split_off(from.min(all.len()));
    let has_more = data.len() > page.limit;
    data.truncate(page.limit);
    let id = |item: Option<&Value>| item.map(|item| item["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    let list =
        json!({ "object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more });
    list.to_string().into()
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
