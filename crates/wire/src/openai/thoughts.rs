//! Visible thoughts ↔ canon, wherever servers of this dialect put them.
//!
//! They stand in a field of the message (`reasoning_content`, `reasoning`, `reasoning_text`), in OpenRouter's
//! `reasoning_details` beside it, or in a block of content (Mistral). The part's sidecar remembers where, so that they go
//! back to the same place: `field` and `twin` name fields, `detail` holds the entry without its text, `block` the block
//! without its thoughts. Signatures and encrypted thoughts are in `detail`.

use contract::canon::{Part, PartKind, Provenance, Receipt};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::content::object;
use crate::Quirks;
use crate::fields::Fields;

/// The fields that hold thoughts, the usual one first.
pub(super) const FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];
/// Where OpenRouter keeps thoughts with their signatures.
pub(super) const DETAILS: &str = "reasoning_details";

/// A thought with its sidecar.
pub(super) fn part(text: String, native: Value) -> Part {
    Part::new(PartKind::Reasoning(text), Provenance::Model).with_native(DIALECT, native)
}

/// The field of a detail that holds its text.
pub(super) fn text_field(detail: &Map<String, Value>) -> Option<&'static str> {
    match detail.get("type").and_then(Value::as_str) {
        Some("reasoning.text") => Some("text"),
        Some("reasoning.summary") => Some("summary"),
        _ => None,
    }
}

/// The text of a detail; it is taken out.
pub(super) fn take_text(detail: &mut Map<String, Value>) -> String {
    let text = text_field(detail).and_then(|name| detail.shift_remove(name));
    text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The thoughts in the text fields: the field, its text, and another field that says the same.
pub(super) struct Said {
    pub(super) field: &'static str,
    pub(super) twin: Option<&'static str>,
    pub(super) text: String,
}

impl Said {
    /// Takes them out of a message. Fields that hold another text stay.
    pub(super) fn take(message: &mut Fields) -> Option<Self> {
        let mut said: Option<Self> = None;
        for field in FIELDS {
            let Some(text) = message.peek(field) else { continue };
            match &mut said {
                _ if text.is_empty() => {}
                None => said = Some(Self { field, twin: None, text: text.to_owned() }),
                Some(said) if said.text == text && said.twin.is_none() => said.twin = Some(field),
                Some(_) => continue,
            }
            let _read = message.value(field);
        }
        said
    }

    /// Where they stood.
    pub(super) fn sidecar(&self) -> Map<String, Value> {
        object([("field", Some(json!(self.field))), ("twin", self.twin.map(|twin| json!(twin)))])
    }
}

/// The details of a message, if it is a list of objects.
pub(super) fn take_details(message: &mut Fields) -> Vec<Map<String, Value>> {
    let Some(value) = message.value(DETAILS) else { return Vec::new() };
    match value {
        Value::Array(items) if items.iter().all(Value::is_object) => items
            .into_iter()
            .filter_map(|item| if let Value::Object(detail) = item { Some(detail) } else { None })
            .collect(),
        other => {
            message.put_back(DETAILS, other);
            Vec::new()
        }
    }
}

/// Takes the thoughts out of a message's fields.
pub(super) fn read(message: &mut Fields) -> Vec<Part> {
    let said = Said::take(message);
    let details = take_details(message);
    read_both(said, details)
}

/// Details that repeat the text field become its text; others stand beside it.
fn read_both(said: Option<Said>, details: Vec<Map<String, Value>>) -> Vec<Part> {
    let joined: String = details.iter().map(text_of).collect();
    let repeats = said.as_ref().is_none_or(|said| said.text == joined);
    let mut parts = Vec::with_capacity(details.len() + 1);
    let mut place = Map::new();
    if let Some(said) = said {
        place = said.sidecar();
        if !repeats || details.is_empty() {
            parts.push(part(said.text, Value::Object(std::mem::take(&mut place))));
        }
    }
    for mut detail in details {
        let text = if repeats { take_text(&mut detail) } else { String::new() };
        let mut native = if text.is_empty() { Map::new() } else { place.clone() };
        native.insert("detail".to_owned(), Value::Object(detail));
        parts.push(part(text, Value::Object(native)));
    }
    parts
}

/// The text of a detail.
pub(super) fn text_of(detail: &Map<String, Value>) -> &str {
    text_field(detail).and_then(|name| detail.get(name)?.as_str()).unwrap_or_default()
}

/// The text of a block of thoughts: `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}` or a plain string.
/// None: another kind of block, or one whose thoughts are not only text.
pub(super) fn block_text(block: &Map<String, Value>) -> Option<String> {
    if block.get("type").and_then(Value::as_str) != Some("thinking") {
        return None;
    }
    match block.get("thinking")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            parts.iter().map(|part| part.get("text").filter(|_| part["type"] == "text")?.as_str()).collect()
        }
        _ => None,
    }
}

