//! Blocks of messages in memory: the newest, up to a number of bytes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contract::ports::{Anchor, Answer, KeptMessage, NativeBlocks, Tenant};
use contract::words::Timestamp;

/// The most bytes of messages that are held.
const HELD: usize = 64 << 20;
/// What an entry takes beside its message.
const ENTRY: usize = 128;

/// The store. In front of a database it answers for what is new.
#[derive(Debug, Default)]
pub struct MemoryNatives(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    messages: HashMap<(Tenant, Anchor), (Bytes, Timestamp)>,
    /// In the order they came.
    order: VecDeque<(Tenant, Anchor)>,
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
        let find = |anchor: &Anchor| {
            let (body, until) = held.messages.get(&(tenant.clone(), *anchor))?;
            (*until > now).then(|| (*anchor, body.clone()))
        };
        anchors.iter().filter_map(find).collect()
    }
}

impl Held {
    fn add(&mut self, key: (Tenant, Anchor), body: &Bytes, until: Timestamp) {
        self.bytes += ENTRY + body.len();
        match self.messages.insert(key.clone(), (body.clone(), until)) {
            Some((before, _)) => self.bytes -= ENTRY + before.len(),
            None => self.order.push_back(key),
        }
        while self.bytes > HELD
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some((body, _)) = self.messages.remove(&oldest) {
                self.bytes -= ENTRY + body.len();
            }
        }
    }
}

impl NativeBlocks for MemoryNatives {
    fn keep(&self, message: KeptMessage) {
        let mut held = self.held();
        for anchor in &message.anchors {
            held.add((message.tenant.clone(), *anchor), &message.body, message.until);
        }
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
