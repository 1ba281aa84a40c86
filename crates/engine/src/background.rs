//! Answers that are made while their clients do not wait (`background`). One that a provider makes on its own is asked for
//! until it is complete, so that what it cost is known; any other is made here, by the same stages as all.
//!
//! The ticket goes along and is settled at the end, as ever; a client that asks sees no answer before that. What is to be
//! settled if this process ends before is kept with the answer from the beginning: see `leftover`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::body::Body;
use contract::ports::{Deployment, InputSize, Making, Outcome, SharedProvider, StoredCall, StoredResponse};
use contract::{Code, Fault};
use http::{Response, StatusCode};
use tokio::sync::oneshot;
use wire::stored;

use crate::collect::collect;
use crate::head;
use crate::jobs::Job;
use crate::pipeline::Pipeline;
use crate::shelf::Shelf;
use crate::snapshot::Snapshot;
use crate::stages::{Answered, Cleared, REPLY_CAP, Whole};
use crate::ticket::{Consumed, Ending, Ticket};

/// How long to wait before a provider is asked again: at first, and at most.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How often a provider may fail to say how far it is before it is asked no more: half an hour in all.
const FAILURES: u32 = 180;
const STOPPED: &str = "The gateway was stopped before the response was complete.";
const UNKNOWN: &str = "The provider that made the response no longer knows it.";

/// How it ended that a provider was asked for an answer.
pub(crate) enum Asked {
    /// The answer is there.
    Complete,
    /// It was told to stop.
    Stopped,
    /// It does not say.
    Silent,
    /// It knows of no such answer.
    Unknown,
}

impl Pipeline {
    /// Answers at once that there will be an answer, and makes it.
    pub(crate) async fn detach(
        self: &Arc<Self>,
        snapshot: Arc<Snapshot>,
        cleared: Box<Cleared>,
        ticket: Ticket,
    ) -> Response<Body> {
        let Some(mut waiting) = self.with(&snapshot).waiting(cleared.request(), &ticket) else {
            return self.settle(ticket, Err(Code::Internal.into()));
        };
        let Some(job) = self.jobs.begin(waiting.tenant.clone(), Arc::clone(&waiting.id)) else {
            return self.settle(ticket, Err(Code::Overloaded.into()));
        };
        let response = head::json(waiting.body.clone(), ticket.dialect(), ticket.id());
        let pipeline = Arc::clone(self);
        self.noted(async move |noted| {
            let first = cleared.request().plan_first();
            waiting.making = first.and_then(|first| pipeline.making(&ticket, first));
            // Without it, it is lost if the process is killed.
            pipeline.entrust(&waiting).await;
            noted.send(()).ok();
            pipeline.make(&snapshot, &cleared, (ticket, job), waiting).await;
        })
        .await;
        response
    }

    /// Runs work that says when it is noted, and waits for that. It goes on if the client does not wait.
    async fn noted<F>(&self, work: impl FnOnce(oneshot::Sender<()>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (noted, is_noted) = oneshot::channel();
        self.jobs.spawn(work(noted));
        // It ends before that only when it breaks off, and then there is nothing to wait for.
        is_noted.await.ok();
    }

    /// This instance makes it, and this is what is settled should it be lost.
    fn making(&self, ticket: &Ticket, deployment: &Arc<Deployment>) -> Option<Making> {
        let entries = Arc::new(ticket.if_lost(deployment)?);
        let (owner, lease) = (Arc::clone(&self.handles.instance.name), self.lease());
        Some(Making { owner, lease, entries })
    }

    /// Keeps an answer that is begun so that it outlives the process. False: it does not.
    async fn entrust(&self, response: &StoredResponse) -> bool {
        let kept = self.handles.responses.entrust(response.clone()).await;
        if let Err(error) = &kept {
            tracing::warn!(%error, "a response is made whose request is not settled if the gateway is killed");
        }
        kept.is_ok()
    }

    async fn make(
        &self,
        snapshot: &Snapshot,
        cleared: &Cleared,
        (mut ticket, job): (Ticket, Job),
        waiting: StoredResponse,
    ) {
        let store = &self.handles.responses;
        store.keep(self.still(&waiting, stored::in_progress(&waiting.body)));
        // Settled first: what is kept of an answer that is over says no more what to settle.
        let keep = |body: Bytes| store.keep(StoredResponse { body, making: None, ..waiting.clone() });
        let made = tokio::select! {
            biased;
            () = job.stopped() => None,
            result = self.with(snapshot).finish(cleared, &mut ticket) => Some(result),
        };
        let failed = |fault: &Fault| {
            let limited = matches!(fault.code(), Code::RateLimited | Code::UpstreamRateLimited);
            let kind = if limited { "rate_limit_exceeded" } else { "server_error" };
            stored::failed(&waiting.body, kind, fault.message())
        };
        match made {
            Some(Ok(Answered::Whole(mut whole))) => {
                let shelf = whole.shelf.take();
                ticket.answered(&whole);
                ticket.settle();
                if !shelf.is_some_and(|shelf| shelf.keep(&whole.body)) {
                    keep(failed(&Code::UpstreamInvalid.into()));
                }
            }
            // Nobody asked for a stream.
            Some(Ok(Answered::Stream(_))) => keep(failed(&Code::Internal.into())),
            Some(Err(fault)) => {
                ticket.failed(&fault, fault.status(), 0);
                ticket.settle();
                keep(failed(&fault));
            }
            None if self.jobs.is_closing() => {
                ticket.stopped(Outcome::Interrupted, Code::Draining);
                ticket.settle();
                keep(stored::failed(&waiting.body, "server_error", STOPPED));
            }
            None => {
                ticket.cancelled();
                ticket.settle();
                keep(stored::cancelled(&waiting.body));
            }
        }
    }

    /// Hands on a provider's word that there will be an answer, and asks it until there is.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        promised: Box<(Whole, Box<Shelf>)>,
        ticket: Ticket,
    ) -> Response<Body> {
        let (whole, shelf) = *promised;
        let response = head::json(whole.body.clone(), ticket.dialect(), ticket.id());
        let Some(mut kept) = shelf.filled(&whole.body) else {
            ended(ticket, &whole);
            return response;
        };
        let Some(job) = self.jobs.begin(kept.tenant.clone(), Arc::clone(&kept.id)) else {
            // There are too many: whoever has room when the lease is over follows it.
            kept.making = self.making(&ticket, &shelf.deployment);
            match self.entrust(&kept).await {
                true => ticket.hand_over(),
                false => ended(ticket, &whole),
            }
            return response;
        };
        let pipeline = Arc::clone(self);
        self.noted(async move |noted| {
            kept.making = pipeline.making(&ticket, &shelf.deployment);
            pipeline.entrust(&kept).await;
            noted.send(()).ok();
            pipeline.see_through((kept, whole), &shelf.deployment.provider, (ticket, job)).await;
        })
        .await;
        response
    }

