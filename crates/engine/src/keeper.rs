//! Remembers the blocks of an answer that its client cannot send back: see [`wire::natives`].

use std::sync::Arc;

use contract::canon::Reply;
use contract::ports::{KeptMessage, NativeBlocks, Tenant};
use contract::words::Timestamp;
use wire::natives::{self, Maker, Trail};

/// The most bytes of a streamed answer that are gathered to be remembered.
pub(crate) const GATHERED: usize = 4 << 20;

/// Remembers what one answer holds.
pub(crate) struct Keeper {
    /// None: the upstream's dialect has no such blocks.
    pub(crate) natives: Option<Arc<dyn NativeBlocks>>,
    pub(crate) tenant: Tenant,
    /// The conversation that it answers, as its client sent it.
    pub(crate) trail: Trail,
    /// Who answers it.
    pub(crate) from: Maker,
    pub(crate) until: Timestamp,
}

impl Keeper {
    /// Remembers an answer's blocks. Of several choices a conversation goes on with the first.
    pub(crate) fn keep(&self, reply: &Reply) {
        let Some(store) = &self.natives else { return };
        let remember = |choice| natives::remember(&self.trail, choice, &self.from);
        if let Some(kept) = reply.choices.first().and_then(remember) {
            store.keep(KeptMessage {
                tenant: self.tenant.clone(),
                anchors: kept.anchors,
                body: kept.body,
                until: self.until,
            });
        }
    }
}
