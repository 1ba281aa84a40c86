//! Opening the configured database and handing out its stores.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, LedgerStore, LogStore, NativeBlocks, Recorder, ResourceStore, ResponseStore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::batch::Sink;
use crate::config::{Database, StorageConfig};
use crate::memory::{Memory, MemoryNatives, MemoryRecorder, MemoryResponses};
use crate::spool::SpoolError;
use crate::sqlite::{self, Sqlite};

/// Why storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The configuration names no database that this release knows.
    #[error("storage.database: {0}")]
    Unsupported(&'static str),
    /// The database file cannot be made, opened or read.
    #[error("cannot open the database {path}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The database was written by a later release, or a migration failed.
    #[error("cannot bring the database {path} to this release: {reason}")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// The stores of one database.
#[derive(Clone)]
pub struct Stores {
    /// Keys and other resources.
    pub resources: Arc<dyn ResourceStore>,
    /// The ledger.
    pub ledger: Arc<dyn LedgerStore>,
    /// The request log.
    pub log: Arc<dyn LogStore>,
    backend: Backend,
}

/// How entries come into log and ledger.
pub enum WayIn {
    /// At once: the stores do not outlive the process, so nothing in front of them need to.
    Direct(Arc<dyn Recorder>),
    /// Through a spool.
    Spooled(Arc<dyn Sink>),
}

#[derive(Clone)]
enum Backend {
    Memory(Arc<Memory>),
    Sqlite(Sqlite),
}

/// Opens the database, making or migrating it first.
///
/// # Errors
/// The configuration names no known database, or the file cannot be opened or migrated.
pub async fn open(config: &StorageConfig) -> Result<Stores, StorageError> {
    match config.database().map_err(StorageError::Unsupported)? {
        Database::Memory => Ok(Stores::memory()),
        Database::Sqlite(path) => Ok(Stores::sqlite(Sqlite::open(&path).await?)),
    }
}

impl Stores {
    /// Stores that forget everything at the end of the process. Log and ledger keep their newest lines only.
    #[must_use]
    pub fn memory() -> Self {
        let memory = Memory::new();
        Self {
            resources: memory.clone(),
            ledger: memory.clone(),
            log: memory.clone(),
            backend: Backend::Memory(memory),
        }
    }

    fn sqlite(database: Sqlite) -> Self {
        Self {
            resources: Arc::new(sqlite::Resources::new(database.clone())),
            ledger: Arc::new(sqlite::Ledger::new(database.clone())),
            log: Arc::new(sqlite::Log::new(database.clone())),
            backend: Backend::Sqlite(database),
        }
    }

    /// How entries come in.
    #[must_use]
    pub fn way_in(&self) -> WayIn {
        match &self.backend {
            Backend::Memory(memory) => WayIn::Direct(Arc::new(MemoryRecorder::new(Arc::clone(memory)))),
            Backend::Sqlite(database) => WayIn::Spooled(Arc::new(sqlite::Ledger::new(database.clone()))),
        }
    }

    /// Starts the task that deletes lines of the request log older than `retention`: at start, then once an hour, in small
    /// transactions. Does nothing for `memory`, which is bounded by count.
    pub fn keep_log_for(
        &self,
        retention: Duration,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        if let Backend::Sqlite(database) = &self.backend {
            tasks.spawn(sqlite::prune_for_ever(database.clone(), retention, clock, stop));
        }
    }

    /// The blocks that conversations in other dialects cannot carry; with a database, their writer runs until `stop`.
    pub fn natives(
        &self,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<dyn NativeBlocks> {
        match &self.backend {
            Backend::Memory(_) => Arc::new(MemoryNatives::default()),
            Backend::Sqlite(database) => sqlite::Natives::start(database.clone(), clock, tasks, stop),
        }
    }

    /// The answers that clients may refer to; with a database, their writer runs until `stop`.
    pub fn responses(
        &self,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<dyn ResponseStore> {
        match &self.backend {
            Backend::Memory(_) => Arc::new(MemoryResponses::default()),
            Backend::Sqlite(database) => sqlite::Responses::start(database.clone(), clock, tasks, stop),
        }
    }

    /// Closes the database after what is under way; later calls fail. Call it once the spool was flushed.
    pub async fn close(&self) {
        if let Backend::Sqlite(database) = &self.backend {
            database.close().await;
        }
    }
}
