//! Cursors: the position of the last entry of a page. Opaque to callers, checked when they come back.

use contract::ports::StoreError;

/// Where a time-ordered page ended: the time of its last entry, then its number in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) at: i64,
    pub(crate) seq: i64,
}

impl Position {
    pub(crate) fn encode(self) -> String {
        format!("t{:016x}{:016x}", self.at, self.seq)
    }

    pub(crate) fn decode(text: &str) -> Result<Self, StoreError> {
        let digits = text.strip_prefix('t').filter(|digits| digits.len() == 32).ok_or(StoreError::Cursor)?;
        let (at, seq) = digits.split_at_checked(16).ok_or(StoreError::Cursor)?;
        let number =
            |text| u64::from_str_radix(text, 16).map(u64::cast_signed).map_err(|_| StoreError::Cursor);
        Ok(Self { at: number(at)?, seq: number(seq)? })
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
        for position in [Position { at: 0, seq: 1 }, Position { at: -5, seq: i64::MAX }] {
            assert_eq!(Position::decode(&position.encode()).unwrap(), position);
        }
        for id in ["", "key_1", "ключ"] {
            assert_eq!(decode_name(&encode_name(id)).unwrap(), id);
        }
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "t", "t12", "n1", "nzz", "n\u{e9}", "x00", "t\u{e9}000000000000000000000000000000"] {
            assert!(Position::decode(text).is_err(), "{text}");
            assert!(decode_name(text).is_err(), "{text}");
        }
    }
}
