//! What only a database file must do: be shared, be private, be pruned, be read by people.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod batches;
mod sample;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use batches::{append, some};
use contract::ports::{LedgerFilter, LogFilter, PageRequest, ResourceKind};
use contract::words::Usage;
use sample::{at, entries};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};
use storage::{StorageConfig, StorageError, Stores};
use testkit::clock::VirtualClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

async fn open(path: &Path) -> Result<Stores, StorageError> {
    let database = format!("sqlite://{}", path.display());
    storage::open(&StorageConfig { database, ..StorageConfig::default() }).await
}

fn all(limit: u32) -> PageRequest {
    PageRequest { cursor: None, limit }
}

#[tokio::test]
async fn a_change_by_another_process_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.db");
    let (ours, theirs) = (open(&path).await.unwrap(), open(&path).await.unwrap());
    let before = ours.resources.revision().await.unwrap();
    theirs.resources.put(ResourceKind::Key, "a".into(), json!({}), 0, at(0)).await.unwrap();
    assert!(ours.resources.revision().await.unwrap() > before);
    assert!(ours.resources.get(ResourceKind::Key, "a".into()).await.unwrap().is_some());
}

#[tokio::test]
async fn both_may_write_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.db");
    // Opened at the same time, so both find a database that must be migrated.
    let (ours, theirs) = tokio::join!(open(&path), open(&path));
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let keys = async {
        for number in 0..20 {
            let id = format!("key_{number}");
            theirs.resources.put(ResourceKind::Key, id, json!({}), 0, at(0)).await.unwrap();
        }
    };
    let entries = async {
        for number in 0..20 {
            append(&ours, some(number * 10..number * 10 + 10)).await;
        }
    };
    let more = async {
        for number in 0..20 {
            append(&theirs, some(number * 10 + 5..number * 10 + 15)).await;
        }
    };
    tokio::join!(keys, entries, more);
    assert_eq!(ours.log.requests(LogFilter::default(), all(1_000)).await.unwrap().items.len(), 205);
    assert_eq!(ours.ledger.attempts(LedgerFilter::default(), all(1_000)).await.unwrap().items.len(), 410);
    assert_eq!(ours.resources.list(ResourceKind::Key, all(100)).await.unwrap().items.len(), 20);
}

#[tokio::test]
async fn the_file_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("private.db");
    let stores = open(&path).await.unwrap();
    append(&stores, some([1])).await;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn counts_that_came_later_are_kept_for_each_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(&dir.path().join("pathgate.db")).await.unwrap();
    let mut asked = entries(1);
    asked.request.usage.searches = 5;
    asked.attempts[0].usage.image_input = 7;
    asked.attempts[1].usage.image_output = 8;
    append(&stores, vec![asked.clone(), entries(2)]).await;
    for expected in [asked, entries(2)] {
        let found = stores.log.request(expected.request.id).await.unwrap();
        assert_eq!(found, Some(expected.request.clone()));
        let filter = LedgerFilter { request: Some(expected.request.id), ..LedgerFilter::default() };
        let lines = stores.ledger.attempts(filter, all(10)).await.unwrap();
        let attempts: Vec<_> = lines.items.into_iter().rev().map(|line| line.attempt).collect();
        assert_eq!(attempts, expected.attempts);
    }
}

#[tokio::test]
async fn entries_survive_closing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.db");
    let stores = open(&path).await.unwrap();
    append(&stores, some([1, 2])).await;
    stores.close().await;
    let stores = open(&path).await.unwrap();
    let found = stores.log.request(entries(2).request.id).await.unwrap();
    assert_eq!(found, Some(entries(2).request));
}

