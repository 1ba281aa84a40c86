//! What survives: dead processes, torn records, a database that is away.

use std::sync::atomic::{AtomicBool, Ordering};

use contract::ports::{BoxFuture, StoreError};
use testkit::clock::VirtualClock;

use super::*;
use crate::batch::Batch;
use crate::record::Record;
use crate::sample::entries;

const ROOM: u64 = 1 << 30;

/// A database that can go away.
#[derive(Default)]
struct Flaky {
    numbers: Mutex<Vec<i64>>,
    away: AtomicBool,
}

impl Flaky {
    fn new(away: bool) -> Arc<Self> {
        Arc::new(Self { away: AtomicBool::new(away), ..Self::default() })
    }

    /// Of the records that came, in the order in which they came.
    fn numbers(&self) -> Vec<i64> {
        self.numbers.lock().unwrap().clone()
    }
}

impl Sink for Flaky {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.away.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::Unavailable("away".to_owned())) });
        }
        let number =
            |record| (Record::read(record).unwrap().request.at_us - crate::sample::at(0).0) / 1_000_000;
        self.numbers.lock().unwrap().extend(batch.by_id().into_iter().map(number));
        Box::pin(async { Ok(()) })
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

/// Records as bytes, so that they can be compared.
fn some(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let all: Vec<_> = numbers.map(entries).collect();
    records(&Batch::of(&all))
}

fn records(batch: &Batch) -> Vec<Vec<u8>> {
    batch.by_id().into_iter().map(<[u8]>::to_vec).collect()
}

fn record(spool: &Spool, numbers: std::ops::Range<u32>) {
    for number in numbers {
        spool.record(&entries(number)).unwrap();
    }
}

fn upto(number: i64) -> Vec<i64> {
    (0..number).collect()
}

/// Reads what waits as the drain would, without a database.
fn read_all(spool: &Spool) -> (Vec<Vec<u8>>, u64) {
    let (mut all, mut torn) = (Vec::new(), 0);
    let mut reader = Reader::default();
    loop {
        let chunk = spool.0.next_chunk(&mut reader).unwrap();
        if chunk.bytes == 0 {
            return (all, torn);
        }
        torn += chunk.torn;
        spool.0.moved(chunk.next, chunk.batch.len() as u64, chunk.torn, chunk.bytes).unwrap();
        all.extend(records(&chunk.batch));
    }
}

/// What a process that dies now leaves behind, in another folder.
fn killed(dir: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for path in segments(dir).into_iter().chain([dir.join("drained")]) {
        std::fs::copy(&path, left.path().join(path.file_name().unwrap())).unwrap();
    }
    left
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "spool"));
    found.sort();
    found
}

#[test]
fn what_was_recorded_is_read_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..5);
    let left = killed(dir.path());
    drop(spool);
    // From the file, after the death of the process and after an orderly end.
    for dir in [left.path(), dir.path()] {
        let spool = Spool::open(dir, ROOM).unwrap();
        assert_eq!(read_all(&spool), (some(0..5), 0));
        // As it goes on.
        record(&spool, 0..5);
        assert_eq!(read_all(&spool), (some(0..5), 0));
        assert_eq!(spool.depth().waiting_bytes, 0);
    }
}

#[test]
fn an_orderly_end_gives_the_room_back() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..5);
    let written = spool.depth().waiting_bytes;
    let size = || std::fs::metadata(&segments(dir.path())[0]).unwrap().len();
    assert_eq!(size(), SEGMENT as u64);
    drop(spool);
    assert_eq!(size(), written);
}

#[tokio::test]
async fn a_dead_process_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 0..100);
    let left = killed(dir.path());
    let waiting = spool.depth().waiting_bytes;
    let spool = Spool::open(left.path(), ROOM).unwrap();
    assert_eq!(spool.depth().waiting_bytes, waiting, "room that was reserved does not wait");
    let ledger = Flaky::new(false);
    let running = Running::start(spool, ledger.clone());
    record(&running.spool, 100..120);
    running.flush().await;
    assert_eq!(ledger.numbers(), upto(120));
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
    assert_eq!(ledger.numbers(), upto(20));
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
    assert_eq!(ledger.numbers(), upto(50));
    running.end().await;
}

