//! Answers that clients may refer to, in memory: the newest, up to a number of bytes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{Answer, Holder, Making, ResponseStore, StoreError, StoredResponse, Tenant};
use contract::words::Timestamp;

/// The most bytes of answers that are held.
const HELD: usize = 64 << 20;
/// How long the id of an answer is remembered after its end.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(60 * 24 * 3_600);
/// What an entry takes beside its input and its body.
const ENTRY: usize = 512;

/// The store.
#[derive(Debug, Default)]
pub struct MemoryResponses(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// By id: seldom has more than one tenant the same.
    responses: HashMap<Arc<str>, Vec<Entry>>,
    /// The ids of the responses that have an item of this id.
    holders: HashMap<Box<str>, Vec<Arc<str>>>,
    /// In the order they came, with their numbers: an entry that was replaced or removed has another, or none.
    order: VecDeque<(Arc<str>, u64)>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    response: StoredResponse,
}

impl MemoryResponses {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's answer, if it is held.
    fn at_hand(&self, tenant: &Tenant, id: &str, now: Timestamp) -> Option<StoredResponse> {
        let held = self.held();
        let mut entries = held.responses.get(id)?.iter().map(|entry| &entry.response);
        let is_there = |it: &&StoredResponse| it.tenant == *tenant && it.until > now && !is_emptied(it);
        entries.find(is_there).cloned()
    }

    /// Is the id that of an answer which is held, or was?
    fn has(&self, id: &str, now: Timestamp) -> bool {
        let held = self.held();
        let is_known = |entry: &Entry| is_remembered(&entry.response, now);
        held.responses.get(id).is_some_and(|entries| entries.iter().any(is_known))
    }

    /// Forgets a tenant's answer, but not the name of one that its provider keeps too; gives whether it was held.
    fn forget(&self, tenant: &Tenant, id: &str) -> bool {
        let mut held = self.held();
        let Some(Entry { response, .. }) = held.take(id, |entry| entry.response.tenant == *tenant) else {
            return false;
        };
        let was_there = !is_emptied(&response);
        if response.native {
            let nothing = Bytes::new;
            held.add(StoredResponse {
                previous: None,
                input: nothing(),
                body: nothing(),
                making: None,
                ..response
            });
        }
        was_there
    }

    /// Who has these items, of those that are held.
    fn holding(&self, tenant: &Tenant, items: &[String], now: Timestamp) -> Vec<Holder> {
        let held = self.held();
        let holder = |item: &String| {
            let ids = held.holders.get(&**item)?;
            let all = ids.iter().filter_map(|id| held.responses.get(id)).flatten();
            let mut all = all.map(|entry| &entry.response).filter(|response| response.until > now).peekable();
            all.peek()?;
            let own = all.find(|response| response.tenant == *tenant);
            Some((item.clone(), own.map(|response| Arc::clone(&response.id))))
        };
        items.iter().filter_map(holder).collect()
    }

    fn hold(&self, response: StoredResponse) {
        self.held().add(response);
    }
}

impl Held {
    fn all(&mut self) -> impl Iterator<Item = &mut StoredResponse> {
        self.responses.values_mut().flatten().map(|entry| &mut entry.response)
    }

    /// Who makes those that are not over.
    fn making(&mut self) -> impl Iterator<Item = &mut Making> {
        self.all().filter_map(|response| response.making.as_mut())
    }

    fn add(&mut self, response: StoredResponse) {
        self.take(&response.id, |entry| entry.response.tenant == response.tenant);
        self.bytes += size(&response);
        for item in response.items() {
            let holders = self.holders.entry(item.into()).or_default();
            if !holders.contains(&response.id) {
                holders.push(Arc::clone(&response.id));
            }
        }
        self.next += 1;
        let (id, number) = (Arc::clone(&response.id), self.next);
        self.order.push_back((Arc::clone(&id), number));
        self.responses.entry(id).or_default().push(Entry { number, response });
        while self.bytes > HELD
            && let Some((id, number)) = self.order.pop_front()
        {
            self.take(&id, |entry| entry.number == number);
        }
        // What was replaced or removed leaves its place behind.
        if self.order.len() > 2 * self.responses.len() + 64 {
            let Self { order, responses, .. } = self;
            let is_there = |id: &Arc<str>, number: u64| {
                responses.get(id).is_some_and(|entries| entries.iter().any(|entry| entry.number == number))
            };
            order.retain(|(id, number)| is_there(id, *number));
        }
    }

