//! Stores that keep nothing beyond the process: for tests and for a first try without a file.
//!
//! Not a cache: what is dropped is gone. Log and ledger keep their newest [`KEPT`] lines each.

mod ledger;
mod log;
mod recorder;
mod resources;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::ports::{LedgerLine, Page, RequestEntry, Resource};
use contract::words::{Id, Timestamp};

pub use recorder::MemoryRecorder;

use crate::cursor::Position;

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

/// What tells two lines apart, and their time.
trait Line: Clone {
    type Name: Copy + Eq + std::hash::Hash;
    fn name(&self) -> Self::Name;
    fn at(&self) -> Timestamp;
}

impl Line for RequestEntry {
    type Name = Id;
    fn name(&self) -> Id {
        self.id
    }
    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Line for LedgerLine {
    type Name = (Id, u32);
    fn name(&self) -> (Id, u32) {
        (self.request, self.attempt.number)
    }
    fn at(&self) -> Timestamp {
        self.attempt.at
    }
}

/// The newest lines in the order they came.
#[derive(Debug)]
struct Lines<T: Line> {
    seq: i64,
    lines: VecDeque<(i64, T)>,
    names: HashSet<T::Name>,
}

impl<T: Line> Default for Lines<T> {
    fn default() -> Self {
        Self { seq: 0, lines: VecDeque::new(), names: HashSet::new() }
    }
}

impl<T: Line> Lines<T> {
    /// Adds a line unless it is there already.
    fn add(&mut self, line: T) {
        if !self.names.insert(line.name()) {
            return;
        }
        self.seq += 1;
        self.lines.push_back((self.seq, line));
        if self.lines.len() > KEPT
            && let Some((_, oldest)) = self.lines.pop_front()
        {
            self.names.remove(&oldest.name());
        }
    }

    /// The page after this position, newest first, of lines that the filter keeps.
    fn page(&self, after: Option<Position>, limit: u32, keeps: impl Fn(&T) -> bool) -> Page<T> {
        let mut found: Vec<(Position, &T)> = self
            .lines
            .iter()
            .map(|(seq, line)| (Position { at: line.at().0, seq: *seq }, line))
            .filter(|(position, line)| after.is_none_or(|after| *position < after) && keeps(line))
            .collect();
        found.sort_unstable_by_key(|(position, _)| Reverse(*position));
        let shown = found.len().min(limit as usize);
        let next =
            if found.len() > shown { shown.checked_sub(1).map(|last| found[last].0.encode()) } else { None };
        Page { items: found.into_iter().take(shown).map(|(_, line)| line.clone()).collect(), next }
    }
}
