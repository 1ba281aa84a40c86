//! Blocks of messages in memory: the newest, up to a number of bytes for all and for each tenant.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contract::ports::{Anchor, Answer, KeptMessage, NativeBlocks, Tenant};
use contract::words::Timestamp;

/// The most bytes of messages that are held.
const HELD: usize = 64 << 20;
/// The most bytes of messages that are held for one tenant.
const SHARE: usize = 32 << 20;
/// What a message takes beside its body.
const ENTRY: usize = 256;

/// The store. In front of a database it answers for what is new.
#[derive(Debug, Default)]
pub struct MemoryNatives(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// In the order they came.
    messages: BTreeMap<u64, KeptMessage>,
    places: HashMap<Tenant, Place>,
    next: u64,
    bytes: usize,
}

/// What one tenant has here.
#[derive(Debug, Default)]
struct Place {
    /// Which message an anchor finds.
    anchors: HashMap<Anchor, u64>,
    /// Its messages, oldest first.
    order: VecDeque<u64>,
    bytes: usize,
}

impl MemoryNatives {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held of these.
    pub(crate) fn at_hand(
        &self,
        tenant: &Tenant,
        anchors: &[Anchor],
        now: Timestamp,
    ) -> Vec<(Anchor, Bytes)> {
        let held = self.held();
        let Some(place) = held.places.get(tenant) else { return Vec::new() };
        let find = |anchor: &Anchor| {
            let message = held.messages.get(place.anchors.get(anchor)?)?;
            (message.until > now).then(|| (*anchor, message.body.clone()))
        };
        anchors.iter().filter_map(find).collect()
    }
}

impl Held {
    fn add(&mut self, message: KeptMessage) {
        let (number, bytes) = (self.next, size(&message));
        self.next += 1;
        self.bytes += bytes;
        let tenant = message.tenant.clone();
        let place = self.places.entry(tenant.clone()).or_default();
        place.bytes += bytes;
        place.order.push_back(number);
        let replaced: Vec<u64> =
            message.anchors.iter().filter_map(|anchor| place.anchors.insert(*anchor, number)).collect();
        self.messages.insert(number, message);
        for number in replaced {
            self.forget_unfound(number);
        }
        while self.places.get(&tenant).is_some_and(|place| place.bytes > SHARE) {
            let Some(oldest) = self.places.get_mut(&tenant).and_then(|place| place.order.pop_front()) else {
                break;
            };
            self.forget(oldest);
        }
        while self.bytes > HELD
            && let Some((&oldest, _)) = self.messages.first_key_value()
        {
            self.forget(oldest);
        }
    }

    /// Forgets a message that no anchor finds any more: another has come in its place.
    fn forget_unfound(&mut self, number: u64) {
        let Some(message) = self.messages.get(&number) else { return };
        let Some(place) = self.places.get(&message.tenant) else { return };
        if !message.anchors.iter().any(|anchor| place.anchors.get(anchor) == Some(&number)) {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(message) = self.messages.remove(&number) else { return };
        let bytes = size(&message);
        self.bytes -= bytes;
        let Some(place) = self.places.get_mut(&message.tenant) else { return };
        place.bytes -= bytes;
        for anchor in &message.anchors {
            if place.anchors.get(anchor) == Some(&number) {
                place.anchors.remove(anchor);
            }
        }
        if place.order.front() == Some(&number) {
            place.order.pop_front();
        }
        // Numbers of what went out of turn: there are never more of them than of what is here.
        if place.order.len() > 2 * place.anchors.len() + 8 {
            place.order.retain(|number| self.messages.contains_key(number));
        }
        if place.anchors.is_empty() && place.bytes == 0 {
            self.places.remove(&message.tenant);
        }
    }
}

fn size(message: &KeptMessage) -> usize {
    ENTRY + message.body.len()
}

impl NativeBlocks for MemoryNatives {
    fn keep(&self, message: KeptMessage) {
        self.held().add(message);
    }

    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        anchors: &'a [Anchor],
        now: Timestamp,
    ) -> Answer<'a, Vec<(Anchor, Bytes)>> {
        Answer::now(self.at_hand(tenant, anchors, now))
    }
}
