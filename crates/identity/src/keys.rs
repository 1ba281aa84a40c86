//! Making, rotating, listing and ending keys; what is changed here is in effect when the call returns.
//!
//! Stored keys are versioned documents of the `ResourceStore`; keys of the file are listed and cannot be changed. Other
//! processes' changes arrive by [`Keys::watch`] (in `watch.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use contract::ports::{
    BoxFuture, Clock, KeyAdmin, KeySpec, KeyView, MintedKey, Page, PageRequest, ResourceKind, ResourceStore,
    StoreError,
};
use contract::words::{Id, IdKind, Secret};
use contract::{Code, Fault};
use tokio::sync::Mutex;

use crate::claims;
use crate::config::check_spec;
use crate::index::{KeyIndex, principal};
use crate::key::{self, KeyHash};
use crate::stored::{self, Document, StoredKey};

/// The longest page.
const MAX_PAGE: u32 = 1000;

/// The keys of this installation.
pub struct Keys {
    pub(crate) store: Arc<dyn ResourceStore>,
    pub(crate) index: Arc<KeyIndex>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Held over every change and re-read, so that a slow re-read cannot bring back a key that was revoked meanwhile.
    /// Inside: the revision of the store that the index shows.
    pub(crate) shown: Mutex<Option<i64>>,
}

impl Keys {
    /// Keys of this store, shown to requests through this index. Call [`Keys::refresh`] before the first request.
    pub fn new(store: Arc<dyn ResourceStore>, index: Arc<KeyIndex>, clock: Arc<dyn Clock>) -> Self {
        Self { store, index, clock, shown: Mutex::new(None) }
    }

