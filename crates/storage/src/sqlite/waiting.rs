//! Kept answers that the database does not have yet: the newest change of each. Not a cache: once a change is written, others
//! may change the row, so that only the row tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::ports::{Holder, Making, StoreError, StoredResponse, Tenant};
use contract::words::Timestamp;
use tokio::sync::oneshot;

use crate::memory::is_remembered;

/// What an entry takes beside its input and its body.
const ENTRY: usize = 512;

/// What those are told who come while it does.
const FAILING: &str = "it does not take changes; this one is made once it does";

/// What an answer is known by.
pub(super) type Name = (Tenant, Arc<str>);
/// Learns what a change came to: whether it changed anything.
pub(super) type Done = oneshot::Sender<Result<bool, StoreError>>;

/// What is to become of an answer.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Keep(Arc<StoredResponse>),
    Remove,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By id: seldom has more than one tenant the same.
    entries: HashMap<Arc<str>, Vec<Entry>>,
    next: u64,
    bytes: usize,
    failing: bool,
}

#[derive(Debug)]
struct Entry {
    tenant: Tenant,
    number: u64,
    /// Will the writer come by? Not if it has the entry in hand, or is gone.
    queued: bool,
    change: Change,
    waiters: Vec<Done>,
}

/// A change in the writer's hand.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) name: Name,
    pub(super) change: Change,
    number: u64,
    waiters: Vec<Done>,
}

/// What became of a change that was added.
pub(super) struct Added {
    /// Must the writer be told?
    pub(super) is_new: bool,
    /// Was the answer itself among what waited?
    pub(super) was_kept: bool,
}

impl Waiting {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a change, in place of an earlier one of the same answer. While the database fails nobody waits for it.
    pub(super) fn add(&self, (tenant, id): Name, change: Change, waiter: Option<Done>) -> Added {
        let mut inner = self.inner();
        let waiter = match inner.failing {
            true => {
                tell(waiter, || Err(StoreError::Unavailable(FAILING.to_owned())));
                None
            }
            false => waiter,
        };
        inner.next += 1;
        inner.bytes += size(&change);
        let number = inner.next;
        let entries = inner.entries.entry(id).or_default();
        let Some(entry) = entries.iter_mut().find(|entry| entry.tenant == tenant) else {
            entries.push(Entry {
                tenant,
                number,
                queued: true,
                change,
                waiters: waiter.into_iter().collect(),
            });
            return Added { is_new: true, was_kept: false };
        };
        let before = std::mem::replace(&mut entry.change, change);
        entry.number = number;
        // Who waits for what came before learns of this.
        entry.waiters.extend(waiter);
        let is_new = !std::mem::replace(&mut entry.queued, true);
        inner.bytes -= size(&before);
        Added { is_new, was_kept: matches!(before, Change::Keep(_)) }
    }

    /// The writer takes no more.
    pub(super) fn abandon(&self, name: &Name) {
        if let Some(entry) = self.inner().entry(name) {
            entry.queued = false;
            entry.waiters.clear();
        }
    }

    /// What waits of a tenant's answer.
    pub(super) fn look(&self, tenant: &Tenant, id: &str) -> Option<Change> {
        let inner = self.inner();
        let entry = inner.entries.get(id)?.iter().find(|entry| entry.tenant == *tenant)?;
        Some(entry.change.clone())
    }

    /// Tells when what waits of an answer is written. None: it is, or the database fails.
    pub(super) fn wait(&self, name: &Name) -> Option<oneshot::Receiver<Result<bool, StoreError>>> {
        let mut inner = self.inner();
        if inner.failing {
            return None;
        }
        let (done, written) = oneshot::channel();
        inner.entry(name)?.waiters.push(done);
        Some(written)
    }

    /// Does an answer of this id wait, of anybody?
    pub(super) fn has(&self, id: &str, now: Timestamp) -> bool {
        let is_kept = |entry: &Entry| matches!(&entry.change, Change::Keep(it) if is_remembered(it, now));
        self.inner().entries.get(id).is_some_and(|entries| entries.iter().any(is_kept))
    }

