//! One record of the spool: a frame of bytes that says by itself where it begins and whether it is whole.
//!
//! ```text
//! offset 0   "PGR1": here a record of format 1 begins
//!        4   length of the payload in bytes, u32, little endian
//!        8   CRC-32 (IEEE) of the payload, u32, little endian
//!       12   the payload: see `crate::record`
//!   behind   a line end, so that a record never ends in a zero: what has not been written yet is zeros
//! ```

use std::ops::Range;

use contract::ports::Entries;
use memchr::memmem;

use crate::record;

const MAGIC: [u8; 4] = *b"PGR1";
/// Length of what stands before the payload.
const HEAD: usize = 12;
/// What stands behind it.
const END: u8 = b'\n';
/// The longest payload: bodies in the log are capped below. A frame said to be longer is not one of ours.
pub(super) const LONGEST: usize = 64 << 20;

/// Writes a record into `frame`, replacing what is there. False: it would be longer than [`LONGEST`].
pub(super) fn encode(frame: &mut Vec<u8>, entries: &Entries) -> bool {
    frame.clear();
    frame.extend_from_slice(&[0; HEAD]);
    if record::write(frame, entries).is_err() {
        return false;
    }
    let (head, payload) = frame.split_at_mut(HEAD);
    let Ok(length) = u32::try_from(payload.len()) else { return false };
    if payload.len() > LONGEST {
        return false;
    }
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.push(END);
    true
}

/// What stands at the beginning of some bytes.
pub(super) enum Found {
    /// A whole record: where its payload is, and the length of its frame.
    Record(Range<usize>, usize),
    /// A record, if the bytes that are missing follow.
    Part,
    /// Nothing of ours, for this many bytes.
    Torn(usize),
}

/// Looks at the beginning of `bytes`, which are not empty. `last`: no more bytes follow.
pub(super) fn find(bytes: &[u8], last: bool) -> Found {
    let part = || if last { torn(bytes) } else { Found::Part };
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        let begun = bytes.iter().zip(&MAGIC).all(|(one, other)| one == other);
        return if begun { part() } else { torn(bytes) };
    };
    let length = number(&head[4..8]) as usize;
    if head[..4] != MAGIC || length > LONGEST {
        return torn(bytes);
    }
    let Some((payload, end)) = rest.get(..=length).map(|rest| rest.split_at(length)) else { return part() };
    if end != [END] || number(&head[8..]) != crc32fast::hash(payload) {
        return torn(bytes);
    }
    Found::Record(HEAD..HEAD + length, HEAD + length + 1)
}

/// Up to where the next record may begin.
fn torn(bytes: &[u8]) -> Found {
    Found::Torn(memmem::find(&bytes[1..], &MAGIC).map_or(bytes.len(), |at| at + 1))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
