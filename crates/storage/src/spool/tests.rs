//! What survives: dropped spools, torn lines, a database that is away.

use std::sync::atomic::{AtomicBool, Ordering};

use contract::ports::{
    Batch, BoxFuture, LedgerFilter, LedgerLine, LogFilter, LogStore, Page, PageRequest, StoreError,
};
use testkit::clock::VirtualClock;

use super::*;
use crate::memory::Memory;
use crate::sample::settled;

const ROOM: u64 = 1 << 30;

/// A database that can go away.
struct Flaky {
    memory: Arc<Memory>,
    away: AtomicBool,
}

impl Flaky {
    fn new(away: bool) -> Arc<Self> {
        Arc::new(Self { memory: Memory::new(), away: AtomicBool::new(away) })
    }

    async fn numbers(&self) -> Vec<i64> {
        let page = PageRequest { cursor: None, limit: 1_000 };
        let found = self.memory.requests(LogFilter::default(), page).await.unwrap();
        found.items.iter().rev().map(|entry| (entry.at.0 - crate::sample::at(0).0) / 1_000_000).collect()
    }
}

impl LedgerStore for Flaky {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.away.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::Unavailable("away".to_owned())) });
        }
        self.memory.append(batch)
    }

    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        self.memory.attempts(filter, page)
    }
}

/// A spool with its tasks.
struct Running {
    spool: Spool,
    clock: VirtualClock,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    fn start(spool: Spool, ledger: Arc<Flaky>) -> Self {
        let running = Self {
            spool,
            clock: VirtualClock::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        running.spool.start(ledger, Arc::new(running.clock.clone()), &running.tasks, running.stop.clone());
        running
    }

    async fn flush(&self) {
        let flushed = self.spool.flush(Duration::from_secs(60), &self.clock);
        assert!(testkit::soon("a flush", flushed).await);
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        testkit::soon("the end of the tasks", self.tasks.wait()).await;
    }
}

fn record(spool: &Spool, numbers: std::ops::Range<u32>) {
    for number in numbers {
        spool.record(&settled(number)).unwrap();
    }
}

fn upto(number: i64) -> Vec<i64> {
    (0..number).collect()
}

/// Reads what waits as the drain would, without a database.
fn read_all(spool: &Spool) -> (Vec<RequestEntry>, Vec<AttemptEntry>, u64) {
    let (mut requests, mut attempts, mut torn) = (Vec::new(), Vec::new(), 0);
    let mut reader = Reader::default();
    loop {
        let chunk = spool.0.next_chunk(&mut reader).unwrap();
        if chunk.bytes == 0 {
            return (requests, attempts, torn);
        }
        torn += chunk.torn;
        spool.0.moved(chunk.next, chunk.records, chunk.torn, chunk.bytes).unwrap();
        requests.extend(chunk.batch.requests);
        attempts.extend(chunk.batch.attempts.into_iter().map(|(_, attempt)| attempt));
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    found
}

#[test]
fn what_was_recorded_is_read_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let expected: Vec<Settled> = (0..5).map(settled).collect();
    let requests: Vec<RequestEntry> = expected.iter().map(|one| one.request.clone()).collect();
    let attempts: Vec<AttemptEntry> = expected.iter().flat_map(|one| one.attempts.clone()).collect();

    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..5);
    drop(spool);
    // From the file, as after a death of the process.
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    assert_eq!(read_all(&spool), (requests.clone(), attempts.clone(), 0));
    // From memory, as in a drain that keeps up.
    record(&spool, 0..5);
    assert_eq!(read_all(&spool), (requests, attempts, 0));
    assert_eq!(spool.depth().waiting_bytes, 0);
}

#[tokio::test]
async fn a_dead_process_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..100);
    // Nothing is flushed or closed by us: dropping does what the kernel does with the files of a killed process.
    drop(spool);
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    assert!(spool.depth().waiting_bytes > 0);
    let ledger = Flaky::new(false);
    let running = Running::start(spool, ledger.clone());
    record(&running.spool, 100..120);
    running.flush().await;
    assert_eq!(ledger.numbers().await, upto(120));
    let depth = running.spool.depth();
    assert_eq!((depth.waiting_bytes, depth.waiting_records, depth.drained), (0, 0, 120));
    running.end().await;
}

#[tokio::test]
async fn a_death_in_the_middle_of_draining_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Flaky::new(false);
    let running = Running::start(Spool::open(dir.path(), ROOM).unwrap(), ledger.clone());
    record(&running.spool, 0..10);
    running.flush().await;
    ledger.away.store(true, Ordering::Relaxed);
    record(&running.spool, 10..20);
    running.end().await;

    ledger.away.store(false, Ordering::Relaxed);
    let running = Running::start(Spool::open(dir.path(), ROOM).unwrap(), ledger.clone());
    running.flush().await;
    assert_eq!(running.spool.depth().drained, 10, "what the database has is not sent again");
    assert_eq!(ledger.numbers().await, upto(20));
    running.end().await;
}

