//! Names of fields: Google's JSON takes `systemInstruction` and `system_instruction` alike (protobuf's JSON mapping), and a
//! list of one may stand without its brackets. Read here, so that nothing after knows of it.

use std::borrow::Cow;

use contract::Fault;
use serde_json::{Map, Value};

use crate::fields::{Fields, wrong};

/// The name in its usual spelling. A leading underscore is part of the name.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    let mut inner = name.char_indices().skip(1);
    let Some((first, _)) = inner.find(|(_, letter)| *letter == '_') else { return Cow::Borrowed(name) };
    let (head, rest) = name.split_at(first);
    let mut spelled = head.to_owned();
    for word in rest.split('_').filter(|word| !word.is_empty()) {
        let mut letters = word.chars();
        spelled.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        spelled.push_str(letters.as_str());
    }
    Cow::Owned(spelled)
}

/// The fields of one object under their usual names.
pub(super) fn camel_keys(map: Map<String, Value>) -> Map<String, Value> {
    if map.keys().all(|key| matches!(camel(key), Cow::Borrowed(_))) {
        return map;
    }
    map.into_iter().map(|(key, value)| (camel(&key).into_owned(), value)).collect()
}

/// An object to be taken apart, its fields under their usual names.
pub(super) fn fields(value: Value, path: impl Into<String>) -> Result<Fields, Fault> {
    match value {
        Value::Object(map) => Fields::of(Value::Object(camel_keys(map)), path),
        other => Fields::of(other, path),
    }
}

/// An object within another.
pub(super) fn object(outer: &mut Fields, name: &str) -> Result<Option<Fields>, Fault> {
    let path = outer.path(name);
    outer.value(name).map(|value| fields(value, path)).transpose()
}

/// A list, or the one thing in it.
pub(super) fn list(outer: &mut Fields, name: &str) -> Vec<Value> {
    match outer.value(name) {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    }
}

/// A list of texts.
pub(super) fn texts(outer: &mut Fields, name: &str) -> Result<Vec<String>, Fault> {
    let path = outer.path(name);
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong(&path, "a list of strings")),
    };
    list(outer, name).into_iter().map(text).collect()
}

/// The word of an enumeration. Its number, which protobuf's JSON mapping takes as well, stays where it is.
pub(super) fn word(outer: &mut Fields, name: &str) -> Result<Option<String>, Fault> {
    match outer.value(name) {
        Some(number @ Value::Number(_)) => {
            outer.put_back(name, number);
            Ok(None)
        }
        Some(value) => {
            outer.put_back(name, value);
            outer.text(name)
        }
        None => Ok(None),
    }
}

/// A number as protobuf's JSON mapping takes it: `1`, `1.0` or `"1"`.
pub(super) fn number(outer: &mut Fields, name: &str) -> Result<Option<f64>, Fault> {
    let path = outer.path(name);
    let Some(value) = outer.value(name) else { return Ok(None) };
    let read = match &value {
        Value::String(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
        other => other.as_f64(),
    };
    read.map(Some).ok_or_else(|| wrong(&path, "a number"))
}

/// A whole number in the same forms.
pub(super) fn integer(outer: &mut Fields, name: &str) -> Result<Option<i64>, Fault> {
    let path = outer.path(name);
    let Some(value) = outer.value(name) else { return Ok(None) };
    let read = match &value {
        Value::String(text) => text.parse::<i64>().ok(),
        other => other.as_i64().or_else(|| other.as_f64().and_then(whole)),
    };
    read.map(Some).ok_or_else(|| wrong(&path, "a whole number"))
}

/// A whole number of at least 0.
pub(super) fn count(outer: &mut Fields, name: &str) -> Result<Option<u64>, Fault> {
    let path = outer.path(name);
    let read = integer(outer, name)?;
    read.map(|number| u64::try_from(number).map_err(|_| wrong(&path, "a whole number of at least 0")))
        .transpose()
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_one() {
        for (given, usual) in [
            ("system_instruction", "systemInstruction"),
            ("systemInstruction", "systemInstruction"),
            ("parameters_json_schema", "parametersJsonSchema"),
            ("_response_json_schema", "_responseJsonSchema"),
            ("top_k", "topK"),
            ("a__b_", "aB"),
            ("", ""),
            ("_", "_"),
            ("é_ä", "éä"),
        ] {
            assert_eq!(camel(given), usual);
        }
    }

    #[test]
    fn numbers_come_in_three_forms() {
        let mut object =
            fields(json!({"a": "7", "b": 7.0, "c": 7, "d": 7.5, "e": "x", "f": -1, "g": "0.5"}), "").unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(count(&mut object, name).unwrap(), Some(7));
        }
        for name in ["d", "e", "f"] {
            assert_eq!(count(&mut object, name).unwrap_err().param(), Some(name));
        }
        assert_eq!(number(&mut object, "g").unwrap(), Some(0.5));
        assert_eq!(number(&mut object, "h").unwrap(), None);
    }
}