    fn take(&mut self, id: &str, is_meant: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let entries = self.responses.get_mut(id)?;
        let at = entries.iter().position(is_meant)?;
        let taken = entries.swap_remove(at);
        if entries.is_empty() {
            self.responses.remove(id);
        }
        self.bytes -= size(&taken.response);
        for item in taken.response.items() {
            if let Some(holders) = self.holders.get_mut(&*item) {
                holders.retain(|id| **id != *taken.response.id || self.responses.contains_key(id));
                if holders.is_empty() {
                    self.holders.remove(&*item);
                }
            }
        }
        Some(taken)
    }
}

/// Is its id known yet?
pub(crate) fn is_remembered(response: &StoredResponse, now: Timestamp) -> bool {
    let until = if response.native { response.until.plus(REMEMBERED) } else { response.until };
    until > now
}

/// Is it no more than a name?
fn is_emptied(response: &StoredResponse) -> bool {
    response.native && response.body.is_empty()
}

fn size(response: &StoredResponse) -> usize {
    ENTRY + response.input.len() + response.body.len()
}

impl ResponseStore for MemoryResponses {
    fn keep(&self, response: StoredResponse) {
        self.hold(response);
    }

    fn entrust(&self, response: StoredResponse) -> Answer<'_, Result<(), StoreError>> {
        self.hold(response);
        Answer::now(Ok(()))
    }

    fn secure(&self, response: StoredResponse) -> Answer<'static, ()> {
        self.hold(response);
        Answer::now(())
    }

    fn renew<'a>(
        &'a self,
        owner: &'a str,
        names: &'a [(Tenant, Arc<str>)],
        lease: Timestamp,
    ) -> Answer<'a, Result<(), StoreError>> {
        let mut held = self.held();
        for (tenant, id) in names {
            let mut theirs =
                held.responses.get_mut(id).into_iter().flatten().map(|entry| &mut entry.response);
            let making = theirs.find(|response| response.tenant == *tenant).and_then(|it| it.making.as_mut());
            if let Some(making) = making.filter(|making| *making.owner == *owner) {
                making.lease = lease;
            }
        }
        Answer::now(Ok(()))
    }

    fn give_away<'a>(&'a self, owner: &'a str, now: Timestamp) -> Answer<'a, Result<(), StoreError>> {
        for making in self.held().making().filter(|making| *making.owner == *owner) {
            making.lease = now;
        }
        Answer::now(Ok(()))
    }

    fn claim<'a>(
        &'a self,
        owner: &'a Arc<str>,
        now: Timestamp,
        lease: Timestamp,
    ) -> Answer<'a, Result<Vec<StoredResponse>, StoreError>> {
        let mut claimed = Vec::new();
        for response in self.held().all() {
            if let Some(making) = response.making.as_mut().filter(|making| making.lease <= now) {
                *making = Making { owner: Arc::clone(owner), lease, ..making.clone() };
                claimed.push(response.clone());
            }
        }
        Answer::now(Ok(claimed))
    }

    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        id: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Result<Option<StoredResponse>, StoreError>> {
        Answer::now(Ok(self.at_hand(tenant, id, now)))
    }

    fn is_known<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Result<bool, StoreError>> {
        Answer::now(Ok(self.has(id, now)))
    }

    fn holders<'a>(
        &'a self,
        tenant: &'a Tenant,
        items: &'a [String],
        now: Timestamp,
    ) -> Answer<'a, Result<Vec<Holder>, StoreError>> {
        Answer::now(Ok(self.holding(tenant, items, now)))
    }

    fn remove<'a>(&'a self, tenant: &'a Tenant, id: &'a str) -> Answer<'a, Result<bool, StoreError>> {
        Answer::now(Ok(self.forget(tenant, id)))
    }
}
