//! Keeps answers that their clients may refer to later ([`contract::ports::ResponseStore`]).

use std::sync::Arc;

use bytes::Bytes;
use contract::body::Body;
use contract::ports::{Answer, Deployment, ResponseStore, StoredResponse};
use http::Response;
use wire::stored;

use crate::pipeline::Pipeline;
use crate::stages::{Answered, Whole};
use crate::ticket::Ticket;

/// Keeps one answer.
pub(crate) struct Shelf {
    pub(crate) store: Arc<dyn ResponseStore>,
    /// All that is known before the answer.
    pub(crate) draft: StoredResponse,
    /// Does its client want it made in the background?
    pub(crate) background: bool,
    /// Must it have the id that its client was given beforehand?
    pub(crate) named: bool,
    /// Who answers.
    pub(crate) deployment: Arc<Deployment>,
}

impl Shelf {
    /// Keeps the answer before its client has it: the client goes on once this is done, which takes a second at most. None: it is
    /// none that could be kept.
    pub(crate) fn secure(&self, answer: &Bytes) -> Option<Answer<'static, ()>> {
        Some(self.store.secure(self.filled(answer)?))
    }

    /// The answer with all that is kept of it; none when it is none that could be kept.
    pub(crate) fn filled(&self, answer: &Bytes) -> Option<StoredResponse> {
        let facts = stored::facts(answer)?;
        let mut response = self.draft.clone();
        response.body = answer.clone();
        if self.named {
            response.body = stored::named(answer, &response.id, response.previous.as_deref());
        } else {
            response.id = facts.id.into();
        }
        response.native &= facts.store && !self.named;
        response.deployment = Some(Arc::clone(&self.deployment.id));
        Some(response)
    }

    /// Does the provider go on with the answer on its own?
    pub(crate) fn is_pending(&self, answer: &Bytes) -> bool {
        self.draft.native && !self.named && stored::facts(answer).is_some_and(|facts| facts.is_pending())
    }
}

impl Pipeline {
    /// Settles an answer that is kept, and gives it out once it is.
    pub(crate) async fn shelve(self: &Arc<Self>, whole: Whole, ticket: Ticket) -> Response<Body> {
        let kept = whole.shelf.as_ref().and_then(|shelf| shelf.secure(&whole.body));
        let response = self.settle(ticket, Ok(Answered::Whole(whole)));
        if let Some(kept) = kept {
            kept.await;
        }
        response
    }
}
