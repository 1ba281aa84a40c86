//! Reads a JSON object in two halves: one field as a typed value, everything else verbatim.
//!
//! `#[serde(flatten)]` would do the same but buffers every value, and a [`RawValue`](serde_json::value::RawValue) does
//! not survive that; tool arguments must, byte for byte. Next: the dialects' `block.rs` and `reply.rs`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The reader: the name of the field that becomes a `T`.
pub(crate) struct Split<T> {
    key: &'static str,
    typed: PhantomData<T>,
}

impl<T> Split<T> {
    /// Reads the field `key` as a `T`.
    pub(crate) const fn at(key: &'static str) -> Self {
        Self { key, typed: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Split<T> {
    type Value = (Option<T>, Map<String, Value>);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Split<T> {
    type Value = (Option<T>, Map<String, Value>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut typed = None;
        let mut rest = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                typed = map.next_value::<Option<T>>()?;
            } else {
                rest.insert(key, map.next_value()?);
            }
        }
        Ok((typed, rest))
    }
}
