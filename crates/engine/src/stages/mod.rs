//! The stages and the states between them. Each state owns what the next stage needs and nothing else can make it.

mod admit;
mod attempt;
mod authenticate;
mod inspect;
mod lookup;
mod translate;

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Arrived, Plan, Tenant};
use contract::words::{Dialect, Principal};
use http::{HeaderMap, StatusCode};
use wire::envelope::Envelope;

use crate::stream::Streaming;

pub(crate) use admit::refuse;

/// The caller is known.
pub(crate) struct Known<'a> {
    arrived: &'a mut Arrived,
    principal: Arc<Principal>,
}

/// The caller may do this: limits held, body read, model resolved.
pub(crate) struct Admitted {
    dialect: Dialect,
    headers: HeaderMap,
    envelope: Envelope,
    plan: Plan,
    /// Whose state it may use.
    tenant: Tenant,
    /// Refuse what cannot be carried instead of dropping it?
    strict: bool,
}

/// The request is complete: sessions, prompts and recall are in.
pub(crate) struct Prepared(Admitted);

/// The input may go out.
pub(crate) struct Cleared(Prepared);

impl Cleared {
    const fn request(&self) -> &Admitted {
        &self.0.0
    }
}

/// A deployment has answered, or a cache.
pub(crate) enum Attempted {
    /// The whole answer is at hand, in the client's dialect.
    Whole(Whole),
    /// The answer arrives over time.
    Stream(Streaming),
}

/// A whole answer in the client's dialect.
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The output may go to the client.
pub(crate) enum Answered {
    /// The whole answer.
    Whole(Whole),
    /// A stream; it settles at its last event.
    Stream(Streaming),
}
