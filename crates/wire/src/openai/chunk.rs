//! One frame of a stream as the server wrote it: the fields we know by their type, everything else verbatim.
//!
//! Read by hand because `#[serde(flatten)]` buffers every value, and most frames have nothing unknown in them.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The name of a field, lent where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// Structs whose fields are optional and that keep what they do not know. Null counts as absent.
macro_rules! known {
    ($($(#[$doc:meta])* $type:ident { $($field:ident: $of:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $type {
            $(pub(super) $field: Option<$of>,)*
            pub(super) rest: Map<String, Value>,
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Known;
                impl<'de> Visitor<'de> for Known {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
                        let mut out = $type::default();
                        while let Some(Name(name)) = map.next_key()? {
                            match name.as_ref() {
                                $(stringify!($field) => out.$field = map.next_value()?,)*
                                _ => if let Some(value) = map.next_value::<Option<Value>>()? {
                                    out.rest.insert(name.into_owned(), value);
                                }
                            }
                        }
                        Ok(out)
                    }
                }
                from.deserialize_map(Known)
            }
        }
    )*};
}

/// Calls in a list; one alone is an object (TGI).
#[derive(Debug)]
pub(super) struct Several(pub(super) Vec<CallDelta>);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Several;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("calls of tools")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Several, A::Error> {
                let mut calls = Vec::new();
                while let Some(call) = list.next_element()? {
                    calls.push(call);
                }
                Ok(Several(calls))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Several, A::Error> {
                Ok(Several(vec![CallDelta::deserialize(MapAccessDeserializer::new(map))?]))
            }
        }
        from.deserialize_any(Either)
    }
}

known! {
    /// A frame.
    Chunk {
        id: String,
        model: String,
        object: Value,
        created: Value,
        choices: Vec<ChunkChoice>,
        usage: Value,
        error: Value,
        obfuscation: Value,
        p: Value,
    }

    /// A choice's part of it. `message` repeats what was said so far (Perplexity).
    ChunkChoice {
        index: u32,
        delta: Delta,
        finish_reason: String,
        logprobs: Value,
        message: Value,
    }

    /// What is new.
    Delta {
        role: Value,
        content: Value,
        reasoning_content: Value,
        reasoning: Value,
        reasoning_text: Value,
        reasoning_details: Value,
        refusal: String,
        annotations: Value,
        audio: Value,
        images: Value,
        tool_calls: Several,
        function_call: FunctionDelta,
    }

    /// More of a call. Servers write numbers as texts and texts as numbers.
    CallDelta {
        index: Value,
        id: Value,
        function: FunctionDelta,
        custom: FunctionDelta,
    }

    /// More of what is called, and with what.
    FunctionDelta {
        name: String,
        arguments: Value,
        input: Value,
    }
}