    /// Reads all stored keys anew. On failure the keys known so far stay in effect.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let mut shown = self.shown.lock().await;
        // Read first: a change that comes in while the list is read is then seen as one more revision.
        let revision = self.store.revision().await?;
        let mut stored = HashMap::new();
        let mut page = PageRequest { cursor: None, limit: MAX_PAGE };
        loop {
            let found = self.store.list(ResourceKind::Key, page).await?;
            for resource in found.items {
                match StoredKey::read(resource) {
                    Ok(key) if key.document.revoked.is_some() => {}
                    Ok(key) => {
                        let who = Arc::new(principal(Some(key.id), &key.document.spec));
                        stored.insert(key.id, (key.document.hash, who));
                    }
                    Err(error) => tracing::error!(%error, "the key is refused"),
                }
            }
            match found.next {
                Some(next) => page = PageRequest { cursor: Some(next), limit: MAX_PAGE },
                None => break,
            }
        }
        self.index.replace_stored(stored);
        *shown = Some(revision);
        Ok(())
    }

    async fn create_key(&self, spec: KeySpec) -> Result<MintedKey, Fault> {
        let spec = self.checked(spec)?;
        let _changing = self.shown.lock().await;
        self.add(Id::new(IdKind::Key), spec).await
    }

    /// Writes a new key whose description was checked. The caller holds `shown`.
    pub(crate) async fn add(&self, id: Id, spec: KeySpec) -> Result<MintedKey, Fault> {
        let (secret, document) = mint(spec)?;
        let now = self.clock.now();
        let claimed = claims::claim(&*self.store, &document.spec.name, id, now).await?;
        match stored::save(&*self.store, id, &document, 0, now).await {
            Ok(key) => {
                self.show(&key);
                Ok(MintedKey { view: key.view(), secret })
            }
            Err(fault) => {
                claims::release(&*self.store, claimed).await;
                Err(fault)
            }
        }
    }

    async fn rotate_key(&self, id: Id, expected: Option<i64>) -> Result<MintedKey, Fault> {
        let _changing = self.shown.lock().await;
        let before = self.changeable(id, expected).await?;
        if before.document.revoked.is_some() {
            return Err(Fault::saying(
                Code::Conflict,
                "The key is revoked for good. Make a new one instead.",
            ));
        }
        self.renew(before).await
    }

    /// Gives a stored key a new secret. The caller holds `shown`.
    pub(crate) async fn renew(&self, before: StoredKey) -> Result<MintedKey, Fault> {
        let (secret, document) = mint(before.document.spec)?;
        let now = self.clock.now();
        let key = stored::save(&*self.store, before.id, &document, before.version, now).await?;
        self.show(&key);
        Ok(MintedKey { view: key.view(), secret })
    }

    async fn revoke_key(&self, id: Id, expected: Option<i64>) -> Result<KeyView, Fault> {
        let _changing = self.shown.lock().await;
        let mut key = self.changeable(id, expected).await?;
        if key.document.revoked.is_none() {
            let now = self.clock.now();
            key.document.revoked = Some(now);
            key = stored::save(&*self.store, id, &key.document, key.version, now).await?;
        }
        self.index.forget(id);
        Ok(key.view())
    }

    /// A page: the keys of the file, then the stored ones. The cursor is `file:N` or `stored:` and the store's own.
    async fn list_keys(&self, page: PageRequest) -> Result<Page<KeyView>, Fault> {
        let limit = page.limit.clamp(1, MAX_PAGE) as usize;
        let cursor = page.cursor.as_deref().unwrap_or("file:0");
        let mut items = Vec::new();
        let mut in_store = None;
        if let Some(cursor) = cursor.strip_prefix("stored:") {
            in_store = Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty());
        } else {
            let from: usize = cursor
                .strip_prefix("file:")
                .and_then(|at| at.parse().ok())
                .ok_or_else(|| stored::fault(StoreError::Cursor))?;
            let file = self.index.file_keys();
            items.extend(file.iter().skip(from).take(limit).map(|key| key.view.clone()));
            let reached = from.saturating_add(items.len());
            if reached < file.len() {
                return Ok(Page { items, next: Some(format!("file:{reached}")) });
            }
        }
        // A limit that the file's keys have used up still asks for one stored key, to know whether there is a next page.
        let room = limit - items.len();
        let wanted = u32::try_from(room.max(1)).unwrap_or(MAX_PAGE);
        let request = PageRequest { cursor: in_store, limit: wanted };
        let found = self.store.list(ResourceKind::Key, request).await.map_err(stored::fault)?;
        if room == 0 {
            let next = (!found.items.is_empty()).then(|| "stored:".to_owned());
            return Ok(Page { items, next });
        }
        for resource in found.items {
            match StoredKey::read(resource) {
                Ok(key) => items.push(key.view()),
                Err(error) => tracing::error!(%error, "the key is not listed"),
            }
        }
        Ok(Page { items, next: found.next.map(|next| format!("stored:{next}")) })
    }

    async fn get_key(&self, id: Id) -> Result<KeyView, Fault> {
        if let Some(key) = self.index.file_keys().iter().find(|key| key.view.id == id) {
            return Ok(key.view.clone());
        }
        let found = stored::load(&*self.store, id).await?;
        found.map(|key| key.view()).ok_or_else(no_such_key)
    }

    /// A stored key that may be changed by a caller who saw this version.
    async fn changeable(&self, id: Id, expected: Option<i64>) -> Result<StoredKey, Fault> {
        if self.index.file_keys().iter().any(|key| key.view.id == id) {
            return Err(Fault::new(Code::ReadOnly));
        }
        let key = stored::load(&*self.store, id).await?.ok_or_else(no_such_key)?;
        match expected {
            Some(seen) if seen != key.version => Err(Fault::new(Code::Conflict)
                .because(format_args!("the caller saw version {seen}, stored is {}", key.version))),
            _ => Ok(key),
        }
    }

    fn checked(&self, mut spec: KeySpec) -> Result<KeySpec, Fault> {
        if let Err((field, message)) = check_spec(&spec) {
            return Err(Fault::saying(Code::InvalidRequest, format!("'{field}': {message}.")).at(field));
        }
        if spec.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(Fault::saying(Code::InvalidRequest, "'expires' must be in the future.").at("expires"));
        }
        if self.in_file(&spec.name) {
            return Err(claims::taken(&spec.name));
        }
        spec.scopes.sort_unstable();
        spec.scopes.dedup();
        Ok(spec)
    }

    /// Does a key of the file have this name?
    pub(crate) fn in_file(&self, name: &str) -> bool {
        self.index.file_keys().iter().any(|key| key.view.spec.name == name)
    }

    fn show(&self, key: &StoredKey) {
        let who = Arc::new(principal(Some(key.id), &key.document.spec));
        self.index.keep(key.id, key.document.hash, who);
    }
}

fn mint(spec: KeySpec) -> Result<(Secret, Document), Fault> {
    let secret = key::mint().map_err(|error| Fault::new(Code::Internal).because(error))?;
    let text = secret.expose();
    let document = Document { spec, hash: KeyHash::of(text), hint: key::hint(text), revoked: None };
    Ok((secret, document))
}

fn no_such_key() -> Fault {
    Fault::saying(Code::NotFound, "No key has this id.")
}

impl KeyAdmin for Keys {
    fn list(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<KeyView>, Fault>> {
        Box::pin(self.list_keys(page))
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<KeyView, Fault>> {
        Box::pin(self.get_key(id))
    }

    fn create(&self, spec: KeySpec) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        Box::pin(self.create_key(spec))
    }

    fn rotate(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        Box::pin(self.rotate_key(id, expected))
    }

    fn revoke(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<KeyView, Fault>> {
        Box::pin(self.revoke_key(id, expected))
    }
}

#[cfg(test)]
mod tests;
