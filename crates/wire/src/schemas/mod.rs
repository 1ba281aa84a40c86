//! Cuts a JSON Schema to the subset that a target takes.
//!
//! What the subset can say in other words is restated. A demand beyond it is told to the model in the description, as
//! official SDKs do, and named in the receipt by its place. Which subset it is stands beside the dialect:
//! `anthropic/schema.rs`, `cohere/schema.rs`; Gemini's rules are its own (`gemini/schema.rs`). Schemas that contain
//! themselves are found in `loops.rs`, unions and compositions are put together in `merge.rs`.

mod flat;
mod loops;
mod merge;

use contract::canon::Receipt;
use serde_json::{Map, Value, json};

pub(crate) use flat::flat;

/// What a target takes of JSON Schema.
pub(crate) struct Subset {
    /// The keywords.
    pub(crate) taken: &'static [&'static str],
    /// The formats of texts.
    pub(crate) formats: &'static [&'static str],
    /// How a pattern is written; none if it cannot be.
    pub(crate) pattern: fn(&str) -> Option<String>,
    /// Must objects be closed?
    pub(crate) closed: bool,
    /// Is it refused that a schema contains itself?
    pub(crate) finite: bool,
}

/// A schema within the subset.
pub(crate) struct Fitted {
    /// The schema.
    pub(crate) schema: Value,
    /// What it describes has another shape than was asked: a part that contains itself or any members at all is missing.
    pub(crate) reshaped: bool,
}

/// Keywords that demand nothing of the answer.
const REMARKS: &[&str] = &[
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "discriminator",
    "nullable",
    "propertyOrdering",
];
/// Remarks that a model can make use of.
const EXAMPLES: &[&str] = &["examples", "example"];
/// Keywords without which the answer has another shape.
const SHAPES: &[&str] = &["$ref", "allOf", "patternProperties", "prefixItems"];

/// One of them says what a value is.
const KINDS: &[&str] = &["type", "enum", "const", "anyOf", "allOf", "$ref"];

const TOLD: &str = "not enforced; told to the model in the description";

/// Cuts a schema to the subset. `at` is its place.
pub(crate) fn fit(schema: &Value, at: &str, subset: &'static Subset, receipt: &mut Receipt) -> Fitted {
    let loops = if subset.finite { loops::find(schema) } else { loops::Loops::new() };
    // Where definitions lead back to themselves, none is put into another: the way round would be another.
    let merges = if loops.is_empty() { 0 } else { merge::MOST };
    let mut cut = Cut { root: schema, subset, loops, node: "#".to_owned(), merges, reshaped: false, receipt };
    let schema = cut.schema(schema.clone(), at);
    Fitted { schema, reshaped: cut.reshaped }
}

struct Cut<'a> {
    root: &'a Value,
    subset: &'static Subset,
    loops: loops::Loops<'a>,
    /// The definition that is being cut, or `#`.
    node: String,
    /// How many compositions were put together from definitions.
    merges: usize,
    reshaped: bool,
    receipt: &'a mut Receipt,
}

