//! Arguments that arrive in pieces (`partialArgs`): each piece names its place by a JSON path and is put there.
//!
//! Sent only when `streamFunctionCallArguments` was asked for (docs: `FunctionCallingConfig`).

use serde::Deserialize;
use serde_json::{Map, Value};

/// One piece.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PartialArg {
    json_path: String,
    string_value: Option<String>,
    number_value: Option<serde_json::Number>,
    bool_value: Option<bool>,
}

impl PartialArg {
    /// Puts the piece in its place; texts grow.
    pub(super) fn put(self, arguments: &mut Value) {
        let mut at = arguments;
        for step in steps(&self.json_path).take(DEEPEST) {
            at = descend(at, step);
        }
        match (at, self.string_value) {
            (Value::String(before), Some(text)) => before.push_str(&text),
            (at, Some(text)) => *at = Value::String(text),
            (at, None) => {
                *at = match (self.number_value, self.bool_value) {
                    (Some(number), _) => Value::Number(number),
                    (None, Some(flag)) => Value::Bool(flag),
                    (None, None) => Value::Null,
                }
            }
        }
    }
}

/// The keys of a path such as `$.items[0].name`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('$')
        .split(['.', '[', ']'])
        .map(|step| step.trim_matches(['\'', '"']))
        .filter(|step| !step.is_empty())
}

/// The deepest a path may reach, as deep as JSON is read here.
const DEEPEST: usize = 100;

/// How far behind its end a path may reach into a list: a bound on what one piece can make grow.
const AHEAD: usize = 16;

fn descend<'a>(at: &'a mut Value, step: &str) -> &'a mut Value {
    match step.parse::<usize>() {
        Ok(index) if !at.is_object() => {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let Value::Array(list) = at else { return at };
            let index = index.min(list.len() + AHEAD);
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            &mut list[index]
        }
        _ => {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Value::Object(object) = at else { return at };
            object.entry(step).or_insert(Value::Null)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_find_their_place() {
        let pieces = json!([
            {"jsonPath": "$.city", "stringValue": "Bos", "willContinue": true},
            {"jsonPath": "$.city", "stringValue": "ton"},
            {"jsonPath": "$.days[1].hot", "boolValue": true},
            {"jsonPath": "$.days[0]", "numberValue": 3},
            {"jsonPath": "$.note", "nullValue": "NULL_VALUE"}
        ]);
        let mut arguments = json!({});
        for piece in serde_json::from_value::<Vec<PartialArg>>(pieces).unwrap() {
            piece.put(&mut arguments);
        }
        assert_eq!(arguments, json!({"city": "Boston", "days": [3, {"hot": true}], "note": null}));
    }

    #[test]
    fn a_piece_makes_little_grow() {
        let piece =
            |path: String| PartialArg { json_path: path, bool_value: Some(true), ..PartialArg::default() };
        let mut arguments = json!({});
        piece("$.a[18446744073709551615][4000000000]".to_owned()).put(&mut arguments);
        piece(format!("${}", ".b".repeat(1_000_000))).put(&mut arguments);
        assert!(arguments.to_string().len() < 1_000);
    }
}
