//! Records on their way from the spool to the database.

use std::ops::Range;

use contract::ports::{BoxFuture, Entries, StoreError};

use crate::record;

/// What is kept of some requests, as the spool had it.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
}

/// Where the spool sends what it has: the way into ledger and request log.
pub trait Sink: Send + Sync {
    /// Appends a batch in one transaction. Lines that are there already are left alone, so a batch may be sent again.
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>>;
}

impl Batch {
    /// A batch of these entries.
    #[must_use]
    pub fn of(entries: &[Entries]) -> Self {
        let mut batch = Self::default();
        for one in entries {
            let start = batch.bytes.len();
            if record::write(&mut batch.bytes, one).is_ok() {
                batch.records.push(start..batch.bytes.len());
            }
        }
        batch
    }

    pub(crate) const fn new(bytes: Vec<u8>, records: Vec<Range<usize>>) -> Self {
        Self { bytes, records }
    }

    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    /// The records in the order of the requests' ids, each of them still as bytes.
    pub(crate) fn by_id(&self) -> Vec<&[u8]> {
        let mut records: Vec<_> =
            self.records.iter().map(|at| &self.bytes[at.clone()]).map(|one| (record::id(one), one)).collect();
        records.sort_unstable_by_key(|(id, _)| *id);
        records.into_iter().map(|(_, one)| one).collect()
    }
}
