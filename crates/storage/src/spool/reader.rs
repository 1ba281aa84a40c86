//! Reads segments in order, in batches of bounded size, and steps over what was torn.

use std::fs::File;
use std::io;

use super::files::{Folder, Place, read_at};
use super::frame::{self, Found};
use crate::batch::Batch;

/// The most records in a batch.
const MOST_RECORDS: usize = 4_000;
/// Read at once; also about the most bytes in a batch.
const READ: usize = 1 << 20;

/// What was read in one go.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) batch: Batch,
    /// Where the next one begins.
    pub(super) next: Place,
    /// Places where something else than whole records stood.
    pub(super) torn: u64,
    /// How far it went.
    pub(super) bytes: u64,
    /// Was this all there is at the moment?
    pub(super) caught_up: bool,
}

/// Up to where to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// Bytes of the segment that are there.
    pub(super) end: u64,
    /// Will nothing be added to it?
    pub(super) closed: bool,
}

/// Reads one segment after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<(u64, File)>,
}

impl Reader {
    /// The next batch from `from`, all in one segment. A chunk of no bytes: the end was reached.
    pub(super) fn read(&mut self, folder: &Folder, from: Place, limit: Limit) -> io::Result<Chunk> {
        let left = usize::try_from(limit.end.saturating_sub(from.offset)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(Chunk { next: from, caught_up: !limit.closed, ..Chunk::default() });
        }
        let mut want = READ;
        loop {
            let size = want.min(left);
            let mut bytes = vec![0; size];
            let file = match &mut self.open {
                Some((segment, file)) if *segment == from.segment => file,
                open => &mut open.insert((from.segment, folder.open(from.segment)?)).1,
            };
            let read = read_at(file, &mut bytes, from.offset)?;
            bytes.truncate(read);
            let at_end = read == left || read < size;
            let mut chunk = parse(bytes, from, at_end);
            chunk.caught_up = !limit.closed && chunk.next.offset == limit.end;
            if chunk.bytes > 0 || at_end {
                return Ok(chunk);
            }
            want *= 2;
        }
    }
}

/// Takes whole records and steps over what is none. `last`: up to `Limit::end` nothing more can come.
fn parse(bytes: Vec<u8>, from: Place, last: bool) -> Chunk {
    let (mut records, mut at, mut torn) = (Vec::new(), 0, 0);
    while at < bytes.len() && records.len() < MOST_RECORDS {
        at += match frame::find(&bytes[at..], last) {
            Found::Record(payload, length) => {
                records.push(at + payload.start..at + payload.end);
                length
            }
            Found::Torn(length) => {
                torn += 1;
                length
            }
            Found::Part => break,
        };
    }
    Chunk {
        batch: Batch::new(bytes, records),
        next: Place { segment: from.segment, offset: from.offset + at as u64 },
        torn,
        bytes: at as u64,
        caught_up: false,
    }
}
