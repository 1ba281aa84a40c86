//! Settings of storage: where things are kept and for how long.

use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::settings::{ByteSize, Faults, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where things are kept and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// The database: `sqlite://PATH` (made when it is not there) or `memory`, which forgets everything at the end.
    pub database: String,
    /// The local write-ahead spool for ledger and request log; not used with `memory`.
    pub spool: SpoolConfig,
    /// How long lines of the request log are kept. The ledger is kept for ever.
    pub log_retention: Span,
    /// How long blocks that only a provider understands (signatures, encrypted thoughts) are kept, so that a conversation in
    /// another dialect can go on with them.
    pub block_retention: Span,
    /// How long responses that clients may refer to (`openai.responses` with `store`) are kept.
    pub response_retention: Span,
    /// How long a response that is made in the background stays with an instance that gives no sign of life, before another
    /// one on the same database takes it over.
    pub response_lease: Span,
}

/// The local write-ahead spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// Its folder; beside the database when left out (`pathgate.db` has `pathgate.spool`).
    pub dir: Option<PathBuf>,
    /// The most bytes that wait for the database while it is away. Beyond that, entries are lost and counted.
    pub max_size: ByteSize,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            database: "sqlite://pathgate.db".to_owned(),
            spool: SpoolConfig::default(),
            log_retention: Span(Duration::from_secs(30 * 86_400)),
            block_retention: Span(Duration::from_secs(7 * 86_400)),
            response_retention: Span(Duration::from_secs(30 * 86_400)),
            response_lease: Span(Duration::from_secs(60)),
        }
    }
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { dir: None, max_size: ByteSize(4 << 30) }
    }
}

/// A database that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// The memory of this process.
    Memory,
}

impl StorageConfig {
    /// What `database` names.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn database(&self) -> Result<Database, &'static str> {
        let text = self.database.as_str();
        if text == "memory" {
            return Ok(Database::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err("PostgreSQL is not supported by this release: write sqlite://PATH");
        }
        match text.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() && !path.contains('?') => {
                Ok(Database::Sqlite(PathBuf::from(path)))
            }
            _ => Err("not a database: write sqlite://PATH (such as sqlite://pathgate.db) or memory"),
        }
    }

    /// The spool's folder; none with `memory`, where it would outlive what it fills.
    #[must_use]
    pub fn spool_dir(&self) -> Option<PathBuf> {
        match self.database() {
            Ok(Database::Sqlite(path)) => Some(self.spool.dir.clone().unwrap_or_else(|| beside(&path))),
            _ => None,
        }
    }

    /// Notes what is wrong; `at` is the path of this block in the configuration, such as `storage`.
    pub fn validate(&self, at: &str, faults: &mut Faults) {
        if let Err(message) = self.database() {
            faults.add(format!("{at}.database"), message);
        }
        if self.spool.max_size.0 < MIN_SPOOL {
            faults.add(format!("{at}.spool.max_size"), "too small: give the spool at least 1MiB");
        }
        if self.log_retention.0 < Duration::from_secs(60) {
            faults.add(format!("{at}.log_retention"), "too short: keep lines for at least 1m");
        }
        if self.response_lease.0 < SHORTEST_LEASE {
            faults.add(format!("{at}.response_lease"), "too short: give instances at least 100ms");
        }
    }
}

const MIN_SPOOL: u64 = 1 << 20;
/// Below this an instance that is merely busy would lose what it makes.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

fn beside(database: &Path) -> PathBuf {
    database.with_extension("spool")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(database: &str) -> StorageConfig {
        StorageConfig { database: database.to_owned(), ..StorageConfig::default() }
    }

    #[test]
    fn databases_are_told_apart() {
        assert_eq!(with("memory").database(), Ok(Database::Memory));
        assert_eq!(with("sqlite:///var/lib/p.db").database(), Ok(Database::Sqlite("/var/lib/p.db".into())));
        assert!(with("postgres://db/p").database().unwrap_err().contains("PostgreSQL"));
        for text in ["", "sqlite://", "pathgate.db", "mysql://x"] {
            assert!(with(text).database().is_err(), "{text}");
        }
    }

    #[test]
    fn the_spool_is_beside_the_database() {
        assert_eq!(with("sqlite:///data/pathgate.db").spool_dir(), Some("/data/pathgate.spool".into()));
        assert_eq!(with("memory").spool_dir(), None);
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut faults = Faults::default();
        let config = StorageConfig {
            database: "postgres://db".to_owned(),
            spool: SpoolConfig { dir: None, max_size: ByteSize(5) },
            log_retention: Span(Duration::ZERO),
            ..StorageConfig::default()
        };
        config.validate("storage", &mut faults);
        let paths: Vec<&str> = faults.problems().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["storage.database", "storage.spool.max_size", "storage.log_retention"]);
    }
}
