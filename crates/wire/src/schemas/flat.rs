//! The input of a tool without a union at its top, which many providers refuse there.

use std::borrow::Cow;
use std::collections::BTreeSet;

use contract::canon::Receipt;
use serde_json::{Map, Value, json};

use super::{TOLD, describe, merge};

const UNIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// The longest union that is told to the model, in bytes.
const LONGEST: usize = 4_096;

/// An object with the members of all choices, of which those are required that all require. The model is told of the
/// choices. `at` names the schema in the receipt.
pub(crate) fn flat<'a>(schema: &'a Value, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    let Some(given) = schema.as_object().filter(|it| UNIONS.iter().any(|key| it.contains_key(*key))) else {
        return Cow::Borrowed(schema);
    };
    let mut out = given.clone();
    out.insert("type".to_owned(), "object".into());
    merge::all(&mut out, schema, &mut 0);
    let (mut members, mut told) = (Members::of(&out), Vec::new());
    for key in UNIONS {
        let Some(Value::Array(choices)) = out.shift_remove(key) else { continue };
        members.add(&choices, key == "allOf", schema);
        receipt.dropped(format!("{at}.{key}"), TOLD);
        let text = format!("{key}: {}", Value::Array(choices));
        if text.len() <= LONGEST {
            told.push(text);
        }
    }
    out.insert("properties".to_owned(), members.properties.into());
    if !members.required.is_empty() {
        out.insert("required".to_owned(), json!(members.required));
    }
    describe(&mut out, &told);
    Cow::Owned(Value::Object(out))
}

/// The members of an object.
struct Members {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    /// What was said of each, so that nothing is said twice.
    said: BTreeSet<(String, String)>,
    /// Of these more than one thing was said.
    several: BTreeSet<String>,
}

impl Members {
    fn of(object: &Map<String, Value>) -> Self {
        let properties = object.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let said = properties.iter().map(|(name, schema)| (name.clone(), schema.to_string())).collect();
        Self { properties, required: required(object), said, several: BTreeSet::new() }
    }

    fn add(&mut self, choices: &[Value], together: bool, root: &Value) {
        let mut common: Option<BTreeSet<String>> = None;
        let mut named = BTreeSet::new();
        for choice in choices {
            let again = choice.get("$ref").and_then(Value::as_str).is_some_and(|to| !named.insert(to));
            if again {
                continue;
            }
            let choice = match choice.get("$ref") {
                Some(to) => merge::resolved(to, root),
                None => choice.as_object(),
            };
            let demanded = choice.map(required).unwrap_or_default();
            common = Some(match common {
                None => demanded,
                Some(before) if together => before.union(&demanded).cloned().collect(),
                Some(before) => before.intersection(&demanded).cloned().collect(),
            });
            for (name, schema) in
                choice.and_then(|it| it.get("properties")?.as_object()).into_iter().flatten()
            {
                self.say(name, schema);
            }
        }
        self.required.extend(common.unwrap_or_default());
    }

    fn say(&mut self, name: &str, schema: &Value) {
        if !self.said.insert((name.to_owned(), schema.to_string())) {
            return;
        }
        match self.properties.get_mut(name) {
            None => drop(self.properties.insert(name.to_owned(), schema.clone())),
            Some(before) if self.several.insert(name.to_owned()) => {
                *before = json!({"anyOf": [before.take(), schema]});
            }
            Some(before) => {
                if let Some(Value::Array(list)) = before.get_mut("anyOf") {
                    list.push(schema.clone());
                }
            }
        }
    }
}

fn required(object: &Map<String, Value>) -> BTreeSet<String> {
    let names = object.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}
