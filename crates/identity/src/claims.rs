//! Names are unique among keys that are not revoked, across all processes that share the database.
//!
//! A key is filed under its id, so the store cannot see that two keys bear one name. Before a key is written, its name is
//! therefore claimed by a document of its own, which only one process can make. A claim whose key was revoked, or was
//! never written because its process died, is taken over; so is a key's own earlier claim.

use std::time::Duration;

use contract::ports::{Resource, ResourceKind, ResourceStore, StoreError};
use contract::words::{Id, Timestamp};
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};

use crate::stored::{fault, load};

/// How long a claim without a key is left alone: another process may be about to write the key.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Claim {
    key: Id,
}

/// A name held for a key that is about to be written.
pub(crate) struct Claimed {
    path: String,
    version: i64,
}

/// Claims a name for a key.
///
/// # Errors
/// `conflict` when a key has the name; `storage_unavailable`.
pub(crate) async fn claim(
    store: &dyn ResourceStore,
    name: &str,
    key: Id,
    now: Timestamp,
) -> Result<Claimed, Fault> {
    let path = format!("key-name/{name}");
    let body =
        serde_json::to_value(Claim { key }).map_err(|error| Fault::new(Code::Internal).because(error))?;
    let holder = store.get(ResourceKind::Installation, path.clone()).await.map_err(fault)?;
    if let Some(holder) = &holder
        && is_held(store, holder, key, now).await?
    {
        return Err(taken(name));
    }
    let expected = holder.map_or(0, |holder| holder.version);
    match store.put(ResourceKind::Installation, path.clone(), body, expected, now).await {
        Ok(claim) => Ok(Claimed { path, version: claim.version }),
        Err(StoreError::Conflict { .. }) => Err(taken(name)),
        Err(error) => Err(fault(error)),
    }
}

/// Gives a name back whose key could not be written. A failure is harmless: the claim is taken over later.
pub(crate) async fn release(store: &dyn ResourceStore, claimed: Claimed) {
    let deleted = store.delete(ResourceKind::Installation, claimed.path, claimed.version).await;
    if let Err(error) = deleted {
        tracing::debug!(%error, "a claim of a key's name stays until it is taken over");
    }
}

async fn is_held(
    store: &dyn ResourceStore,
    holder: &Resource,
    by: Id,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Ok(claim) = Claim::deserialize(&holder.body) else {
        return Ok(true);
    };
    if claim.key == by {
        return Ok(false);
    }
    Ok(match load(store, claim.key).await? {
        Some(key) => key.document.revoked.is_none(),
        None => holder.updated.plus(GRACE) > now,
    })
}

/// The fault for a name that another key has.
pub(crate) fn taken(name: &str) -> Fault {
    Fault::saying(Code::Conflict, format!("A key named '{name}' exists already: choose another name."))
        .at("name")
}
