//! SQLite in WAL mode: a connection that appends to ledger and log, one that changes resources, two that read. Other
//! processes (the CLI) may do the same at any time; each waits for the other.
//!
//! `synchronous = FULL`: what a transaction committed survives power loss, so the spool may forget it. Batches make that
//! cheap: one `fsync` for up to some thousand requests.

mod behind;
mod decode;
mod ledger;
mod log;
mod names;
mod natives;
mod prune;
mod resources;
mod responses;
mod waiting;
mod writer;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::ports::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Transaction};

pub use ledger::Ledger;
pub use log::Log;
pub use natives::Natives;
pub(crate) use prune::prune_for_ever;
pub use resources::Resources;
pub use responses::Responses;

use self::writer::Writer;
use crate::StorageError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a transaction waits for that of another process.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection of this process.
const ACQUIRE: Duration = Duration::from_secs(10);
const READERS: u32 = 2;
/// Pages that a connection of a pool keeps: 1 MiB.
const POOL_CACHE: &str = "-1024";
/// Prepared statements that a connection of a pool keeps.
const STATEMENTS: usize = 16;
/// Size of a page in bytes, in databases made from now on. Lines come in batches that fill many pages; each costs two writes.
const PAGE: u32 = 16 << 10;
/// The WAL is copied into the database when it has this many pages (16 MiB): pages that change often are copied once.
const CHECKPOINT_PAGES: u32 = 1_000;
/// Two processes that start at once may both try a migration; the slower one finds it done when it looks again.
const MIGRATION_TRIES: u32 = 3;

/// An open database file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    reader: SqlitePool,
    writer: SqlitePool,
    appender: Arc<Mutex<Writer>>,
}

impl Sqlite {
    /// Opens a database file, making it (readable by its owner only) or migrating it first.
    ///
    /// # Errors
    /// The file cannot be made, opened, read or migrated.
    pub async fn open(path: &Path) -> Result<Self, StorageError> {
        let fail = |reason: String| StorageError::Open { path: path.to_owned(), reason };
        create(path).map_err(|error| fail(error.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .page_size(PAGE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(false)
            .pragma("cache_size", POOL_CACHE)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let writing = options.clone().pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
        let writer = pool(1).connect_with(writing).await.map_err(|error| fail(error.to_string()))?;
        migrate(&writer).await.map_err(|error| StorageError::Migrate {
            path: path.to_owned(),
            reason: match error {
                MigrateError::VersionMissing(_) => "it was written by a later release".to_owned(),
                other => other.to_string(),
            },
        })?;
        let reading = options.pragma("query_only", "ON");
        let appender = Writer::open(path).map_err(|error| fail(error.to_string()))?;
        let reader = pool(READERS).connect_lazy_with(reading);
        Ok(Self { reader, writer, appender: Arc::new(Mutex::new(appender)) })
    }

    /// A transaction that writes. One that began as a reader would fail when another connection writes meanwhile.
    async fn writing(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }

    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).test_before_acquire(false)
}

async fn migrate(writer: &SqlitePool) -> Result<(), MigrateError> {
    let mut tries = 1;
    loop {
        match MIGRATIONS.run(writer).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if tries < MIGRATION_TRIES => {
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Makes the file before SQLite does, because SQLite would make it readable by everybody. WAL and index inherit its mode.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
