//! The first start: an installation that nobody can administer yet gets an admin key and a first key for models.
//!
//! Their secrets exist only in the answer, which the caller prints; a crash at any point must not leave keys that nobody
//! can know. So the order is: write down which keys are being made (`pending`), write the keys, print, and only then write
//! that it is done ([`Keys::confirm`]). A start that finds `pending` gives those same keys new secrets and prints them.

use contract::ports::{KeySpec, MintedKey, ResourceKind, StoreError};
use contract::words::{Id, IdKind, Scope};
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};

use crate::Keys;
use crate::stored::load;

const RECORD: &str = "first-start";

/// The keys of the first start. Print the secrets, then call [`Keys::confirm`].
#[derive(Debug)]
pub struct FirstKeys {
    /// May do everything.
    pub admin: MintedKey,
    /// May call every model.
    pub first: MintedKey,
    version: i64,
}

/// Why the first start did not come to its end. The next one begins it again.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The record of the first start cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made.
    #[error("the first keys cannot be made: {0:?}")]
    Key(Fault),
    /// Another process is doing the same; the keys it prints are the ones that count.
    #[error("another process is setting up this database: use the keys that it prints")]
    Superseded,
    /// The record says something this release does not understand.
    #[error("the record of the first start cannot be read: {0}")]
    Unreadable(String),
}

#[derive(Serialize, Deserialize)]
struct Record {
    state: State,
    admin: Id,
    first: Id,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Pending,
    Done,
}

impl Keys {
    /// Makes the first keys, if this database never got them and the configuration names no admin key.
    ///
    /// # Errors
    /// The store is away, or another process sets up the same database at this moment.
    pub async fn bootstrap(&self) -> Result<Option<FirstKeys>, SetupError> {
        if self.index.has_configured_admin() {
            return Ok(None);
        }
        let _changing = self.shown.lock().await;
        let (record, seen) = self.record().await?;
        if record.as_ref().is_some_and(|record| record.state == State::Done) {
            return Ok(None);
        }
        let begun = record.as_ref();
        let pending = Record {
            state: State::Pending,
            admin: self.reusable(begun.map(|record| record.admin)).await?,
            first: self.reusable(begun.map(|record| record.first)).await?,
        };
        let version = self.write(&pending, seen).await?;
        let all = vec![Scope::Inference, Scope::AdminRead, Scope::AdminWrite];
        let admin = KeySpec { name: "first-admin".to_owned(), scopes: all, ..KeySpec::default() };
        let admin = self.give(pending.admin, admin, version).await?;
        let first = KeySpec { name: "first".to_owned(), ..KeySpec::default() };
        let first = self.give(pending.first, first, version).await?;
        Ok(Some(FirstKeys { admin, first, version }))
    }

    /// Writes down that the first keys were printed, so that no later start makes them again.
    ///
    /// # Errors
    /// The store is away (the next start makes new secrets), or another process set up the same database meanwhile.
    pub async fn confirm(&self, keys: &FirstKeys) -> Result<(), SetupError> {
        let record = Record { state: State::Done, admin: keys.admin.view.id, first: keys.first.view.id };
        self.write(&record, keys.version).await.map(drop)
    }

    async fn record(&self) -> Result<(Option<Record>, i64), SetupError> {
        let Some(resource) = self.store.get(ResourceKind::Installation, RECORD.to_owned()).await? else {
            return Ok((None, 0));
        };
        let record = serde_json::from_value(resource.body)
            .map_err(|error| SetupError::Unreadable(error.to_string()))?;
        Ok((Some(record), resource.version))
    }

    async fn write(&self, record: &Record, expected: i64) -> Result<i64, SetupError> {
        let body = serde_json::to_value(record).map_err(|error| SetupError::Unreadable(error.to_string()))?;
        let now = self.clock.now();
        match self.store.put(ResourceKind::Installation, RECORD.to_owned(), body, expected, now).await {
            Ok(resource) => Ok(resource.version),
            Err(StoreError::Conflict { .. }) => Err(SetupError::Superseded),
            Err(error) => Err(error.into()),
        }
    }

    /// The id that an unfinished first start chose, unless its key was revoked meanwhile; else a fresh one.
    async fn reusable(&self, begun: Option<Id>) -> Result<Id, SetupError> {
        if let Some(id) = begun {
            let key = load(&*self.store, id).await.map_err(SetupError::Key)?;
            if key.is_none_or(|key| key.document.revoked.is_none()) {
                return Ok(id);
            }
        }
        Ok(Id::new(IdKind::Key))
    }

    /// Makes the key, or gives it a new secret when an unfinished first start wrote it.
    ///
    /// The key is read before the record is: should another process take over in between, its write of the key makes
    /// ours fail. So the keys of the process that wrote the record last are the ones that work.
    async fn give(&self, id: Id, spec: KeySpec, version: i64) -> Result<MintedKey, SetupError> {
        let mut unique = self.in_file(&spec.name);
        for _ in 0..TRIES {
            let written = load(&*self.store, id).await.map_err(SetupError::Key)?;
            if self.record().await?.1 != version {
                return Err(SetupError::Superseded);
            }
            let given = match written {
                Some(key) => self.renew(key).await,
                None => self.add(id, named(&spec, id, unique)).await,
            };
            match given {
                // Most likely the name is taken by a key that the CLI made before the first start.
                Err(fault) if fault.code() == Code::Conflict => unique = true,
                given => return given.map_err(SetupError::Key),
            }
        }
        Err(SetupError::Superseded)
    }
}

/// How often a key is tried again that another process changed at the same moment.
const TRIES: u32 = 4;

fn named(spec: &KeySpec, id: Id, unique: bool) -> KeySpec {
    let mut spec = spec.clone();
    if unique {
        let id = id.to_string();
        spec.name = format!("{}-{}", spec.name, &id[id.len() - 6..]);
    }
    spec
}

#[cfg(test)]
mod tests;
