//! Measures what a request pays for ledger and log: `record` on its thread, then the drain into SQLite.
//!
//! `cargo run --release -p storage --example cost -- [requests]`; prints CPU time per request (user and system, all threads).

#![expect(clippy::disallowed_methods, clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::ports::{BoxFuture, Clock, Entries, Recorder, RequestEntry};
use contract::words::{Id, IdKind, Tick, Timestamp, Usage};
use storage::{Spool, StorageConfig, WayIn};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_763_683_200_000_000).plus(self.0.elapsed())
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// A request of the usual kind: one attempt, no bodies, no tags.
fn entries(number: u32, key: Id, clock: &RealClock) -> Entries {
    let mut entries = sample::entries(number);
    let usage = Usage { input: 120, output: 80, ..Usage::default() };
    let now = clock.now();
    entries.attempts.remove(0);
    for attempt in &mut entries.attempts {
        attempt.id = Id::at(IdKind::Attempt, now);
        attempt.at = now;
        attempt.number = 1;
        attempt.usage = usage;
    }
    entries.request = RequestEntry {
        id: Id::at(IdKind::Request, now),
        at: now,
        key: Some(key),
        key_name: Some("ci".into()),
        user: None,
        tags: Vec::new(),
        detail: None,
        attempts: 1,
        usage,
        dropped: Vec::new(),
        request_body: None,
        ..entries.request
    };
    entries
}

/// User and system time of this process: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("ticks"))
        .sum();
    Duration::from_millis(ticks * 10)
}

fn report(what: &str, began: Instant, used: Duration, count: u32) {
    println!("{what}: {:?} wall, {:?} cpu per request", began.elapsed() / count, (cpu() - used) / count);
}

fn main() {
    let count: u32 = std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let clock = Arc::new(RealClock(Instant::now()));
        let config = StorageConfig {
            database: format!("sqlite://{}", dir.path().join("cost.db").display()),
            ..StorageConfig::default()
        };
        let stores = storage::open(&config).await.expect("a database");
        let spool =
            Spool::open(&config.spool_dir().expect("a spool"), config.spool.max_size.0).expect("a spool");
        let key = Id::new(IdKind::Key);
        let all: Vec<_> = (0..count).map(|number| entries(number, key, &clock)).collect();

        let (half, rest) = all.split_at(all.len() / 2);
        let half_count = u32::try_from(half.len()).expect("a small number");

        let (began, used) = (Instant::now(), cpu());
        for one in half {
            spool.record(one).expect("a record");
        }
        let bytes = spool.depth().waiting_bytes / u64::from(half_count);
        report("record", began, used, half_count);
        println!("spool: {bytes} bytes per request");

        let WayIn::Spooled(sink) = stores.way_in() else { return };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (began, used) = (Instant::now(), cpu());
        spool.start(sink, clock.clone(), &tasks, stop.clone());
        assert!(spool.flush(Duration::from_secs(60), &*clock).await, "drained");
        report("drain of a backlog", began, used, half_count);

        let (began, used) = (Instant::now(), cpu());
        for some in rest.chunks(3_200) {
            for one in some {
                spool.record(one).expect("a record");
            }
            assert!(spool.flush(Duration::from_secs(60), &*clock).await, "drained");
        }
        report("record and drain, keeping up", began, used, count - half_count);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        stores.close().await;
        let size = std::fs::metadata(dir.path().join("cost.db")).expect("the file").len();
        println!("database: {} bytes per request", size / u64::from(count));
    });
}
