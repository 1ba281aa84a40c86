//! What is kept beyond the life of the process, and how it is read back. One conformance suite runs
//! against every back end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AttemptEntry, BoxFuture, RequestEntry};
use crate::words::{Id, Timestamp};

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stored version is not the one the caller saw.
    #[error("changed by somebody else: stored version {stored}")]
    Conflict {
        /// The version that is stored; 0 when nothing is.
        stored: i64,
    },
    /// The cursor is not one of ours.
    #[error("the cursor is not valid")]
    Cursor,
    /// The database is away, full or broken.
    #[error("the database failed: {0}")]
    Unavailable(String),
}

/// Kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A virtual key.
    Key,
    /// A fact about this installation, such as whether the first start is over.
    Installation,
}

impl ResourceKind {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Installation => "installation",
        }
    }
}

/// A versioned document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its id, unique in its kind. Lists are in id order.
    pub id: String,
    /// 1 when made, one more with each change.
    pub version: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// What it says.
    pub body: Value,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give this back to get the next page; none at the end.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Most entries on the page; the store caps it at 1,000.
    pub limit: u32,
}

/// Configuration that is not in the file: keys now, every other resource later.
pub trait ResourceStore: Send + Sync {
    /// One resource.
    fn get(&self, kind: ResourceKind, id: String) -> BoxFuture<'_, Result<Option<Resource>, StoreError>>;
    /// A page of resources in id order.
    fn list(
        &self,
        kind: ResourceKind,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<Resource>, StoreError>>;
    /// Makes (`expected` 0) or changes a resource if its stored version is `expected`; gives the new state.
    fn put(
        &self,
        kind: ResourceKind,
        id: String,
        body: Value,
        expected: i64,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Resource, StoreError>>;
    /// Deletes a resource if its stored version is `expected`.
    fn delete(&self, kind: ResourceKind, id: String, expected: i64) -> BoxFuture<'_, Result<(), StoreError>>;
    /// A number that changes whenever any resource does, whichever process changed it.
    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>>;
}

/// Which log lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of this key.
    pub key: Option<Id>,
    /// Of this model, as the client named it.
    pub model: Option<String>,
    /// With this status.
    pub status: Option<u16>,
    /// With this outcome (`answered`, `refused`, …).
    pub outcome: Option<String>,
}

/// Which ledger lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of this key.
    pub key: Option<Id>,
    /// Of this request.
    pub request: Option<Id>,
    /// Of this provider.
    pub provider: Option<String>,
    /// Of this deployment.
    pub deployment: Option<String>,
}

/// One ledger line as it is read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// The request it belongs to.
    pub request: Id,
    /// The caller's key.
    pub key: Option<Id>,
    /// The key's name.
    pub key_name: Option<Arc<str>>,
    /// The organisation.
    pub org: Option<Arc<str>>,
    /// The team.
    pub team: Option<Arc<str>>,
    /// The app.
    pub app: Option<Arc<str>>,
    /// The model the client asked for.
    pub model: Option<Arc<str>>,
    /// The attempt.
    #[serde(flatten)]
    pub attempt: AttemptEntry,
}

/// The request log.
pub trait LogStore: Send + Sync {
    /// One line.
    fn request(&self, id: Id) -> BoxFuture<'_, Result<Option<RequestEntry>, StoreError>>;
    /// A page of lines, newest first.
    fn requests(
        &self,
        filter: LogFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<RequestEntry>, StoreError>>;
}

/// The ledger.
pub trait LedgerStore: Send + Sync {
    /// A page of lines, newest first.
    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>>;
}