#[tokio::test]
async fn a_database_that_comes_back_gets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Flaky::new(true);
    let running = Running::start(Spool::open(dir.path(), ROOM).unwrap(), ledger.clone());
    record(&running.spool, 0..50);
    for _ in 0..4 {
        // The drain waits longer and longer, the sync task ticks.
        running.clock.sleepers(2).await;
        running.clock.advance(Duration::from_secs(10));
    }
    running.clock.sleepers(2).await;
    let depth = running.spool.depth();
    assert!(depth.failures >= 2 && depth.waiting_records == 50 && depth.drained == 0, "{depth:?}");
    let in_vain = running.spool.flush(Duration::from_secs(1), &running.clock);
    let later = async {
        running.clock.sleepers(3).await;
        running.clock.advance(Duration::from_secs(1));
    };
    let (flushed, ()) = tokio::join!(in_vain, later);
    assert!(!flushed, "the deadline passed");

    ledger.away.store(false, Ordering::Relaxed);
    running.flush().await;
    assert_eq!(ledger.numbers().await, upto(50));
    running.end().await;
}

#[test]
fn a_tail_torn_at_any_byte_costs_one_record_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..3);
    drop(spool);
    let whole = std::fs::read(&segments(dir.path())[0]).unwrap();
    for cut in 0..=whole.len() {
        let torn = tempfile::tempdir().unwrap();
        std::fs::write(torn.path().join("00000000000000000001.jsonl"), &whole[..cut]).unwrap();
        let spool = Spool::open(torn.path(), ROOM).unwrap();
        record(&spool, 7..8);
        let (requests, _, lines) = read_all(&spool);
        let left = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(requests.len(), left + 1, "cut at {cut}");
        assert_eq!(lines, u64::from(cut > 0 && whole[cut - 1] != b'\n'), "cut at {cut}");
        assert_eq!(spool.depth().waiting_bytes, 0, "cut at {cut}");
    }
}

#[test]
fn a_byte_changed_anywhere_costs_two_records_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..3);
    drop(spool);
    let mut bytes = std::fs::read(&segments(dir.path())[0]).unwrap();
    let mut texts = line::Texts::default();
    for at in 0..bytes.len() {
        bytes[at] ^= 0x11;
        let left = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| line::decode(line, &mut texts).is_some())
            .count();
        assert!(left == 1 || left == 2, "byte {at}: {left} left");
        bytes[at] ^= 0x11;
    }
}

#[tokio::test]
async fn drained_segments_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Flaky::new(false);
    let running = Running::start(Spool::with_segments(dir.path(), ROOM, 5_000).unwrap(), ledger.clone());
    record(&running.spool, 0..100);
    assert!(segments(dir.path()).len() > 10);
    running.flush().await;
    record(&running.spool, 100..101);
    running.flush().await;
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!(ledger.numbers().await, upto(101));
    running.end().await;
}

#[test]
fn a_full_spool_refuses_and_takes_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 10_000).unwrap();
    let taken = (0..100).filter(|number| spool.record(&settled(*number)).is_ok()).count();
    assert!(taken > 2 && taken < 100, "{taken}");
    assert_eq!(spool.depth().refused, 100 - taken as u64);
    assert_eq!(read_all(&spool).0.len(), taken);
    record(&spool, 0..1);
}

#[test]
fn a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    assert!(matches!(Spool::open(dir.path(), ROOM), Err(SpoolError::InUse(_))));
    drop(spool);
    Spool::open(dir.path(), ROOM).unwrap();
}

#[test]
fn long_lines_and_long_backlogs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    let mut long = settled(0);
    long.request.request_body = Some("é".repeat(3 << 20));
    spool.record(&long).unwrap();
    record(&spool, 1..6_000);
    drop(spool);
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    let (requests, _, torn) = read_all(&spool);
    assert_eq!((requests.len(), torn), (6_000, 0));
    assert_eq!(requests[0], long.request);
    assert_eq!(requests[5_999], settled(5_999).request);
}

#[test]
fn records_beyond_what_memory_keeps_come_from_the_file_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..6_000);
    let (requests, attempts, torn) = read_all(&spool);
    assert_eq!((requests.len(), attempts.len(), torn), (6_000, 12_000, 0));
    for (number, request) in (0_u32..).zip(&requests) {
        assert_eq!(request.at, crate::sample::at(number));
    }
}

#[test]
fn the_first_format_is_readable_for_ever() {
    let kept = include_bytes!("../../tests/samples/spool-1.jsonl");
    let mut texts = line::Texts::default();
    let read: Vec<_> =
        kept.split(|byte| *byte == b'\n').filter_map(|line| line::decode(line, &mut texts)).collect();
    let expected: Vec<_> = (0..3).map(settled).map(|one| (one.request, one.attempts)).collect();
    assert_eq!(read, expected);
}

#[test]
#[ignore = "makes the file to be kept as the sample of a format"]
fn make_a_sample() {
    let dir = tempfile::tempdir().unwrap();
    record(&Spool::open(dir.path(), ROOM).unwrap(), 0..3);
    println!("{}", std::fs::read_to_string(&segments(dir.path())[0]).unwrap());
}
