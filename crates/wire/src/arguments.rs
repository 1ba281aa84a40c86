//! The arguments of a call, for dialects that insist on an object where canon has the model's own text.

use serde::Serialize;
use serde_json::value::RawValue;

/// Arguments to be written: byte for byte if they are an object. What a model wrote wrongly is handed on as a text within
/// an object, so that a conversation with one bad call in it can go on.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Arguments<'a> {
    /// An object.
    Object(&'a RawValue),
    /// Anything else.
    Text {
        /// What the model wrote.
        arguments: &'a str,
    },
    /// Nothing.
    Empty {},
}

impl<'a> Arguments<'a> {
    /// The arguments of this text.
    pub(crate) fn of(text: &'a str) -> Self {
        match object(text) {
            Some(raw) => Self::Object(raw),
            // Some models write `null` for a function without arguments.
            None if matches!(text.trim(), "" | "null") => Self::Empty {},
            None => Self::Text { arguments: text },
        }
    }
}

/// The text if it is a JSON object.
pub(crate) fn object(text: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(text).ok().filter(|raw| raw.get().starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_go_on_byte_for_byte_and_others_within_one() {
        for (text, written) in [
            (r#" {"n":12345678901234567890123, "x": 1.0} "#, r#"{"n":12345678901234567890123, "x": 1.0}"#),
            ("", "{}"),
            ("[1]", r#"{"arguments":"[1]"}"#),
            ("{oops", r#"{"arguments":"{oops"}"#),
        ] {
            assert_eq!(serde_json::to_string(&Arguments::of(text)).unwrap(), written);
        }
    }
}