/// Takes a block of thoughts apart. Thoughts in several pieces, or as a string, are kept as they are beside their text.
pub(super) fn read_block(mut block: Map<String, Value>) -> Result<(String, Value), Map<String, Value>> {
    let Some(text) = block_text(&block) else { return Err(block) };
    let plain = |piece: &Value| piece.as_object().is_some_and(|piece| piece.len() == 2);
    let pieces = block.get("thinking").and_then(Value::as_array);
    if pieces.is_some_and(|pieces| pieces.len() < 2 && pieces.iter().all(plain)) {
        block.shift_remove("thinking");
    }
    block.shift_remove("type");
    Ok((text, json!({"block": block})))
}

/// The block a thought came in, written again; none if it came otherwise.
pub(super) fn write_block(part: &Part, text: &str) -> Option<Value> {
    let block = part.native_for(DIALECT)?.get("block")?.as_object()?;
    let mut out = object([("type", Some(json!("thinking")))]);
    crate::outgoing::merge(&mut out, block);
    // A text that was changed since goes out as one piece.
    if block_text(&out).as_deref() != Some(text) {
        out.insert("thinking".to_owned(), json!([{"type": "text", "text": text}]));
    }
    Some(Value::Object(out))
}

/// The detail a thought came in, with its text.
pub(super) fn write_detail(native: &Value, text: &str) -> Option<Value> {
    let mut detail = native.get("detail")?.as_object()?.clone();
    if let Some(name) = text_field(&detail).filter(|name| !text.is_empty() && !detail.contains_key(*name)) {
        detail.insert(name.to_owned(), json!(text));
    }
    Some(Value::Object(detail))
}

/// Writes a thought into the fields of a message; `otherwise` is the field for one that has no place of its own.
///
/// Gives back whether it had a place.
pub(super) fn write(out: &mut Map<String, Value>, part: &Part, text: &str, otherwise: Option<&str>) -> bool {
    let native = part.native_for(DIALECT);
    let detail = native.and_then(|native| write_detail(native, text));
    let own = |name: &str| native.and_then(|native| native.get(name)).and_then(Value::as_str);
    let fields = match own("field") {
        Some(field) => [Some(field), own("twin")],
        None => [otherwise.filter(|_| detail.is_none()), None],
    };
    let placed = detail.is_some() || fields[0].is_some();
    for field in fields.into_iter().flatten() {
        append(out, field, text);
    }
    if let Some(detail) = detail {
        match out.get_mut(DETAILS) {
            Some(Value::Array(details)) => details.push(detail),
            _ => {
                out.insert(DETAILS.to_owned(), json!([detail]));
            }
        }
    }
    placed
}

/// Adds text to a field.
fn append(out: &mut Map<String, Value>, field: &str, text: &str) {
    match out.get_mut(field) {
        Some(Value::String(before)) => before.push_str(text),
        _ => {
            out.insert(field.to_owned(), json!(text));
        }
    }
}

/// Writes a thought of an earlier turn. Thoughts go back to the server they came from, and to any that takes them.
pub(super) fn give_back(
    out: &mut Map<String, Value>,
    part: &Part,
    text: &str,
    (quirks, receipt): (&Quirks, &mut Receipt),
    path: &str,
) {
    let accepted = FIELDS.into_iter().find(|field| quirks.accepts.contains(field));
    if !write(out, part, text, accepted) {
        receipt.dropped(format!("{path}.reasoning"), "the provider takes no thoughts back");
    }
}
