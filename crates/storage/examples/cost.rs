//! Measures what a request pays for ledger and log: `record` on its thread, then the drain into SQLite.
//!
//! `cargo run --release -p storage --example cost -- [requests]`; prints CPU time per request (user and system, all threads).

#![expect(clippy::disallowed_methods, clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::canon::Receipt;
use contract::ports::{
    AttemptEntry, BoxFuture, Clock, CostKind, Outcome, Recorder, RequestEntry, Settled, StageTimes,
};
use contract::words::{Dialect, Id, IdKind, NanoUsd, Operation, Tick, Timestamp, Usage, UsageSource};
use storage::{Spool, StorageConfig};
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

fn settled(key: Id, clock: &RealClock) -> Settled {
    let usage = Usage { input: 120, output: 80, ..Usage::default() };
    let deployment: Arc<str> = "openai/gpt-5-mini".into();
    let cost = Some(NanoUsd(190_000));
    let request = RequestEntry {
        id: Id::new(IdKind::Request),
        at: clock.now(),
        dialect: Dialect::OpenaiChat,
        operation: Operation::Chat,
        key: Some(key),
        key_name: Some("ci".into()),
        org: Some("default".into()),
        team: None,
        app: None,
        user: None,
        tags: Vec::new(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        model: Some("openai/gpt-5-mini".into()),
        deployment: Some(Arc::clone(&deployment)),
        stream: false,
        status: 200,
        outcome: Outcome::Answered,
        error: None,
        detail: None,
        attempts: 1,
        usage,
        cost,
        ttft_us: Some(1_234),
        duration_us: 4_567,
        bytes_in: 1_024,
        bytes_out: 2_048,
        dropped: Vec::new(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        snapshot: 7,
        request_body: None,
        response_body: None,
    };
    let attempt = AttemptEntry {
        id: Id::new(IdKind::Attempt),
        at: request.at,
        number: 1,
        deployment,
        provider: "openai".into(),
        provider_kind: "openai".into(),
        upstream_model: "gpt-5-mini".into(),
        outcome: Outcome::Answered,
        status: Some(200),
        error: None,
        usage,
        usage_source: UsageSource::Reported,
        service_tier: None,
        cost,
        cost_kind: CostKind::Exact,
        price_version: Some("2026-11-20".into()),
        first_byte_us: Some(1_100),
        duration_us: 4_400,
    };
    Settled {
        request,
        attempts: vec![attempt],
        start: Tick(0),
        end: Tick(0),
        attempt_spans: Vec::new(),
        stages: StageTimes::default(),
        parent: None,
        principal: None,
        receipt: Receipt::default(),
    }
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
        let all: Vec<Settled> = (0..count).map(|_| settled(key, &clock)).collect();

        let (half, rest) = all.split_at(all.len() / 2);
        let half_count = u32::try_from(half.len()).expect("a small number");

        let (began, used) = (Instant::now(), cpu());
        for one in half {
            spool.record(one).expect("a record");
        }
        let bytes = spool.depth().waiting_bytes / u64::from(half_count);
        report("record", began, used, half_count);
        println!("spool: {bytes} bytes per request");

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (began, used) = (Instant::now(), cpu());
        spool.start(stores.ledger.clone(), clock.clone(), &tasks, stop.clone());
        assert!(spool.flush(Duration::from_secs(60), &*clock).await, "drained");
        report("drain of a backlog", began, used, half_count);

        let (began, used) = (Instant::now(), cpu());
        for some in rest.chunks(1_000) {
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