    async fn see_through(
        &self,
        (mut kept, mut whole): (StoredResponse, Whole),
        provider: &SharedProvider,
        (mut ticket, job): (Ticket, Job),
    ) {
        let asked = self.ask_until_done(&mut kept, provider, &job).await;
        whole.body = kept.body.clone();
        if let Ok(facts) = wire::reply_facts(ticket.dialect(), &whole.body) {
            ticket.consumed(Consumed {
                usage: facts.usage,
                output: InputSize { text: facts.output_bytes, ..InputSize::default() },
                underreported: false,
                service_tier: facts.service_tier.map(Into::into),
            });
        }
        match asked {
            Asked::Complete if is_cancelled(&kept.body) => {
                ticket.cancelled();
                ticket.settle();
            }
            Asked::Complete => ended(ticket, &whole),
            // It goes on there: whoever is next asks for it and settles.
            Asked::Stopped if self.jobs.is_closing() && kept.making.is_some() => return ticket.hand_over(),
            Asked::Stopped if !self.jobs.is_closing() => {
                ticket.cancelled();
                ticket.settle();
            }
            Asked::Stopped | Asked::Silent | Asked::Unknown => {
                ticket.stopped(Outcome::Interrupted, Code::UpstreamInterrupted);
                ticket.settle();
            }
        }
        self.over(kept, &asked);
    }

    /// Keeps an answer that nobody follows any more and that is settled.
    pub(crate) fn over(&self, kept: StoredResponse, asked: &Asked) {
        let lost = matches!(asked, Asked::Unknown);
        let body = match lost {
            true => stored::failed(&kept.body, "server_error", UNKNOWN),
            false => kept.body.clone(),
        };
        let native = kept.native && !lost;
        self.handles.responses.keep(StoredResponse { body, native, making: None, ..kept });
    }

    /// Asks a provider for an answer until it is complete, and keeps how far it is.
    pub(crate) async fn ask_until_done(
        &self,
        kept: &mut StoredResponse,
        provider: &SharedProvider,
        job: &Job,
    ) -> Asked {
        let (mut wait, most) = ASK_AGAIN;
        let mut failures = 0;
        while failures < FAILURES {
            let asked = async {
                self.handles.clock.sleep(wait).await;
                self.ask(provider, &kept.id).await
            };
            let answer = tokio::select! {
                biased;
                () = job.stopped() => return Asked::Stopped,
                answer = asked => answer,
            };
            wait = (2 * wait).min(most);
            match answer {
                Ok(body) if body == kept.body => failures = 0,
                Ok(body) => {
                    failures = 0;
                    kept.body = body;
                    if !is_pending(&kept.body) {
                        return Asked::Complete;
                    }
                    self.handles.responses.keep(self.still(kept, kept.body.clone()));
                }
                Err(StatusCode::NOT_FOUND) => return Asked::Unknown,
                Err(StatusCode::NOT_IMPLEMENTED) => return Asked::Silent,
                Err(_) => failures += 1,
            }
        }
        Asked::Silent
    }

    /// How far a provider is. It may not say, with this status.
    async fn ask(&self, provider: &SharedProvider, id: &str) -> Result<Bytes, StatusCode> {
        let silent = StatusCode::BAD_GATEWAY;
        let asked = provider.stored(StoredCall::Get, id, &*self.handles.upstream);
        let asked = asked.ok_or(StatusCode::NOT_IMPLEMENTED)?;
        let reply = asked.await.map_err(|_| silent)?;
        if !reply.status.is_success() {
            return Err(reply.status);
        }
        let body = collect(reply.body, REPLY_CAP).await.map_err(|_| silent)?;
        stored::facts(&body).is_some_and(|facts| facts.id == id).then_some(body).ok_or(silent)
    }

    /// The answer as it is now, which this instance goes on with.
    fn still(&self, kept: &StoredResponse, body: Bytes) -> StoredResponse {
        let making = kept.making.clone().map(|making| Making { lease: self.lease(), ..making });
        StoredResponse { body, making, ..kept.clone() }
    }
}

/// Is it still being made?
pub(crate) fn is_pending(response: &[u8]) -> bool {
    stored::facts(response).is_some_and(|facts| facts.is_pending())
}

/// Was it stopped before it was complete?
pub(crate) fn is_cancelled(response: &[u8]) -> bool {
    stored::facts(response).is_some_and(|facts| facts.status == "cancelled")
}

fn ended(mut ticket: Ticket, whole: &Whole) {
    ticket.stages_over();
    ticket.end_attempt(&Ending::ANSWERED);
    ticket.answered(whole);
    ticket.settle();
}
