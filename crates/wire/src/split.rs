//! Reads a JSON object in two halves: one field as a typed value, everything else verbatim.
//!
//! `#[serde(flatten)]` would do the same but buffers every value, and a [`RawValue`](serde_json::value::RawValue) does
//! not survive that; tool arguments must, byte for byte. Next: the dialects' `block.rs` and `reply.rs`.

use std::fmt;
use std::marker::PhantomData;

use contract::{Code, Fault};
use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::fields::{Fields, invalid_json};

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

/// Reads a client's body: the field `key` as a `T`, and the other fields.
///
/// # Errors
/// [`Code::InvalidEncoding`] or [`Code::InvalidJson`] if it is no JSON, [`Code::InvalidRequest`] with the field if it has another
/// shape.
pub(crate) fn body<T: DeserializeOwned>(
    bytes: &[u8],
    key: &'static str,
) -> Result<(Option<T>, Fields), Fault> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Fault::new(Code::InvalidEncoding).because(error))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let (typed, rest) = Split::<T>::at(key)
        .deserialize(&mut json)
        .and_then(|split| json.end().map(|()| split))
        .map_err(|error| located::<T>(text, key, &error))?;
    Ok((typed, Fields::of(Value::Object(rest), "")?))
}

/// The fault with the field it is in, for which the body is read once more: only what fails pays for it.
fn located<T: DeserializeOwned>(body: &str, key: &'static str, error: &serde_json::Error) -> Fault {
    let mut json = serde_json::Deserializer::from_str(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let again = Split::<T>::at(key).deserialize(tracked);
    let path = track.path();
    if again.is_ok() || !error.is_data() || path.iter().next().is_none() {
        return invalid_json(error);
    }
    let path = path.to_string();
    Fault::saying(Code::InvalidRequest, format!("'{path}' is not valid ({error}).")).at(path)
}
