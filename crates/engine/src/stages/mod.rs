//! The stages and the states between them. Each state owns what the next stage needs and nothing else can make it.

mod admit;
mod assemble;
mod attempt;
mod authenticate;
mod count;
mod inspect;
mod load;
mod lookup;
mod translate;
mod turns;

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Arrived, Deployment, Plan, Tenant};
use contract::words::{Dialect, Principal};
use http::{HeaderMap, StatusCode};
use wire::envelope::Envelope;

use crate::shelf::Shelf;
use crate::stream::Streaming;

pub(crate) use admit::refuse;
pub(crate) use assemble::{Before, Turn, unavailable};
pub(crate) use attempt::{ERROR_CAP, REPLY_CAP};
pub(crate) use turns::as_turn;

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
    /// Who calls.
    who: Arc<Principal>,
    /// Is a stream of it to be one JSON array?
    listed: bool,
    /// Refuse what cannot be carried instead of dropping it?
    strict: bool,
    /// What it goes on from, until `assemble` has seen to it.
    before: Option<Box<Before>>,
    /// What it says about answers that are kept, in a dialect where they may be; filled in by `assemble`.
    turn: Option<Box<Turn>>,
}

/// The request is complete: sessions, prompts and recall are in.
pub(crate) struct Prepared(Admitted);

/// The input may go out.
pub(crate) struct Cleared(Prepared);

impl Admitted {
    /// Whose state it may use. Made when it is asked for: most requests use none.
    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::of(&self.who)
    }

    /// Who is called first.
    pub(crate) fn plan_first(&self) -> Option<&Arc<Deployment>> {
        self.plan.deployments.first()
    }
}

impl Cleared {
    pub(crate) const fn request(&self) -> &Admitted {
        &self.0.0
    }

    /// Is it a question for the tokens of another request?
    pub(crate) fn counts(&self) -> bool {
        self.request().dialect.counted().is_some()
    }

    /// The account that was asked does not work in the background: its answer is made here, if the client may get it later.
    pub(crate) fn detach(&mut self) -> bool {
        let Admitted { envelope, turn, .. } = &mut self.0.0;
        let may = |turn: &&mut Box<Turn>| turn.keeping.background && !envelope.stream && !turn.detached;
        turn.as_mut().filter(may).map(|turn| turn.detached = true).is_some()
    }

    /// Is it answered while its client does not wait?
    pub(crate) fn is_detached(&self) -> bool {
        self.request().turn.as_deref().is_some_and(|turn| turn.detached)
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
    /// What keeps it.
    pub(crate) shelf: Option<Box<Shelf>>,
}

/// The output may go to the client.
pub(crate) enum Answered {
    /// The whole answer.
    Whole(Whole),
    /// A stream; it settles at its last event.
    Stream(Streaming),
}
