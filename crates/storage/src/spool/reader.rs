//! Reads segments in order, in batches of bounded size, and steps over what was torn.

use std::fs::File;
use std::io;

use contract::ports::{Batch, RequestEntry};

use super::files::{Folder, Place, read_at};
use super::line::{self, Texts};

/// The most records in a batch.
pub(super) const MOST_RECORDS: u64 = 2_000;
/// Read at once; also about the most bytes in a batch.
const READ: usize = 1 << 20;
/// A longer line cannot be one of ours: bodies in the log are capped far below.
const LONGEST: usize = 64 << 20;

/// What was read in one go.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) batch: Batch,
    /// Where the next one begins.
    pub(super) next: Place,
    /// Whole records in the batch.
    pub(super) records: u64,
    /// Lines that were not whole records.
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
    buffer: Vec<u8>,
    texts: Texts,
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
            self.buffer.resize(size, 0);
            let file = match &mut self.open {
                Some((segment, file)) if *segment == from.segment => file,
                open => &mut open.insert((from.segment, folder.open(from.segment)?)).1,
            };
            let read = read_at(file, &mut self.buffer, from.offset)?;
            self.buffer.truncate(read);
            let at_end = read == left || read < size;
            let mut chunk = self.parse(from, at_end && limit.closed, want >= LONGEST);
            chunk.caught_up = !limit.closed && chunk.next.offset == limit.end;
            if chunk.bytes > 0 || at_end {
                self.buffer.shrink_to(READ);
                return Ok(chunk);
            }
            want *= 2;
        }
    }

    /// Takes whole lines; what follows the last line end is torn when nothing more can come.
    fn parse(&mut self, from: Place, last: bool, too_long: bool) -> Chunk {
        let mut chunk = Chunk::default();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &self.buffer) {
            if chunk.records >= MOST_RECORDS {
                break;
            }
            match line::decode(&self.buffer[start..end], &mut self.texts) {
                Some((request, attempts)) => chunk.add(request, attempts),
                None => chunk.torn += 1,
            }
            start = end + 1;
        }
        let full = chunk.records >= MOST_RECORDS;
        if (last && !full || too_long && start == 0) && start < self.buffer.len() {
            chunk.torn += 1;
            start = self.buffer.len();
        }
        chunk.bytes = start as u64;
        chunk.next = Place { segment: from.segment, offset: from.offset + chunk.bytes };
        chunk
    }
}

/// What a ledger line needs of its request, without what is long.
pub(super) fn caller_of(request: &RequestEntry) -> RequestEntry {
    RequestEntry {
        id: request.id,
        at: request.at,
        dialect: request.dialect,
        operation: request.operation,
        key: request.key,
        key_name: request.key_name.clone(),
        org: request.org.clone(),
        team: request.team.clone(),
        app: request.app.clone(),
        user: None,
        tags: Vec::new(),
        client: request.client,
        model: request.model.clone(),
        deployment: request.deployment.clone(),
        stream: request.stream,
        status: request.status,
        outcome: request.outcome,
        error: None,
        detail: None,
        attempts: request.attempts,
        usage: request.usage,
        cost: request.cost,
        ttft_us: request.ttft_us,
        duration_us: request.duration_us,
        bytes_in: request.bytes_in,
        bytes_out: request.bytes_out,
        dropped: Vec::new(),
        trace_id: None,
        snapshot: request.snapshot,
        request_body: None,
        response_body: None,
    }
}
