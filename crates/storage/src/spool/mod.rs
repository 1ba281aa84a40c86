//! The local write-ahead spool: what [`Recorder::record`] returned for is never lost to a dying process or an absent
//! database.
//!
//! A record is copied into a file that is mapped into memory before `record` returns. So
//! - the death of this process, `kill -9` included, loses nothing that was recorded;
//! - power loss or a kernel crash may lose the last 200 ms: files are synced 100 ms after a record at the latest, and a sync
//!   takes its time. What the database has acknowledged is not at risk: it syncs each batch before the spool forgets it;
//! - a database that is away costs nothing but disk space, up to `storage.spool.max_size`.
//!
//! The drain sends each record at least once and the database keeps it once. Only one process owns a spool folder.
//! Look next at `frame` for the format, `files` for the layout, `drain` for the tasks.

mod drain;
mod files;
mod frame;
mod reader;
mod segment;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::ports::{Clock, Entries, RecordError, Recorder};
use contract::words::Id;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use files::{Folder, Place, TakeError};
use reader::{Chunk, Limit, Reader};
use segment::Segment;

use crate::batch::Sink;

/// Size of a segment; a record that is longer gets one of its own size. What is written of it counts as memory of the process.
const SEGMENT: usize = 4 << 20;
/// A buffer that grew beyond this, because bodies are logged, is given back.
const KEPT_BUFFER: usize = 1 << 20;
/// With this many new records, the drain need not wait for more.
const ENOUGH: u64 = 3_200;

/// Why a spool cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process owns the folder.
    #[error("another process uses the spool {0}: give each its own storage.spool.dir")]
    InUse(PathBuf),
    /// The folder cannot be made or written.
    #[error("cannot use the spool {path}: {reason}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        reason: io::Error,
    },
    /// A file of the spool cannot be read or written.
    #[error("the spool failed: {0}")]
    Io(io::Error),
}

/// What waits, and what has happened since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Bytes that the database does not have yet.
    pub waiting_bytes: u64,
    /// Records that the database does not have yet, of those recorded by this process.
    pub waiting_records: u64,
    /// Records taken.
    pub recorded: u64,
    /// Records refused: the disk or the spool was full.
    pub refused: u64,
    /// Records sent to the database, those of an earlier process included.
    pub drained: u64,
    /// Places in the files that were left out because no whole record stood there.
    pub torn: u64,
    /// Tries to send a batch that failed.
    pub failures: u64,
}

/// The spool. Clones are the same spool.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Folder,
    max_size: u64,
    segment_size: usize,
    state: Mutex<State>,
    hurry: Notify,
    /// Bytes moved to the database since the start.
    moved: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    /// The segment being written.
    segment: Segment,
    /// Segments from the one being drained to the one being written, with the sizes of those that are closed.
    closed: VecDeque<(u64, u64)>,
    current: Place,
    drained: Place,
    /// Files written since the last sync.
    unsynced: Vec<Arc<File>>,
    dirty: bool,
    failing: bool,
    /// The first segment of this process.
    first_own: u64,
    depth: Depth,
}

impl Spool {
    /// Takes the folder, making it if needed. What an earlier process left in it is drained first.
    ///
    /// # Errors
    /// Another process owns it, or it cannot be written.
    pub fn open(dir: &Path, max_size: u64) -> Result<Self, SpoolError> {
        Self::with_segments(dir, max_size, SEGMENT)
    }

    fn with_segments(dir: &Path, max_size: u64, segment_size: usize) -> Result<Self, SpoolError> {
        let fail = |reason| SpoolError::Open { path: dir.to_owned(), reason };
        let folder = Folder::take(dir).map_err(|error| match error {
            TakeError::Taken => SpoolError::InUse(dir.to_owned()),
            TakeError::Io(error) => fail(error),
        })?;
        let state = State::resume(&folder, segment_size).map_err(fail)?;
        Ok(Self(Arc::new(Inner {
            folder,
            max_size,
            segment_size,
            state: Mutex::new(state),
            hurry: Notify::new(),
            moved: watch::Sender::new(0),
        })))
    }

    /// Starts draining into `sink`, and syncing, until `stop`. Call [`Spool::flush`] before stopping.
    pub fn start(
        &self,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        tasks.spawn(drain::drain(Arc::clone(&self.0), sink, Arc::clone(&clock), stop.clone()));
        tasks.spawn(drain::sync(Arc::clone(&self.0), clock, stop));
    }

    /// Waits until the database has everything recorded before this call. False: the deadline passed first; what is left is
    /// sent after the next start.
    pub async fn flush(&self, deadline: Duration, clock: &dyn Clock) -> bool {
        let target = {
            let state = self.0.state();
            *self.0.moved.borrow() + state.depth.waiting_bytes
        };
        let mut moved = self.0.moved.subscribe();
        self.0.hurry.notify_one();
        tokio::select! {
            biased;
            done = moved.wait_for(|moved| *moved >= target) => done.is_ok(),
            () = clock.sleep(deadline) => false,
        }
    }

    /// The name of this instance: that of each process that owns the folder, of which there is one at a time.
    #[must_use]
    pub fn instance(&self) -> Id {
        self.0.folder.instance()
    }

    /// What waits, and the counters.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.0.state().depth
    }
}

