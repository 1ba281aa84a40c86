//! What is remembered of a conversation between its turns. Everything belongs to one tenant and comes to an end.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Answer;
use crate::words::{Principal, Timestamp};

/// Whose state something is: nothing crosses from one tenant to another. The team of the caller where it has one, else its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant a caller belongs to.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        let org = &principal.org;
        Self(match (&principal.team, principal.key) {
            (Some(team), _) => format!("{org}/{team}").into(),
            (None, Some(key)) => format!("{org}//{key}").into(),
            (None, None) => format!("{org}//{}", principal.name).into(),
        })
    }

    /// As stores keep it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message is found again by: 128 bits of a hash over what its client will send back of it.
pub type Anchor = [u8; 16];

/// What a model's message held that its client's dialect had no place for.
#[derive(Clone, Debug)]
pub struct KeptMessage {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is found by; each is enough.
    pub anchors: Vec<Anchor>,
    /// The message, in a form that only `wire` reads.
    pub body: Bytes,
    /// When it is forgotten.
    pub until: Timestamp,
}

/// Blocks that only their provider understands (signatures, encrypted thoughts), kept while the conversation goes on in
/// another dialect.
pub trait NativeBlocks: Send + Sync {
    /// Keeps a message. Whoever asks this instance finds it at once; it outlives the process a little later.
    fn keep(&self, message: KeptMessage);
    /// The messages behind these anchors, as far as there are any. A store that is away has none.
    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        anchors: &'a [Anchor],
        now: Timestamp,
    ) -> Answer<'a, Vec<(Anchor, Bytes)>>;
}
