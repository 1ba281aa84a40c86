//! Prefixed, time-ordered ids: `req_`, `key_`, `att_`. The body is a UUIDv7 in 32 hex digits.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::Timestamp;

/// What an id names. The prefix is part of the public interface and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// One request of a client.
    Request,
    /// One call to one deployment.
    Attempt,
    /// A virtual key.
    Key,
    /// An instance of the gateway.
    Instance,
}

impl IdKind {
    /// The text before the underscore.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Request => "req",
            Self::Attempt => "att",
            Self::Key => "key",
            Self::Instance => "ins",
        }
    }

    const ALL: [Self; 4] = [Self::Request, Self::Attempt, Self::Key, Self::Instance];
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

    /// A fresh id of something that happened at `now`. For the path of a request: unlike [`Id::new`] it asks the system for
    /// nothing, and ids of one millisecond are in no particular order.
    #[must_use]
    pub fn at(kind: IdKind, now: Timestamp) -> Self {
        let millis = u64::try_from(now.0 / 1_000).unwrap_or_default();
        let mut random = [0_u8; 10];
        random[..8].copy_from_slice(&next_random().to_le_bytes());
        random[8..].copy_from_slice(&next_random().to_le_bytes()[..2]);
        Self { kind, uuid: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid() }
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

/// The next number of this thread's generator (splitmix64), which begins at a place the system chose at random.
fn next_random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(Uuid::now_v7().as_u64_pair().1);
    }
    let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
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
    fn ids_of_the_path_carry_their_time_and_differ() {
        let now = Timestamp(1_700_000_000_123_456);
        let ids: std::collections::HashSet<Id> = (0..1_000).map(|_| Id::at(IdKind::Request, now)).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.bytes()[..6] == 1_700_000_000_123_u64.to_be_bytes()[2..]));
        assert!(ids.iter().all(|id| id.to_string().parse() == Ok(*id)));
        assert!(Id::at(IdKind::Request, now) < Id::at(IdKind::Request, Timestamp(now.0 + 1_000)));
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "req_", "req_12", "user_00000000000000000000000000000000", "req_zz"] {
            assert_eq!(text.parse::<Id>(), Err(IdError), "{text}");
        }
    }
}
