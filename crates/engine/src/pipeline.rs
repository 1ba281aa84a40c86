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
use contract::body::Body;
use contract::ports::{Arrived, BoxFuture, Llm, ModelsAsk};
use contract::{Code, Fault};
use http::Response;

use crate::collect::collect;
use crate::head;
use crate::settle::Tail;
use crate::snapshot::{Handles, Snapshot};
use crate::stages::{Answered, refuse};
use crate::ticket::Ticket;

/// Most bytes of a question about a model.
const QUESTION_CAP: u64 = 64 << 10;

/// The pipeline with everything it calls.
pub struct Pipeline {
    snapshot: ArcSwap<Snapshot>,
    handles: Handles,
    tail: Arc<Tail>,
}

impl Pipeline {
    /// A pipeline that serves under this snapshot until another one is [put in](Self::swap).
    #[must_use]
    pub fn new(snapshot: Snapshot, handles: Handles, tail: Arc<Tail>) -> Self {
        Self { snapshot: ArcSwap::from_pointee(snapshot), handles, tail }
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

    /// What arrived is lent out, not handed on: a future holds each value that is moved into it twice.
    async fn run(&self, arrived: &mut Arrived) -> Response<Body> {
        let run = Run { snapshot: &self.snapshot.load_full(), handles: &self.handles };
        let mut ticket = Ticket::open(arrived, run.snapshot.version, &self.tail);
        let result = run.answer(arrived, &mut ticket).await;
        self.settle(ticket, result)
    }

    /// An answer at hand is settled here; a stream takes its ticket along and settles at its last event.
    fn settle(&self, mut ticket: Ticket, result: Result<Answered, Fault>) -> Response<Body> {
        match result {
            Ok(Answered::Whole(whole)) => {
                ticket.answered(&whole);
                let settled = ticket.settle();
                head::whole(whole, &settled)
            }
            Ok(Answered::Stream(stream)) => {
                let parts = head::stream(&ticket, stream.kind());
                Response::from_parts(parts, Body::stream(stream.metered(ticket)))
            }
            Err(fault) => {
                let response = self.handles.renderer.render(ticket.dialect(), &fault, ticket.id());
                ticket.failed(&fault, response.status(), response.body().known_len().unwrap_or_default());
                let settled = ticket.settle();
                head::fault(response, &settled)
            }
        }
    }

    async fn list(&self, mut ask: ModelsAsk) -> Response<Body> {
        let snapshot = self.snapshot.load_full();
        let run = Run { snapshot: &snapshot, handles: &self.handles };
        match run.models(&mut ask).await {
            Ok(body) => head::json(body, ask.dialect, ask.id),
            Err(fault) => self.handles.renderer.render(ask.dialect, &fault, ask.id),
        }
    }
}

/// One request's view of the pipeline: the snapshot it runs under and the ports.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) handles: &'a Handles,
}

impl Run<'_> {
    async fn answer(self, arrived: &mut Arrived, ticket: &mut Ticket) -> Result<Answered, Fault> {
        let known = self.authenticate(arrived, ticket).await?;
        let admitted = self.admit(known, ticket).await?;
        let prepared = self.assemble(admitted, ticket);
        let cleared = self.inspect_input(prepared, ticket)?;
        let attempted = if let Some(hit) = self.lookup(&cleared, ticket) {
            hit
        } else {
            self.attempt(&cleared, ticket).await?
        };
        Ok(self.inspect_output(attempted, ticket))
    }

    async fn models(self, ask: &mut ModelsAsk) -> Result<bytes::Bytes, Fault> {
        let presented = ask.key.as_ref().map(contract::words::Secret::expose);
        let who = self.handles.keyring.identify(presented).await?;
        let mut cards = self.snapshot.router.models();
        cards.retain(|card| who.may_use(&card.name));
        if !matches!(ask.body, Body::Empty) {
            let body = collect(std::mem::take(&mut ask.body), QUESTION_CAP).await.map_err(refuse)?;
            ask.model = Some(wire::asked_model(&body)?);
        }
        match &ask.model {
            None => Ok(wire::models(ask.dialect, &cards)),
            Some(name) => {
                let card = cards.iter().find(|card| card.name == *name).ok_or(Code::ModelNotFound)?;
                Ok(wire::model(ask.dialect, card))
            }
        }
    }
}

impl Llm for Pipeline {
    fn serve(self: Arc<Self>, mut arrived: Arrived) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.run(&mut arrived).await })
    }

    fn models(self: Arc<Self>, ask: ModelsAsk) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move { self.list(ask).await })
    }
}
