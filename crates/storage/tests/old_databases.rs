//! Databases of every release open for ever: a dump of each is kept in `samples/` and read by this release.
//!
//! Each sample holds the entries 0 to 9 of `sample` and two keys. To keep the sample of a new release, run
//! `cargo test -p storage --test old_databases -- --ignored` and dump the file whose path it prints as SQL text.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod batches;
mod sample;

use std::path::{Path, PathBuf};

use batches::{append, some};
use contract::ports::{LedgerFilter, LogFilter, PageRequest, ResourceKind};
use sample::{at, entries};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use storage::{StorageConfig, Stores};

async fn open(path: &Path) -> Stores {
    let database = format!("sqlite://{}", path.display());
    storage::open(&StorageConfig { database, ..StorageConfig::default() }).await.unwrap()
}

async fn fill(stores: &Stores) {
    append(stores, some(0..10)).await;
    for (id, name) in [("key_a", "one"), ("key_b", "two")] {
        stores.resources.put(ResourceKind::Key, id.into(), json!({ "name": name }), 0, at(0)).await.unwrap();
    }
}

async fn check(stores: &Stores) {
    for number in 0..10 {
        let expected = entries(number);
        let found = stores.log.request(expected.request.id).await.unwrap();
        assert_eq!(found, Some(expected.request.clone()));
        let filter = LedgerFilter { request: Some(expected.request.id), ..LedgerFilter::default() };
        let lines = stores.ledger.attempts(filter, PageRequest { cursor: None, limit: 10 }).await.unwrap();
        let attempts: Vec<_> = lines.items.into_iter().rev().map(|line| line.attempt).collect();
        assert_eq!(attempts, expected.attempts);
    }
    let key = stores.resources.get(ResourceKind::Key, "key_b".into()).await.unwrap().unwrap();
    assert_eq!((key.version, &key.body["name"]), (1, &json!("two")));
}

fn samples() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    paths
}

#[tokio::test]
async fn databases_of_every_release_open() {
    let samples = samples();
    assert!(!samples.is_empty(), "no samples are kept");
    for sample in samples {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.db");
        let text = std::fs::read_to_string(&sample).unwrap();
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();

        let stores = open(&path).await;
        check(&stores).await;
        // It is not only read: this release goes on with it.
        append(&stores, some(5..15)).await;
        let page = stores
            .log
            .requests(LogFilter::default(), PageRequest { cursor: None, limit: 100 })
            .await
            .unwrap();
        assert_eq!(page.items.len(), 15, "{}", sample.display());
    }
}

#[tokio::test]
#[ignore = "makes the database to be kept as the sample of a release"]
async fn make_a_sample() {
    let path = std::env::temp_dir().join(format!("pathgate-{}.db", env!("CARGO_PKG_VERSION")));
    std::fs::remove_file(&path).ok();
    let stores = open(&path).await;
    fill(&stores).await;
    check(&stores).await;
    stores.close().await;
    println!("{}", path.display());
}