    /// Who has these items, of what waits.
    pub(super) fn holding(&self, tenant: &Tenant, items: &[String], now: Timestamp) -> Vec<Holder> {
        let inner = self.inner();
        let mut found = Vec::new();
        for entry in inner.entries.values().flatten() {
            let Change::Keep(response) = &entry.change else { continue };
            let own = (entry.tenant == *tenant && response.until > now).then(|| Arc::clone(&response.id));
            let held = response.items().into_iter().filter(|item| items.contains(item));
            found.extend(held.map(|item| (item, own.clone())));
        }
        found
    }

    /// Bytes of answers that wait.
    pub(super) fn bytes(&self) -> usize {
        self.inner().bytes
    }

    /// Puts off the end of the lease of an answer that waits.
    pub(super) fn renew(&self, name: &Name, lease: Timestamp) {
        if let Some(entry) = self.inner().entry(name) {
            entry.lease(lease);
        }
    }

    /// Gives away whatever this owner makes.
    pub(super) fn give_away(&self, owner: &str, now: Timestamp) {
        for entry in self.inner().entries.values_mut().flatten() {
            let Change::Keep(response) = &entry.change else { continue };
            if response.making.as_ref().is_some_and(|making| *making.owner == *owner) {
                entry.lease(now);
            }
        }
    }

    /// The changes of these answers, as they are now. Those that were written meanwhile are left out.
    pub(super) fn take(&self, names: &[Name]) -> Vec<Taken> {
        let mut inner = self.inner();
        let taken = names.iter().filter_map(|name| {
            let entry = inner.entry(name).filter(|entry| entry.queued)?;
            entry.queued = false;
            let waiters = std::mem::take(&mut entry.waiters);
            Some(Taken { name: name.clone(), change: entry.change.clone(), number: entry.number, waiters })
        });
        taken.collect()
    }

    /// These are written, and did or did not change anything.
    pub(super) fn written(&self, changes: Vec<Taken>, changed: &[bool]) {
        let mut inner = self.inner();
        inner.failing = false;
        for (taken, changed) in changes.into_iter().zip(changed) {
            let later = inner.over(&taken.name, taken.number);
            tell(taken.waiters.into_iter().chain(later), || Ok(*changed));
        }
    }

    /// These could not be written: they wait on, and who waits for them or for others learns of it. Gives whether it went well
    /// before.
    pub(super) fn failed(&self, changes: Vec<Taken>, error: &StoreError) -> bool {
        let mut inner = self.inner();
        let failed = || Err(StoreError::Unavailable(error.to_string()));
        for taken in changes {
            if let Some(entry) = inner.entry(&taken.name) {
                entry.queued = true;
            }
            tell(taken.waiters, failed);
        }
        let others = inner.entries.values_mut().flatten();
        others.for_each(|entry| tell(entry.waiters.drain(..), failed));
        !std::mem::replace(&mut inner.failing, true)
    }
}

/// Where nobody waits any more, it is done all the same.
fn tell(waiters: impl IntoIterator<Item = Done>, answer: impl Fn() -> Result<bool, StoreError>) {
    waiters.into_iter().for_each(|done| drop(done.send(answer())));
}

impl Inner {
    fn entry(&mut self, (tenant, id): &Name) -> Option<&mut Entry> {
        self.entries.get_mut(id)?.iter_mut().find(|entry| entry.tenant == *tenant)
    }

    /// Forgets a change, unless there is a newer one; gives who began to wait meanwhile.
    fn over(&mut self, (tenant, id): &Name, number: u64) -> Vec<Done> {
        let Some(entries) = self.entries.get_mut(id) else { return Vec::new() };
        let is_meant = |entry: &Entry| entry.tenant == *tenant && entry.number == number;
        let Some(at) = entries.iter().position(is_meant) else { return Vec::new() };
        let entry = entries.swap_remove(at);
        if entries.is_empty() {
            self.entries.remove(id);
        }
        self.bytes -= size(&entry.change);
        entry.waiters
    }
}

impl Entry {
    fn lease(&mut self, lease: Timestamp) {
        let Change::Keep(response) = &mut self.change else { return };
        if let Some(making) = response.making.clone() {
            Arc::make_mut(response).making = Some(Making { lease, ..making });
        }
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Keep(response) => ENTRY + response.input.len() + response.body.len(),
        Change::Remove => ENTRY,
    }
}