/// The log of a database is pruned, by a clock that starts at entry 0.
struct Tended {
    clock: VirtualClock,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Tended {
    async fn start(stores: &Stores, after: Duration) -> Self {
        let tended =
            Self { clock: VirtualClock::new(), tasks: TaskTracker::new(), stop: CancellationToken::new() };
        tended.clock.advance(after);
        let clock = Arc::new(tended.clock.clone());
        stores.keep_log_for(Duration::from_secs(60), clock, &tended.tasks, tended.stop.clone());
        tended.clock.sleepers(1).await;
        tended
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn logged(stores: &Stores) -> usize {
    stores.log.requests(LogFilter::default(), all(1_000)).await.unwrap().items.len()
}

async fn billed(stores: &Stores) -> usize {
    stores.ledger.attempts(LedgerFilter::default(), all(1_000)).await.unwrap().items.len()
}

#[tokio::test]
async fn old_lines_of_the_log_are_deleted_and_the_ledger_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pruned.db");
    let stores = open(&path).await.unwrap();
    let mut entries = some(0..100);
    entries[7].attempts.clear();
    entries[90].attempts.clear();
    let late = entries.remove(3);
    append(&stores, entries).await;
    let tended = Tended::start(&stores, Duration::from_secs(120)).await;
    assert_eq!((logged(&stores).await, billed(&stores).await), (40, 194));
    // From a spool whose database was away: too old for the log, never too old for the ledger.
    append(&stores, vec![late]).await;
    assert_eq!((logged(&stores).await, billed(&stores).await), (40, 196));
    tended.clock.advance(Duration::from_secs(3_600));
    tended.clock.sleepers(1).await;
    assert_eq!((logged(&stores).await, billed(&stores).await), (0, 196));
    tended.end().await;

    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM lines WHERE client IS NOT NULL OR detail IS NOT NULL OR number = 0",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(left, 0, "nothing of the log is left in the file");
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open(&dir.path().join("ahead.db")).await.unwrap();
    Tended::start(&stores, Duration::from_secs(30 * 86_400)).await.end().await;
    Tended::start(&stores, Duration::from_secs(120)).await.end().await;
    append(&stores, some(100..110)).await;
    assert_eq!(logged(&stores).await, 10);
}

#[tokio::test]
async fn people_can_read_the_ledger_with_sql() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("read.db");
    let stores = open(&path).await.unwrap();
    append(&stores, some(0..6)).await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let bill: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT key_name, sum(input_tokens), sum(cost_nano_usd) FROM ledger WHERE provider = 'openai' \
         GROUP BY key_name ORDER BY key_name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        bill,
        [
            ("key 0".to_owned(), 243, 380_000),
            ("key 1".to_owned(), 245, 380_000),
            ("key 2".to_owned(), 247, 380_000)
        ]
    );
    let (id, time): (String, String) =
        sqlx::query_as("SELECT id, time FROM request_log ORDER BY at_us LIMIT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(id, entries(0).request.id.to_string());
    assert_eq!(time, "2025-01-01T00:00:00Z");
    let words: (String, String, String) =
        sqlx::query_as("SELECT dialect, operation, outcome FROM request_log WHERE status = 429 LIMIT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(words, ("anthropic.messages".into(), "chat".into(), "refused".into()));
    let words: (String, String, String) = sqlx::query_as(
        "SELECT outcome, usage_source, cost_kind FROM ledger WHERE outcome = 'failed' LIMIT 1",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(words, ("failed".into(), "none".into(), "nothing".into()));

    let mut media = entries(6);
    for attempt in &mut media.attempts {
        attempt.usage = Usage { image_input: 4, image_output: 6, searches: 2, tools: 3, ..Usage::default() };
    }
    append(&stores, vec![media]).await;
    let counts: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT sum(image_input_tokens), sum(image_output_tokens), sum(searches), sum(tools) FROM ledger",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(counts, (8, 12, 4, 6));
}

#[tokio::test]
async fn unusable_databases_say_why() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(open(&dir.path().join("no/such/folder.db")).await, Err(StorageError::Open { .. })));

    let path = dir.path().join("later.db");
    open(&path).await.unwrap().close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 99999 WHERE version = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(error.to_string().contains("later release"), "{error}");

    let postgres = StorageConfig { database: "postgres://db/x".into(), ..StorageConfig::default() };
    let error = storage::open(&postgres).await.err().unwrap();
    assert!(error.to_string().contains("PostgreSQL"), "{error}");
}