thread_local! {
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Recorder for Spool {
    fn record(&self, entries: &Entries) -> Result<(), RecordError> {
        FRAME.with_borrow_mut(|frame| {
            if !frame::encode(frame, entries) {
                return Err(RecordError(format!("an entry of more than {} MiB", frame::LONGEST >> 20)));
            }
            let written = self.0.append(frame);
            frame.shrink_to(KEPT_BUFFER);
            written.map_err(|error| RecordError(error.to_string()))
        })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, frame: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = self.append_to(&mut state, frame) {
            state.depth.refused += 1;
            return Err(error);
        }
        let enough = state.wrote(frame.len() as u64);
        drop(state);
        if enough {
            self.hurry.notify_one();
        }
        Ok(())
    }

    fn append_to(&self, state: &mut State, frame: &[u8]) -> io::Result<()> {
        if state.depth.waiting_bytes + frame.len() as u64 > self.max_size {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "storage.spool.max_size is reached"));
        }
        if !state.segment.append(frame) {
            state.next_segment(&self.folder, frame.len().max(self.segment_size))?;
            state.segment.append(frame);
        }
        Ok(())
    }

    /// The next records to send. No bytes: there is nothing at the moment.
    fn next_chunk(&self, reader: &mut Reader) -> io::Result<Chunk> {
        loop {
            let (from, limit) = {
                let state = self.state();
                let from = state.drained;
                let limit = match state.closed.front() {
                    Some((_, end)) => Limit { end: *end, closed: true },
                    None => Limit { end: state.current.offset, closed: false },
                };
                (from, limit)
            };
            let chunk = reader.read(&self.folder, from, limit)?;
            if chunk.bytes > 0 || !limit.closed {
                return Ok(chunk);
            }
            self.drop_oldest(from.segment)?;
        }
    }

    /// Deletes the oldest segment, which the database has whole.
    fn drop_oldest(&self, segment: u64) -> io::Result<()> {
        let place = {
            let mut state = self.state();
            // What of its listed size could not be read waits no more.
            let size = state.closed.pop_front().map_or(0, |(_, size)| size);
            let rest = size.saturating_sub(state.drained.offset);
            let next = state.closed.front().map_or(state.current.segment, |(next, _)| *next);
            state.drained = Place { segment: next, offset: 0 };
            self.waits_no_more(&mut state, rest);
            state.drained
        };
        self.folder.note_drained(place)?;
        self.folder.delete(segment)
    }

    /// The database has everything up to `place`.
    fn moved(&self, place: Place, records: u64, torn: u64, bytes: u64) -> io::Result<()> {
        {
            let mut state = self.state();
            state.drained = place;
            state.depth.drained += records;
            state.depth.torn += torn;
            if place.segment >= state.first_own {
                state.depth.waiting_records = state.depth.waiting_records.saturating_sub(records);
            }
            self.waits_no_more(&mut state, bytes);
        }
        self.folder.note_drained(place)
    }

    /// Both figures change under the one lock, because `flush` adds them up.
    fn waits_no_more(&self, state: &mut State, bytes: u64) {
        state.depth.waiting_bytes = state.depth.waiting_bytes.saturating_sub(bytes);
        self.moved.send_modify(|moved| *moved += bytes);
    }

    /// Notes whether the last batch got through; true when that is news.
    fn drain_state(&self, works: bool) -> bool {
        let mut state = self.state();
        state.depth.failures += u64::from(!works);
        std::mem::replace(&mut state.failing, !works) == works
    }

    /// Syncs the files written since the last time.
    fn sync(&self) -> io::Result<()> {
        let (files, new_names) = {
            let mut state = self.state();
            let mut files = std::mem::take(&mut state.unsynced);
            let new_names = !files.is_empty();
            if std::mem::take(&mut state.dirty) {
                files.push(Arc::clone(state.segment.file()));
            }
            (files, new_names)
        };
        for file in &files {
            file.sync_data()?;
        }
        if new_names { self.folder.sync() } else { Ok(()) }
    }
}

impl State {
    /// Begins a new segment after those that an earlier process left.
    fn resume(folder: &Folder, segment_size: usize) -> io::Result<Self> {
        let noted = folder.drained();
        let found = folder.segments()?;
        let mut closed = VecDeque::with_capacity(found.len());
        for (segment, size) in &found {
            // Drained, but the process died before it could delete it.
            if *segment < noted.segment {
                folder.delete(*segment)?;
            } else {
                closed.push_back((*segment, *size));
            }
        }
        let drained = match closed.front() {
            Some((segment, size)) if *segment == noted.segment => {
                Place { segment: *segment, offset: noted.offset.min(*size) }
            }
            Some((segment, _)) => Place { segment: *segment, offset: 0 },
            None => Place::default(),
        };
        let last = found.last().map_or(0, |(segment, _)| *segment).max(noted.segment);
        let current = Place { segment: last + 1, offset: 0 };
        let segment = folder.create(current.segment, segment_size)?;
        folder.sync()?;
        let waiting = closed.iter().map(|(_, size)| size).sum::<u64>() - drained.offset;
        Ok(Self {
            segment,
            drained: if closed.is_empty() { current } else { drained },
            closed,
            current,
            unsynced: Vec::new(),
            dirty: false,
            failing: false,
            first_own: current.segment,
            depth: Depth { waiting_bytes: waiting, ..Depth::default() },
        })
    }

    fn next_segment(&mut self, folder: &Folder, size: usize) -> io::Result<()> {
        let next = self.current.segment + 1;
        let full = std::mem::replace(&mut self.segment, folder.create(next, size)?);
        self.closed.push_back((self.current.segment, full.end()));
        self.unsynced.push(Arc::clone(full.file()));
        self.current = Place { segment: next, offset: 0 };
        Ok(())
    }

    /// Counts a record that was written; true when enough have come for a batch.
    fn wrote(&mut self, bytes: u64) -> bool {
        self.current.offset += bytes;
        self.dirty = true;
        self.depth.recorded += 1;
        self.depth.waiting_records += 1;
        self.depth.waiting_bytes += bytes;
        self.depth.recorded.is_multiple_of(ENOUGH)
    }
}