/// The bytes of a segment with these records, and where each of them ends.
fn segment(numbers: std::ops::Range<u32>) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends, mut frame) = (Vec::new(), Vec::new(), Vec::new());
    for number in numbers {
        assert!(frame::encode(&mut frame, &entries(number)));
        bytes.extend_from_slice(&frame);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// What is read from a segment of these bytes, and at how many places there was something else.
fn read_segment(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("00000000000000000001.spool"), bytes).unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    record(&spool, 7..8);
    let (mut read, torn) = read_all(&spool);
    assert_eq!(read.pop(), some(7..8).pop(), "what comes after is read in any case");
    assert_eq!(spool.depth().waiting_bytes, 0);
    (read, torn)
}

#[test]
fn a_tail_torn_at_any_byte_costs_one_record_at_most() {
    let (whole, ends) = segment(0..3);
    for cut in 0..=whole.len() {
        let left = ends.iter().filter(|end| **end <= cut).count();
        // As a cut file, and as one of which the rest was reserved and not written.
        let mut reserved = whole[..cut].to_vec();
        reserved.resize(whole.len() + 1_000, 0);
        for bytes in [&whole[..cut], &reserved] {
            let (read, torn) = read_segment(bytes);
            assert_eq!(read, some(0..3)[..left], "cut at {cut}");
            assert_eq!(torn, u64::from(cut > 0 && !ends.contains(&cut)), "cut at {cut}");
        }
    }
}

#[test]
fn a_byte_changed_anywhere_costs_one_record() {
    let (mut bytes, ends) = segment(0..3);
    for at in 0..bytes.len() {
        bytes[at] ^= 0x11;
        let hit = ends.iter().filter(|end| **end <= at).count();
        let mut expected = some(0..3);
        expected.remove(hit);
        assert_eq!(read_segment(&bytes), (expected, 1), "byte {at}");
        bytes[at] ^= 0x11;
    }
}

#[test]
fn pages_that_power_loss_took_cost_no_others() {
    let (mut bytes, ends) = segment(0..30);
    bytes[ends[9]..ends[19]].fill(0);
    let expected: Vec<_> = some(0..10).into_iter().chain(some(20..30)).collect();
    assert_eq!(read_segment(&bytes), (expected, 1));
}

#[tokio::test]
async fn drained_segments_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Flaky::new(false);
    let running = Running::start(Spool::with_segments(dir.path(), ROOM, 2_000).unwrap(), ledger.clone());
    record(&running.spool, 0..100);
    assert!(segments(dir.path()).len() > 10);
    running.flush().await;
    record(&running.spool, 100..101);
    running.flush().await;
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!(ledger.numbers(), upto(101));
    running.end().await;
}

#[test]
fn a_full_spool_refuses_and_takes_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 10_000).unwrap();
    let taken = (0..100).filter(|number| spool.record(&entries(*number)).is_ok()).count();
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
fn long_records_and_long_backlogs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    let mut long = entries(0);
    // More than a segment.
    long.request.request_body = Some("é".repeat(3 << 20));
    spool.record(&long).unwrap();
    record(&spool, 1..6_000);
    drop(spool);
    let spool = Spool::open(dir.path(), ROOM).unwrap();
    let (read, torn) = read_all(&spool);
    assert_eq!((read.len(), torn), (6_000, 0));
    assert_eq!(read[0], records(&Batch::of(&[long]))[0]);
    assert_eq!(read[5_999..], some(5_999..6_000));
}

#[test]
fn the_first_format_is_readable_for_ever() {
    let kept = include_bytes!("../../tests/samples/spool-1.spool");
    assert_eq!(read_segment(kept), (some(0..3), 0));
}

#[test]
#[ignore = "makes the file to be kept as the sample of a format"]
fn make_a_sample() {
    std::fs::write("tests/samples/spool-1.spool", segment(0..3).0).unwrap();
}
