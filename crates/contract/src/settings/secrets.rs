//! A secret in a configuration: given as text after `${ENV}` was put in, or as `file:PATH`, read by the loader.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::words::Secret;

/// A secret as configured. By the time it is deserialised the loader has replaced `${ENV}` and `file:` by the value.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// From a value at hand.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret.
    #[must_use]
    pub fn reveal(&self) -> Secret {
        Secret::new(self.0.as_str())
    }

    /// Is nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("[secret]")
    }
}

impl schemars::JsonSchema for SecretText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "secret",
            "description": "A secret: the text itself, `${ENV_NAME}`, or `file:PATH`."
        })
    }
}
