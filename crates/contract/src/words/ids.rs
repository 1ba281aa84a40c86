//! Prefixed, time-ordered ids: `req_`, `key_`, `att_`. The body is a UUIDv7 in 32 hex digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What an id names. The prefix is part of the public interface and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// One request of a client.
    Request,
    /// One call to one deployment.
    Attempt,
    /// A virtual key.
    Key,
}

impl IdKind {
    /// The text before the underscore.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Request => "req",
            Self::Attempt => "att",
            Self::Key => "key",
        }
    }

    const ALL: [Self; 3] = [Self::Request, Self::Attempt, Self::Key];
}

/// A prefixed UUIDv7. Ids made later compare greater (to the millisecond, then by counter).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    kind: IdKind,
    uuid: Uuid,
}

/// The text is not an id of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id: expected a prefix such as `req_` and 32 hex digits")]
pub struct IdError;

impl Id {
    /// A fresh id of this kind.
    #[must_use]
    pub fn new(kind: IdKind) -> Self {
        Self { kind, uuid: Uuid::now_v7() }
    }

    /// An id from its parts, as stores keep it.
    #[must_use]
    pub const fn from_parts(kind: IdKind, bytes: [u8; 16]) -> Self {
        Self { kind, uuid: Uuid::from_bytes(bytes) }
    }

    /// What it names.
    #[must_use]
    pub const fn kind(&self) -> IdKind {
        self.kind
    }

    /// The 16 bytes behind the prefix, in sort order.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }

    /// The text form on the stack, for headers: no allocation.
    #[must_use]
    pub fn text(&self) -> IdText {
        let prefix = self.kind.prefix().as_bytes();
        let mut buf = [0_u8; 36];
        buf[..3].copy_from_slice(prefix);
        buf[3] = b'_';
        self.uuid.simple().encode_lower(&mut buf[4..]);
        IdText(buf)
    }
}

/// An id as text, held on the stack.
#[derive(Clone, Copy)]
pub struct IdText([u8; 36]);

impl IdText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (prefix, rest) = text.split_once('_').ok_or(IdError)?;
        let kind = IdKind::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or(IdError)?;
        if rest.len() != 32 {
            return Err(IdError);
        }
        let uuid = Uuid::try_parse(rest).map_err(|_| IdError)?;
        Ok(Self { kind, uuid })
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_sorts_by_time() {
        let first = Id::new(IdKind::Request);
        let second = Id::new(IdKind::Request);
        assert!(first < second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert!(first.to_string().starts_with("req_"));
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "req_", "req_12", "user_00000000000000000000000000000000", "req_zz"] {
            assert_eq!(text.parse::<Id>(), Err(IdError), "{text}");
        }
    }
}
