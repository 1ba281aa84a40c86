//! Taking a JSON object apart: each field is taken out by its type, a fault names its path, what is left is extra.
//!
//! `null` counts as absent everywhere, as the services themselves treat it.

use contract::canon::Extra;
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value};

/// An object of a client's request with the path that leads to it, such as `messages[2]`.
#[derive(Debug)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    path: String,
}

/// Parses a request body.
///
/// # Errors
/// `invalid_encoding`, `invalid_json`, and `invalid_request` when it is not an object.
pub(crate) fn body(bytes: &[u8]) -> Result<Fields, Fault> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Fault::new(Code::InvalidEncoding).because(error))?;
    let value: Value = serde_json::from_str(text).map_err(|error| invalid_json(&error))?;
    Fields::of(value, String::new())
}

/// The fault for a body that serde could not read; it tells a syntax error from a wrong type.
pub(crate) fn invalid_json(error: &serde_json::Error) -> Fault {
    let code = if error.is_data() { Code::InvalidRequest } else { Code::InvalidJson };
    Fault::saying(code, format!("{} ({error})", code.text().trim_end_matches('.')))
}

/// A field holds something else than it must.
pub(crate) fn wrong(path: &str, expected: &str) -> Fault {
    let message = if path.is_empty() {
        format!("The request body must be {expected}.")
    } else {
        format!("'{path}' must be {expected}.")
    };
    let fault = Fault::saying(Code::InvalidRequest, message);
    if path.is_empty() { fault } else { fault.at(path) }
}

/// A field that must be there is not.
pub(crate) fn missing(path: &str) -> Fault {
    Fault::saying(Code::InvalidRequest, format!("'{path}' is missing.")).at(path)
}

impl Fields {
    /// An object at a path.
    pub(crate) fn of(value: Value, path: impl Into<String>) -> Result<Self, Fault> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(wrong(&path, "a JSON object")),
        }
    }

    /// The path of one of its fields.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Is the field there and not null?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// A string field, looked at only.
    pub(crate) fn peek(&self, name: &str) -> Option<&str> {
        self.map.get(name).and_then(Value::as_str)
    }

    /// Is the field an object?
    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_object)
    }

    /// Takes a field if it is a boolean; anything else stays.
    pub(crate) fn take_flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.map.get(name)?.as_bool()?;
        self.map.shift_remove(name);
        Some(flag)
    }

    /// Takes a field if it is a whole number of at least 0; anything else stays.
    pub(crate) fn take_count(&mut self, name: &str) -> Option<u64> {
        let count = self.map.get(name)?.as_u64()?;
        self.map.shift_remove(name);
        Some(count)
    }

    /// Takes a field if it is a string; anything else stays.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        let text = self.map.get_mut(name).filter(|value| value.is_string())?.take();
        self.map.shift_remove(name);
        if let Value::String(text) = text { Some(text) } else { None }
    }

    /// Any value.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Puts a value back, for what turned out to have no word in canon.
    pub(crate) fn put_back(&mut self, name: &str, value: Value) {
        self.map.insert(name.to_owned(), value);
    }

    /// A string.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(&self.path(name), "a string")),
        }
    }

    /// A string that must be there.
    pub(crate) fn need_text(&mut self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| missing(&self.path(name)))
    }

    /// A boolean.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(wrong(&self.path(name), "true or false")),
        }
    }

    /// A whole number of at least 0.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u64>, Fault> {
        self.number(name, Value::as_u64, "a whole number of at least 0")
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        self.number(name, Value::as_i64, "a whole number")
    }

    /// A number.
    pub(crate) fn float(&mut self, name: &str) -> Result<Option<f64>, Fault> {
        self.number(name, Value::as_f64, "a number")
    }

    fn number<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => read(&value).map(Some).ok_or_else(|| wrong(&self.path(name), expected)),
        }
    }

    /// An array.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(wrong(&self.path(name), "an array")),
        }
    }

    /// An object to be taken apart in turn.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, Fault> {
        let path = self.path(name);
        self.value(name).map(|value| Self::of(value, path)).transpose()
    }

    /// An object to be taken apart in turn, that must be there.
    pub(crate) fn need_object(&mut self, name: &str) -> Result<Self, Fault> {
        self.object(name)?.ok_or_else(|| missing(&self.path(name)))
    }

    /// Everything that was not taken, nulls left out.
    pub(crate) fn left(self) -> Map<String, Value> {
        let mut map = self.map;
        map.retain(|_, value| !value.is_null());
        map
    }

    /// Everything that was not taken, as extra of a dialect.
    pub(crate) fn extra(self, owner: Dialect) -> Extra {
        let fields = self.left();
        Extra { owner: (!fields.is_empty()).then_some(owner), fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_name_the_path() {
        let mut outer = Fields::of(json!({"a": {"b": 1}, "n": -1, "z": null}), "").unwrap();
        assert_eq!(outer.count("n").unwrap_err().param(), Some("n"));
        assert!(!outer.has("z"));
        let mut inner = outer.need_object("a").unwrap();
        assert_eq!(inner.text("b").unwrap_err().param(), Some("a.b"));
        assert_eq!(inner.need_text("c").unwrap_err().param(), Some("a.c"));
        assert!(outer.left().is_empty());
    }

    #[test]
    fn bodies_fail_by_kind() {
        for (bytes, code) in [
            (&b"\xff{}"[..], Code::InvalidEncoding),
            (b"", Code::InvalidJson),
            (b"{", Code::InvalidJson),
            (b"[]", Code::InvalidRequest),
        ] {
            assert_eq!(body(bytes).unwrap_err().code(), code);
        }
        let deep = "[".repeat(100_000);
        assert_eq!(body(deep.as_bytes()).unwrap_err().code(), Code::InvalidJson);
    }
}
