//! The recorder that goes with the stores in memory: straight in, without a spool, as neither outlives the process.

use std::sync::Arc;

use contract::ports::{RecordError, Recorder, Settled};

use super::Memory;
use super::ledger::line;

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
    fn record(&self, settled: &Settled) -> Result<(), RecordError> {
        let mut state = self.0.state();
        state.log.add(settled.request.clone());
        for attempt in &settled.attempts {
            state.ledger.add(line(&settled.request, attempt.clone()));
        }
        Ok(())
    }
}
