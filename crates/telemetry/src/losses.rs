//! What the queues of this crate had to drop. Shared by those who drop and the metrics that show it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of what was lost since start.
#[derive(Debug, Default)]
pub struct Losses {
    log_lines: AtomicU64,
    spans: AtomicU64,
}

impl Losses {
    pub(crate) fn log_line(&self) {
        self.log_lines.fetch_add(1, Relaxed);
    }

    pub(crate) fn spans(&self, count: usize) {
        self.spans.fetch_add(count as u64, Relaxed);
    }

    /// Log lines that found the queue full.
    #[must_use]
    pub fn lost_log_lines(&self) -> u64 {
        self.log_lines.load(Relaxed)
    }

    /// Traces of requests that found the queue full or that the collector did not take.
    #[must_use]
    pub fn lost_traces(&self) -> u64 {
        self.spans.load(Relaxed)
    }
}
