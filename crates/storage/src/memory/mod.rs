//! Stores that keep nothing beyond the process: for tests and for a first try without a file.
//!
//! Not a cache: what is dropped is gone. Log and ledger keep their newest [`KEPT`] lines each.

mod ledger;
mod log;
mod natives;
mod recorder;
mod resources;
mod responses;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::ports::{Entries, LedgerLine, Page, RequestEntry, Resource};

pub use natives::MemoryNatives;
pub use recorder::MemoryRecorder;
pub use responses::MemoryResponses;
pub(crate) use responses::{REMEMBERED, is_remembered};

use crate::cursor::{Line, Position};

/// The most lines of the log, and of the ledger, that are kept.
pub const KEPT: usize = 10_000;

/// All three stores in one.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    resources: BTreeMap<(&'static str, String), Resource>,
    revision: i64,
    log: Lines<RequestEntry>,
    ledger: Lines<LedgerLine>,
}

impl State {
    fn keep(&mut self, entries: &Entries) {
        self.log.add(entries.request.clone());
        for attempt in &entries.attempts {
            self.ledger.add(ledger::line(&entries.request, attempt.clone()));
        }
    }
}

impl Memory {
    /// Empty stores.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest lines in the order they came.
#[derive(Debug)]
struct Lines<T> {
    lines: VecDeque<T>,
    there: HashSet<Position>,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: VecDeque::new(), there: HashSet::new() }
    }
}

impl<T: Line + Clone> Lines<T> {
    /// Adds a line unless it is there already.
    fn add(&mut self, line: T) {
        if !self.there.insert(line.position()) {
            return;
        }
        self.lines.push_back(line);
        if self.lines.len() > KEPT
            && let Some(oldest) = self.lines.pop_front()
        {
            self.there.remove(&oldest.position());
        }
    }

    /// The page after this position, newest first, of lines that the filter keeps.
    fn page(&self, after: Option<Position>, limit: u32, keeps: impl Fn(&T) -> bool) -> Page<T> {
        let mut found: Vec<(Position, &T)> = self
            .lines
            .iter()
            .map(|line| (line.position(), line))
            .filter(|(position, line)| after.is_none_or(|after| *position < after) && keeps(line))
            .collect();
        found.sort_unstable_by_key(|(position, _)| Reverse(*position));
        let shown = found.len().min(limit as usize);
        let next =
            if found.len() > shown { shown.checked_sub(1).map(|last| found[last].0.encode()) } else { None };
        Page { items: found.into_iter().take(shown).map(|(_, line)| line.clone()).collect(), next }
    }
}
