//! Arguments that arrive in pieces (`partialArgs`): each piece names its place by a JSON path and is put there.
//!
//! Sent only when `streamFunctionCallArguments` was asked for (docs: `FunctionCallingConfig`).

use std::borrow::Cow;

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
    /// Puts the piece in its place; texts grow. One without a place has none among arguments.
    pub(super) fn put(self, arguments: &mut Value) {
        let mut at = arguments;
        let mut steps = Steps(self.json_path.trim_start_matches('$')).take(DEEPEST).peekable();
        if steps.peek().is_none() {
            return;
        }
        for step in steps {
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

/// One step of a path.
enum Step<'a> {
    /// To the member of this name.
    Member(Cow<'a, str>),
    /// To the entry of a list.
    Entry(usize),
}

/// The steps of a path such as `$.items[0].name` or `$['items'][0]['a.b']` (RFC 9535, section 2.1).
struct Steps<'a>(&'a str);

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let rest = self.0.trim_start_matches(['.', ']']);
        if let Some(rest) = rest.strip_prefix('[') {
            if let Some(quote) = rest.chars().next().filter(|first| matches!(first, '\'' | '"')) {
                return Some(Step::Member(self.quoted(rest.get(1..)?, quote)));
            }
            let (index, rest) = rest.split_once(']').unwrap_or((rest, ""));
            self.0 = rest;
            return Some(match index.parse() {
                Ok(index) => Step::Entry(index),
                Err(_) => Step::Member(index.into()),
            });
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.0 = rest;
        (!name.is_empty()).then(|| Step::Member(name.into()))
    }
}

impl<'a> Steps<'a> {
    /// A name in quotes, in which a backslash takes the next letter as it is.
    fn quoted(&mut self, text: &'a str, quote: char) -> Cow<'a, str> {
        let mut escaped = false;
        let end = text.find(|letter| {
            let ends = letter == quote && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let name = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        self.0 = end.and_then(|end| text.get(end + 1..)).unwrap_or_default();
        if !name.contains('\\') {
            return Cow::Borrowed(name);
        }
        let mut plain = String::with_capacity(name.len());
        let mut letters = name.chars();
        while let Some(letter) = letters.next() {
            plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
        }
        Cow::Owned(plain)
    }
}

/// The deepest a path may reach, as deep as JSON is read here.
const DEEPEST: usize = 100;

/// How far behind its end a path may reach into a list: a bound on what one piece can make grow.
const AHEAD: usize = 16;

fn descend<'a>(at: &'a mut Value, step: Step<'_>) -> &'a mut Value {
    match step {
        Step::Entry(index) => {
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
        Step::Member(name) => {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Value::Object(object) = at else { return at };
            object.entry(name).or_insert(Value::Null)
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
    fn names_in_quotes_are_names() {
        let pieces = json!([
            {"jsonPath": "$['a.b']", "stringValue": "x"},
            {"jsonPath": "$[\"c]d\"]['0']", "numberValue": 1},
            {"jsonPath": "$['it\\'s'][1]", "boolValue": true},
            {"jsonPath": "$.ünï.z", "stringValue": "y"},
            {"jsonPath": "$", "stringValue": "lost"},
            {"stringValue": "lost"}
        ]);
        let mut arguments = json!({});
        for piece in serde_json::from_value::<Vec<PartialArg>>(pieces).unwrap() {
            piece.put(&mut arguments);
        }
        let expected = json!({"a.b": "x", "c]d": {"0": 1}, "it's": [null, true], "ünï": {"z": "y"}});
        assert_eq!(arguments, expected);
        for odd in ["$[", "$['", "$['a", "$[']", "$]]", "$..", "$[].a", "'", "$['\\"] {
            let piece =
                PartialArg { json_path: odd.to_owned(), bool_value: Some(true), ..PartialArg::default() };
            piece.put(&mut arguments);
        }
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