impl Cut<'_> {
    fn schema(&mut self, schema: Value, at: &str) -> Value {
        let mut given = match schema {
            Value::Object(given) => given,
            Value::Bool(true) => Map::new(),
            other => return other,
        };
        self.restate(&mut given, at);
        let object = is_object(&given);
        let (mut out, mut told) = (Map::with_capacity(given.len()), Vec::new());
        for (key, value) in given {
            if key == "additionalProperties" && self.subset.closed && object {
                self.open(&value, at, &mut told);
            } else if key == "$ref" && !self.refers(&value) {
                self.unfold(&value, &mut out);
                self.tell("$ref", &value, at, &mut told);
            } else if let Some(text) = self.pattern(&key, &value) {
                out.insert(key, text.into());
            } else if self.takes(&key, &value) {
                let value = self.below(&key, value, at);
                out.insert(key, value);
            } else if EXAMPLES.contains(&key.as_str()) {
                told.push(format!("{key}: {value}"));
            } else if !REMARKS.contains(&key.as_str()) && !key.starts_with("x-") {
                self.tell(&key, &value, at, &mut told);
            }
        }
        if self.subset.closed && is_object(&out) {
            out.insert("additionalProperties".to_owned(), false.into());
        }
        // Any value at all is none of the shapes that are closed.
        self.reshaped |= self.subset.closed && !KINDS.iter().any(|kind| out.contains_key(*kind));
        describe(&mut out, &told);
        Value::Object(out)
    }

    /// A pattern in the words of the target.
    fn pattern(&self, key: &str, value: &Value) -> Option<String> {
        (self.subset.pattern)(
            value.as_str().filter(|_| key == "pattern" && self.subset.taken.contains(&key))?,
        )
    }

    /// Is the keyword taken with this value?
    fn takes(&self, key: &str, value: &Value) -> bool {
        let plain = |value: &Value| !value.is_object() && !value.is_array();
        let fits = match (key, value) {
            ("pattern", _) => false,
            ("format", Value::String(name)) => self.subset.formats.contains(&name.as_str()),
            ("enum", Value::Array(values)) => values.iter().all(plain),
            ("const", value) => plain(value),
            // A list may be required to hold something, nothing more.
            ("minItems", value) => value.as_u64().is_some_and(|least| least <= 1),
            ("items", value) => !value.is_array(),
            ("allOf", Value::Array(all)) => all.iter().all(|one| one.get("$ref").is_none()),
            _ => true,
        };
        fits && self.subset.taken.contains(&key)
    }

    /// Cuts the schemas below a keyword.
    fn below(&mut self, key: &str, value: Value, at: &str) -> Value {
        match (key, value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                let mut out = Map::with_capacity(named.len());
                let top = key != "properties" && self.node == "#";
                for (name, schema) in named {
                    let place = under(at, key, &name);
                    if top {
                        self.node = loops::pointer(key, &name);
                    }
                    let schema = self.schema(schema, &place);
                    out.insert(name, schema);
                }
                if top {
                    "#".clone_into(&mut self.node);
                }
                Value::Object(out)
            }
            ("items" | "additionalProperties", schema @ (Value::Object(_) | Value::Bool(true))) => {
                self.schema(schema, &format!("{at}.{key}"))
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(list)) => {
                let list = list.into_iter().enumerate();
                list.map(|(number, schema)| self.schema(schema, &format!("{at}.{key}[{number}]"))).collect()
            }
            (_, value) => value,
        }
    }

    /// Can the target follow this reference? Only to a definition, and to none that leads back here.
    fn refers(&self, value: &Value) -> bool {
        let Some(to) = value.as_str() else { return false };
        let known = loops::is_definition(to) && to.get(1..).is_some_and(|to| self.root.pointer(to).is_some());
        if !self.subset.finite && to == "#" {
            return true;
        }
        known && !self.loops.contains(&(self.node.as_str(), to))
    }

    /// In place of what cannot be referred to: its type.
    fn unfold(&mut self, value: &Value, out: &mut Map<String, Value>) {
        let to = value.as_str().and_then(|to| self.root.pointer(to.strip_prefix('#')?));
        if let Some(name @ Value::String(_)) = to.and_then(|to| to.get("type")) {
            out.insert("type".to_owned(), name.clone());
        }
    }

    /// Notes that an object will be closed that was open.
    fn open(&mut self, value: &Value, at: &str, told: &mut Vec<String>) {
        if *value == Value::Bool(false) {
            return;
        }
        self.receipt.dropped(format!("{at}.additionalProperties"), "objects must be closed");
        if value.as_object().is_some_and(|schema| !schema.is_empty()) {
            self.reshaped = true;
            told.push(format!("additionalProperties: {value}"));
        }
    }

    fn tell(&mut self, key: &str, value: &Value, at: &str, told: &mut Vec<String>) {
        self.reshaped |= SHAPES.contains(&key);
        told.push(format!("{key}: {value}"));
        self.receipt.dropped(under(at, key, ""), TOLD);
    }

    /// Says in the subset's words what others say as well.
    fn restate(&mut self, object: &mut Map<String, Value>, at: &str) {
        merge::all(object, self.root, &mut self.merges);
        if object.get("nullable") == Some(&Value::Bool(true))
            && let Some(name @ Value::String(_)) = object.get_mut("type")
        {
            *name = json!([name.take(), "null"]);
        }
        if !self.subset.taken.contains(&"oneOf")
            && !object.contains_key("anyOf")
            && let Some(Value::Array(list)) = object.get("oneOf")
        {
            if !merge::are_apart(list, self.root) {
                let reason = "written as anyOf: that no second one fits is not enforced";
                self.receipt.dropped(format!("{at}.oneOf"), reason);
            }
            let list = object.shift_remove("oneOf").unwrap_or_default();
            object.insert("anyOf".to_owned(), list);
        }
        let typed = ["type", "anyOf", "allOf", "$ref"].iter().any(|key| object.contains_key(*key));
        let kind = [("properties", "object"), ("items", "array")];
        if let Some((_, kind)) = kind.into_iter().find(|(key, _)| object.contains_key(*key) && !typed) {
            object.insert("type".to_owned(), kind.into());
        }
    }
}

/// Adds to the description what the model is told.
fn describe(schema: &mut Map<String, Value>, told: &[String]) {
    if told.is_empty() {
        return;
    }
    let before = schema.get("description").and_then(Value::as_str);
    let before = before.map_or_else(String::new, |text| format!("{text}\n\n"));
    schema.insert("description".to_owned(), format!("{before}{{{}}}", told.join(", ")).into());
}

fn is_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => schema.contains_key("properties"),
    }
}

/// A place below another. Receipts keep short names only, and long ones would be copied for each level.
pub(crate) fn under(at: &str, key: &str, name: &str) -> String {
    const LONGEST: usize = 128;
    let cut = |text: &str| text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().to_owned();
    let (at, key) = (if at.len() > 2 * LONGEST { cut(at) } else { at.to_owned() }, cut(key));
    if name.is_empty() { format!("{at}.{key}") } else { format!("{at}.{key}.{}", cut(name)) }
}

#[cfg(test)]
mod tests;
