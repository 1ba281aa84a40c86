//! The newest records as they are in memory, so that a drain that keeps up need not read and parse what was just written.
//!
//! Only a shortcut: the file is the truth. What is not here, because the database was away or the process is new, is read
//! from the file.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::ports::Entries;

use super::files::Place;
use super::reader::{Chunk, MOST_RECORDS};

/// The most records kept here: about 5 MB.
const MOST: usize = MOST_RECORDS;
/// The most bytes of their lines: bodies may be long.
const MOST_BYTES: u64 = 2 << 20;
/// With this many waiting, the drain need not wait for more.
const ENOUGH: usize = 3_200;

/// One record and where its line stands.
#[derive(Debug)]
struct Fresh {
    start: Place,
    bytes: u64,
    entries: Arc<Entries>,
}

/// The newest records, oldest first.
#[derive(Debug, Default)]
pub(super) struct Newest {
    records: VecDeque<Fresh>,
    bytes: u64,
}

impl Newest {
    /// Keeps a record if there is room; true when the drain should come now.
    pub(super) fn add(&mut self, start: Place, bytes: u64, entries: Arc<Entries>) -> bool {
        if self.records.len() >= MOST || self.bytes + bytes > MOST_BYTES {
            return false;
        }
        self.bytes += bytes;
        self.records.push_back(Fresh { start, bytes, entries });
        self.records.len() == ENOUGH
    }

    /// The records from this place on that stand one after the other in one segment. None: they must be read from the file.
    pub(super) fn take(&mut self, from: Place) -> Option<Chunk> {
        while self.records.front().is_some_and(|first| first.start < from) {
            self.pop();
        }
        if self.records.front().is_none_or(|first| first.start != from) {
            return None;
        }
        let batch = Vec::with_capacity(self.records.len());
        let mut chunk = Chunk { batch, next: from, ..Chunk::default() };
        while chunk.batch.len() < MOST_RECORDS
            && self.records.front().is_some_and(|first| first.start == chunk.next)
        {
            let Some(record) = self.pop() else { break };
            chunk.next.offset += record.bytes;
            chunk.bytes += record.bytes;
            chunk.batch.push(record.entries);
        }
        Some(chunk)
    }

    fn pop(&mut self) -> Option<Fresh> {
        let record = self.records.pop_front()?;
        self.bytes -= record.bytes;
        Some(record)
    }
}
