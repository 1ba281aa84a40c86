//! What the database holds of a key, and how it is written and read.
//!
//! The document never holds the secret. Fields are only ever added, so that databases of old releases stay readable.

use contract::ports::{KeySource, KeySpec, KeyView, Resource, ResourceKind, ResourceStore, StoreError};
use contract::words::{Id, Timestamp};
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};

use crate::key::KeyHash;

/// The document of one key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Document {
    /// What the key is.
    pub(crate) spec: KeySpec,
    /// What it is found by.
    pub(crate) hash: KeyHash,
    /// The last four characters of the secret.
    pub(crate) hint: Option<String>,
    /// When it was ended.
    #[serde(default)]
    pub(crate) revoked: Option<Timestamp>,
}

/// A document with what the store knows of it.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) id: Id,
    pub(crate) version: i64,
    pub(crate) created: Timestamp,
    pub(crate) document: Document,
}

/// A stored document that this release cannot read; the key is refused until somebody looks.
#[derive(Debug, thiserror::Error)]
#[error("the stored key {id} cannot be read: {reason}")]
pub(crate) struct Unreadable {
    id: String,
    reason: String,
}

impl StoredKey {
    pub(crate) fn read(resource: Resource) -> Result<Self, Unreadable> {
        let Resource { id: text, version, created, body, .. } = resource;
        let id = match text.parse() {
            Ok(id) => id,
            Err(error) => return Err(Unreadable { id: text, reason: format!("{error}") }),
        };
        match serde_json::from_value(body) {
            Ok(document) => Ok(Self { id, version, created, document }),
            Err(error) => Err(Unreadable { id: text, reason: error.to_string() }),
        }
    }

    pub(crate) fn view(&self) -> KeyView {
        KeyView {
            id: self.id,
            spec: self.document.spec.clone(),
            hint: self.document.hint.clone(),
            source: KeySource::Store,
            created: Some(self.created),
            revoked: self.document.revoked,
            version: self.version,
        }
    }
}

/// One stored key.
pub(crate) async fn load(store: &dyn ResourceStore, id: Id) -> Result<Option<StoredKey>, Fault> {
    let found = store.get(ResourceKind::Key, id.to_string()).await.map_err(fault)?;
    found.map(StoredKey::read).transpose().map_err(|error| Fault::new(Code::Internal).because(error))
}

/// Writes a document over version `expected` (0: makes it).
pub(crate) async fn save(
    store: &dyn ResourceStore,
    id: Id,
    document: &Document,
    expected: i64,
    now: Timestamp,
) -> Result<StoredKey, Fault> {
    let body = serde_json::to_value(document).map_err(|error| Fault::new(Code::Internal).because(error))?;
    let put = store.put(ResourceKind::Key, id.to_string(), body, expected, now).await.map_err(fault)?;
    StoredKey::read(put).map_err(|error| Fault::new(Code::Internal).because(error))
}

/// A store's failure as its caller is told of it.
pub(crate) fn fault(error: StoreError) -> Fault {
    match error {
        StoreError::Conflict { .. } => Fault::new(Code::Conflict).because(error),
        StoreError::Cursor => Fault::saying(
            Code::InvalidRequest,
            "'cursor' is not valid: send back the 'next' of the page before, unchanged.",
        )
        .at("cursor"),
        StoreError::Unavailable(reason) => Fault::new(Code::StorageUnavailable).because(reason),
    }
}
