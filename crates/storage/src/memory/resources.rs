//! Resources in memory.

use std::ops::Bound;

use contract::ports::{BoxFuture, Page, PageRequest, Resource, ResourceKind, ResourceStore, StoreError};
use contract::words::Timestamp;
use serde_json::Value;

use super::{Memory, State};
use crate::cursor;

impl State {
    fn version(&self, kind: ResourceKind, id: &str) -> i64 {
        self.resources.get(&(kind.as_str(), id.to_owned())).map_or(0, |stored| stored.version)
    }

    fn put(&mut self, mut new: Resource, expected: i64) -> Result<Resource, StoreError> {
        let stored = self.version(new.kind, &new.id);
        if stored != expected {
            return Err(StoreError::Conflict { stored });
        }
        let name = (new.kind.as_str(), new.id.clone());
        if let Some(before) = self.resources.get(&name) {
            new.created = before.created;
        }
        new.version = expected + 1;
        self.resources.insert(name, new.clone());
        self.revision += 1;
        Ok(new)
    }

    fn delete(&mut self, kind: ResourceKind, id: String, expected: i64) -> Result<(), StoreError> {
        let stored = self.version(kind, &id);
        if stored != expected || stored == 0 {
            return Err(StoreError::Conflict { stored });
        }
        self.resources.remove(&(kind.as_str(), id));
        self.revision += 1;
        Ok(())
    }

    fn list(&self, kind: ResourceKind, page: &PageRequest) -> Result<Page<Resource>, StoreError> {
        let after = page.cursor.as_deref().map(cursor::decode_name).transpose()?;
        let limit = cursor::page_size(page.limit) as usize;
        let from = match after {
            Some(id) => Bound::Excluded((kind.as_str(), id)),
            None => Bound::Included((kind.as_str(), String::new())),
        };
        let mut items: Vec<Resource> = self
            .resources
            .range((from, Bound::Unbounded))
            .take_while(|((stored, _), _)| *stored == kind.as_str())
            .take(limit + 1)
            .map(|(_, resource)| resource.clone())
            .collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor::encode_name(&last.id));
        Ok(Page { items, next })
    }
}

impl ResourceStore for Memory {
    fn get(&self, kind: ResourceKind, id: String) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        let found = self.state().resources.get(&(kind.as_str(), id)).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn list(
        &self,
        kind: ResourceKind,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<Resource>, StoreError>> {
        let found = self.state().list(kind, &page);
        Box::pin(async move { found })
    }

    fn put(
        &self,
        kind: ResourceKind,
        id: String,
        body: Value,
        expected: i64,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Resource, StoreError>> {
        let new = Resource { kind, id, version: 0, created: now, updated: now, body };
        let done = self.state().put(new, expected);
        Box::pin(async move { done })
    }

    fn delete(&self, kind: ResourceKind, id: String, expected: i64) -> BoxFuture<'_, Result<(), StoreError>> {
        let done = self.state().delete(kind, id, expected);
        Box::pin(async move { done })
    }

    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        let revision = self.state().revision;
        Box::pin(async move { Ok(revision) })
    }
}
