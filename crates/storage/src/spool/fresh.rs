//! The newest records as they are in memory, so that a drain that keeps up need not read and parse what was just written.
//!
//! Only a shortcut: the file is the truth. What is not here, because the database was away or the process is new, is read
//! from the file.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::ports::{AttemptEntry, Batch, RequestEntry};

use super::files::Place;
use super::reader::{Chunk, MOST_RECORDS, caller_of};

/// The most records kept here: about 1 MB.
const MOST: usize = 1_024;
/// The most bytes of their lines: bodies may be long.
const MOST_BYTES: u64 = 2 << 20;
/// With this many waiting, the drain need not wait for more.
pub(super) const ENOUGH: usize = 800;

/// One record and where its line stands.
#[derive(Debug)]
struct Fresh {
    start: Place,
    bytes: u64,
    entries: (RequestEntry, Vec<AttemptEntry>),
}

/// The newest records, oldest first.
#[derive(Debug, Default)]
pub(super) struct Newest {
    records: VecDeque<Fresh>,
    bytes: u64,
}

impl Newest {
    /// Keeps a record if there is room; true when the drain should come now.
    pub(super) fn add(
        &mut self,
        start: Place,
        bytes: u64,
        entries: (RequestEntry, Vec<AttemptEntry>),
    ) -> bool {
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
        let mut chunk = Chunk::with_room(from, self.records.len());
        while chunk.records < MOST_RECORDS
            && self.records.front().is_some_and(|first| first.start == chunk.next)
        {
            let Some(record) = self.pop() else { break };
            chunk.next.offset += record.bytes;
            chunk.bytes += record.bytes;
            let (request, attempts) = record.entries;
            chunk.add(request, attempts);
        }
        Some(chunk)
    }

    fn pop(&mut self) -> Option<Fresh> {
        let record = self.records.pop_front()?;
        self.bytes -= record.bytes;
        Some(record)
    }
}

impl Chunk {
    /// An empty one that begins here.
    fn with_room(from: Place, records: usize) -> Self {
        let (requests, attempts) = (Vec::with_capacity(records), Vec::with_capacity(records));
        Self { batch: Batch { requests, attempts }, next: from, ..Self::default() }
    }

    /// Adds a record to the batch.
    pub(super) fn add(&mut self, request: RequestEntry, attempts: Vec<AttemptEntry>) {
        self.records += 1;
        if !attempts.is_empty() {
            let caller = Arc::new(caller_of(&request));
            self.batch.attempts.extend(attempts.into_iter().map(|attempt| (Arc::clone(&caller), attempt)));
        }
        self.batch.requests.push(request);
    }
}
