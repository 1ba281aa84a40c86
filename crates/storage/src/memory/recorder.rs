//! The recorder that goes with the stores in memory: straight in, without a spool, as neither outlives the process.

use std::sync::Arc;

use contract::ports::{Entries, RecordError, Recorder};

use super::Memory;

/// Records into the stores in memory.
#[derive(Debug)]
pub struct MemoryRecorder(Arc<Memory>);

impl MemoryRecorder {
    /// A recorder for these stores.
    #[must_use]
    pub const fn new(memory: Arc<Memory>) -> Self {
        Self(memory)
    }
}

impl Recorder for MemoryRecorder {
    fn record(&self, entries: &Entries) -> Result<(), RecordError> {
        self.0.state().keep(entries);
        Ok(())
    }
}
