//! One request, from arrival to settlement: THE path. A stage consumes one state and returns the next, so that leaving
//! one out does not compile.
//!
//! ```text
//! arrived → authenticate → admit → assemble → inspect_input → lookup → attempt → inspect_output → settle
//! ```
//!
//! Whatever happens on the way, the [`Ticket`] ends up in `settle`: on success, on a fault, and when the client hangs up
//! and this future is dropped.

use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::Fault;
use contract::body::Body;
use contract::ports::{Arrived, BoxFuture, Llm, ModelsAsk, StoredAsk};
use http::Response;

use crate::counting::Counting;
use crate::head;
use crate::jobs::Jobs;
use crate::looks::Looks;
use crate::settle::Tail;
use crate::shelf::Shelf;
use crate::snapshot::{Handles, Snapshot};
use crate::stages::{Answered, Cleared, Whole};
use crate::ticket::Ticket;
use crate::verdict::refuses_background;

/// The pipeline with everything it calls.
pub struct Pipeline {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) handles: Handles,
    pub(crate) tail: Arc<Tail>,
    pub(crate) jobs: Jobs,
    pub(crate) looks: Looks,
    counting: Counting,
}

/// Where a request is when its client gets an answer.
enum Step {
    /// At its own.
    Done(Answered),
    /// Before the call: the answer is made while the client does not wait.
    Detached(Box<Cleared>),
    /// At a provider's word that it makes the answer while nobody waits.
    Followed(Box<(Whole, Box<Shelf>)>),
}

impl Pipeline {
    /// A pipeline that serves under this snapshot until another one is [put in](Self::swap).
    #[must_use]
    pub fn new(snapshot: Snapshot, handles: Handles, tail: Arc<Tail>) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            handles,
            tail,
            jobs: Jobs::default(),
            looks: Looks::default(),
            counting: Counting::default(),
        }
    }

    /// Puts a new snapshot in. Requests under way finish under the one they began with.
    pub fn swap(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// The snapshot that new requests run under.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Ends the answers that are still made in the background: those that are made here fail, those of providers are left to
    /// the next process.
    pub async fn close(&self) {
        self.jobs.close().await;
        self.give_away().await;
    }

    pub(crate) fn with<'a>(&'a self, snapshot: &'a Snapshot) -> Run<'a> {
        Run { snapshot, handles: &self.handles, jobs: &self.jobs, counting: &self.counting }
    }

    /// What arrived is lent out, not handed on: a future holds each value that is moved into it twice.
    async fn run(self: &Arc<Self>, arrived: &mut Arrived) -> Response<Body> {
        let snapshot = self.snapshot.load_full();
        let run = self.with(&snapshot);
        let mut ticket = Ticket::open(arrived, run.snapshot.version, &self.tail);
        match run.answer(arrived, &mut ticket).await {
            Ok(Step::Done(Answered::Whole(whole))) if whole.shelf.is_some() => {
                Box::pin(self.shelve(whole, ticket)).await
            }
            Ok(Step::Done(answered)) => self.settle(ticket, Ok(answered)),
            Ok(Step::Detached(cleared)) => Box::pin(self.detach(snapshot, cleared, ticket)).await,
            Ok(Step::Followed(promised)) => Box::pin(self.follow(promised, ticket)).await,
            Err(fault) => self.settle(ticket, Err(fault)),
        }
    }

    /// An answer at hand is settled here; a stream takes its ticket along and settles at its last event.
    pub(crate) fn settle(
        self: &Arc<Self>,
        mut ticket: Ticket,
        result: Result<Answered, Fault>,
    ) -> Response<Body> {
        match result {
            Ok(Answered::Whole(whole)) => {
                ticket.answered(whole.status, &whole.body);
                let settled = ticket.settle();
                head::whole(whole, &settled)
            }
            Ok(Answered::Stream(stream)) => {
                let parts = head::stream(&ticket, stream.kind());
                Response::from_parts(parts, Body::stream(stream.metered(ticket, self)))
            }
            Err(fault) => {
                let response = self.handles.renderer.render(ticket.dialect(), &fault, ticket.id());
                ticket.failed(&fault, response.status(), response.body().known_len().unwrap_or_default());
                let settled = ticket.settle();
                head::fault(response, &settled)
            }
        }
    }

    async fn tell(&self, ask: StoredAsk) -> Response<Body> {
        match self.about(&ask).await {
            Ok(body) => head::json(body, wire::stored::DIALECT, ask.id),
            Err(fault) => self.handles.renderer.render(wire::stored::DIALECT, &fault, ask.id),
        }
    }
}

/// One request's view of the pipeline: the snapshot it runs under and the ports.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) handles: &'a Handles,
    pub(crate) jobs: &'a Jobs,
    pub(crate) counting: &'a Counting,
}

impl Run<'_> {
    async fn answer(self, arrived: &mut Arrived, ticket: &mut Ticket) -> Result<Step, Fault> {
        let known = self.authenticate(arrived, ticket).await?;
        let admitted = self.admit(known, ticket).await?;
        let prepared = self.assemble(admitted, ticket)?;
        let mut cleared = self.inspect_input(prepared, ticket)?;
        if cleared.is_detached() {
            return Ok(Step::Detached(Box::new(cleared)));
        }
        let answered = match self.finish(&cleared, ticket).await {
            Err(fault) if refuses_background(&fault) && cleared.detach() => {
                return Ok(Step::Detached(Box::new(cleared)));
            }
            answered => answered?,
        };
        Ok(match answered {
            Answered::Whole(mut whole) => match whole.shelf.take_if(|shelf| shelf.is_pending(&whole.body)) {
                Some(shelf) => Step::Followed(Box::new((whole, shelf))),
                None => Step::Done(Answered::Whole(whole)),
            },
            stream => Step::Done(stream),
        })
    }

    /// The rest of the path, from a request that may go out.
    pub(crate) async fn finish(self, cleared: &Cleared, ticket: &mut Ticket) -> Result<Answered, Fault> {
        let attempted = if let Some(hit) = self.lookup(cleared, ticket) {
            hit
        } else if cleared.counts() {
            Box::pin(self.counted(cleared, ticket)).await?
        } else if let Some(loaded) = self.loaded(cleared, ticket) {
            loaded
        } else {
            self.attempt(cleared, ticket).await?
        };
        Ok(self.inspect_output(attempted, ticket))
    }
}

impl Llm for Pipeline {
    fn serve(self: Arc<Self>, mut arrived: Arrived) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.run(&mut arrived).await })
    }

    fn models(self: Arc<Self>, ask: ModelsAsk) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.list(ask).await })
    }

    fn stored(self: Arc<Self>, ask: StoredAsk) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.tell(ask).await })
    }
}
