//! Cursors: the position of the last entry of a page. Opaque to callers, checked when they come back.

use contract::ports::{LedgerLine, RequestEntry, StoreError};
use contract::words::{Id, IdKind};

/// The place of a line of log or ledger. Ids begin with the time of arrival, so this order is that of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) request: Id,
    /// Of the attempt; 0 in the log.
    pub(crate) number: u32,
}

/// What has a place: no two lines have the same.
pub(crate) trait Line {
    fn position(&self) -> Position;
}

impl Line for RequestEntry {
    fn position(&self) -> Position {
        Position { request: self.id, number: 0 }
    }
}

impl Line for LedgerLine {
    fn position(&self) -> Position {
        Position { request: self.request, number: self.attempt.number }
    }
}

impl Position {
    pub(crate) fn encode(self) -> String {
        format!("l{:08x}{}", self.number, self.request)
    }

    pub(crate) fn decode(text: &str) -> Result<Self, StoreError> {
        let rest = text.strip_prefix('l').ok_or(StoreError::Cursor)?;
        let (number, request) = rest.split_at_checked(8).ok_or(StoreError::Cursor)?;
        let number = u32::from_str_radix(number, 16).map_err(|_| StoreError::Cursor)?;
        let request: Id = request.parse().map_err(|_| StoreError::Cursor)?;
        if request.kind() != IdKind::Request {
            return Err(StoreError::Cursor);
        }
        Ok(Self { request, number })
    }
}

/// Where a page in id order ended.
pub(crate) fn encode_name(id: &str) -> String {
    id.bytes().fold(String::from("n"), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// The id that [`encode_name`] wrote.
pub(crate) fn decode_name(text: &str) -> Result<String, StoreError> {
    let digits = text.strip_prefix('n').ok_or(StoreError::Cursor)?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(StoreError::Cursor);
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(StoreError::Cursor)
}

/// The most entries a page may have.
const MAX_PAGE: u32 = 1_000;

/// How many entries a page shall have: 1 to 1,000.
pub(crate) fn page_size(limit: u32) -> u32 {
    limit.clamp(1, MAX_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back() {
        let request = Id::new(IdKind::Request);
        for position in [Position { request, number: 0 }, Position { request, number: u32::MAX }] {
            assert_eq!(Position::decode(&position.encode()).unwrap(), position);
        }
        for id in ["", "key_1", "ключ"] {
            assert_eq!(decode_name(&encode_name(id)).unwrap(), id);
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        let of_a_key = format!("l00000000{}", Id::new(IdKind::Key));
        for text in
            ["", "l", "l12", "n1", "nzz", "n\u{e9}", "x00", "l000000\u{e9}00", "l00000000req_1", &of_a_key]
        {
            assert!(Position::decode(text).is_err(), "{text}");
            assert!(decode_name(text).is_err(), "{text}");
        }
    }
}
