//! Stand-ins for the tests of this crate: a clock that is moved by hand and a store that can die at a chosen write.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::ports::{
    BoxFuture, Clock, Page, PageRequest, Resource, ResourceKind, ResourceStore, StoreError,
};
use contract::words::{Tick, Timestamp};
use serde_json::Value;
use tokio::sync::oneshot;

type Sleeper = (Duration, oneshot::Sender<()>);

/// A clock that only moves when told.
#[derive(Default)]
pub(crate) struct HandClock {
    state: Mutex<(Duration, Vec<Sleeper>)>,
}

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += by;
        let (now, waiting) = (state.0, std::mem::take(&mut state.1));
        for (due, wake) in waiting {
            if due <= now {
                let _ = wake.send(());
            } else {
                state.1.push((due, wake));
            }
        }
    }

    pub(crate) fn sleepers(&self) -> usize {
        self.state.lock().unwrap().1.iter().filter(|(_, wake)| !wake.is_closed()).count()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000).plus(self.state.lock().unwrap().0)
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.state.lock().unwrap().0.as_nanos()).unwrap())
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut state = self.state.lock().unwrap();
        let due = state.0 + span;
        state.1.push((due, wake));
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}

/// A store in memory. `dies_after(n)` lets `n` more writes through and fails everything from then on, as a crash does.
#[derive(Default)]
pub(crate) struct MemoryStore {
    rows: Mutex<BTreeMap<(&'static str, String), Resource>>,
    revision: AtomicI64,
    writes_left: Mutex<Option<u32>>,
    dead: AtomicBool,
}

impl MemoryStore {
    pub(crate) fn dies_after(&self, writes: u32) {
        *self.writes_left.lock().unwrap() = Some(writes);
    }

    pub(crate) fn revive(&self) {
        *self.writes_left.lock().unwrap() = None;
        self.dead.store(false, Ordering::SeqCst);
    }

    pub(crate) fn everything(&self) -> String {
        serde_json::to_string(&self.rows.lock().unwrap().values().collect::<Vec<_>>()).unwrap()
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.dead.load(Ordering::SeqCst) { Err(StoreError::Unavailable("down".into())) } else { Ok(()) }
    }

    fn spend(&self) -> Result<(), StoreError> {
        self.alive()?;
        match &mut *self.writes_left.lock().unwrap() {
            None => Ok(()),
            Some(0) => {
                self.dead.store(true, Ordering::SeqCst);
                Err(StoreError::Unavailable("died".into()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl ResourceStore for MemoryStore {
    fn get(&self, kind: ResourceKind, id: String) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.alive()?;
            Ok(self.rows.lock().unwrap().get(&(kind.as_str(), id)).cloned())
        })
    }

    fn list(
        &self,
        kind: ResourceKind,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<Resource>, StoreError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.alive()?;
            let after = page.cursor.unwrap_or_default();
            let limit = usize::try_from(page.limit.clamp(1, 1000)).unwrap();
            let rows = self.rows.lock().unwrap();
            let mut items: Vec<_> = rows
                .values()
                .filter(|row| row.kind == kind && row.id > after)
                .take(limit + 1)
                .cloned()
                .collect();
            let more = items.len() > limit;
            items.truncate(limit);
            let next = items.last().filter(|_| more).map(|row| row.id.clone());
            Ok(Page { items, next })
        })
    }

    fn put(
        &self,
        kind: ResourceKind,
        id: String,
        body: Value,
        expected: i64,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Resource, StoreError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.spend()?;
            let mut rows = self.rows.lock().unwrap();
            let before = rows.get(&(kind.as_str(), id.clone()));
            let stored = before.map_or(0, |row| row.version);
            if stored != expected {
                return Err(StoreError::Conflict { stored });
            }
            let created = before.map_or(now, |row| row.created);
            let row = Resource { kind, id: id.clone(), version: stored + 1, created, updated: now, body };
            rows.insert((kind.as_str(), id), row.clone());
            self.revision.fetch_add(1, Ordering::SeqCst);
            Ok(row)
        })
    }

    fn delete(&self, kind: ResourceKind, id: String, expected: i64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.spend()?;
            let mut rows = self.rows.lock().unwrap();
            let stored = rows.get(&(kind.as_str(), id.clone())).map_or(0, |row| row.version);
            if stored != expected {
                return Err(StoreError::Conflict { stored });
            }
            rows.remove(&(kind.as_str(), id));
            self.revision.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }

    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.alive()?;
            Ok(self.revision.load(Ordering::SeqCst))
        })
    }
}

/// A store and a clock, as one process has them.
pub(crate) fn world() -> (Arc<MemoryStore>, Arc<HandClock>) {
    (Arc::default(), Arc::default())
}
