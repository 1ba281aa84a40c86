//! Answers that are made while their clients do not wait (`background`). One that a provider makes on its own is asked for
//! until it is complete, so that what it cost is known; any other is made here, by the same stages as all.
//!
//! The ticket goes along and is settled at the end, as ever; a client that asks sees no answer before that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::body::Body;
use contract::ports::{Outcome, StoredCall, StoredResponse};
use contract::{Code, Fault};
use http::Response;
use wire::stored;

use crate::collect::collect;
use crate::head;
use crate::jobs::Job;
use crate::pipeline::{Pipeline, Run};
use crate::shelf::Shelf;
use crate::snapshot::Snapshot;
use crate::stages::{Answered, Cleared, REPLY_CAP, Whole};
use crate::ticket::{Consumed, Ending, Ticket};

/// How long to wait before a provider is asked again: at first, and at most.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How often a provider may fail to say how far it is before it is asked no more.
const FAILURES: u32 = 20;
const STOPPED: &str = "The gateway was stopped before the response was complete.";

impl Pipeline {
    /// Answers at once that there will be an answer, and makes it.
    pub(crate) fn detach(
        self: &Arc<Self>,
        snapshot: Arc<Snapshot>,
        cleared: Box<Cleared>,
        ticket: Ticket,
    ) -> Response<Body> {
        let run = Run { snapshot: &snapshot, handles: &self.handles };
        let Some(waiting) = run.waiting(cleared.request(), &ticket) else {
            return self.settle(ticket, Err(Code::Internal.into()));
        };
        let Some(job) = self.jobs.begin(waiting.tenant.clone(), Arc::clone(&waiting.id)) else {
            return self.settle(ticket, Err(Code::Overloaded.into()));
        };
        self.handles.responses.keep(waiting.clone());
        let response = head::json(waiting.body.clone(), ticket.dialect(), ticket.id());
        let pipeline = Arc::clone(self);
        self.jobs.spawn(async move { pipeline.make(&snapshot, &cleared, (ticket, job), waiting).await });
        response
    }

    async fn make(
        &self,
        snapshot: &Snapshot,
        cleared: &Cleared,
        (mut ticket, job): (Ticket, Job),
        waiting: StoredResponse,
    ) {
        let store = &self.handles.responses;
        let keep = |body: Bytes| store.keep(StoredResponse { body, ..waiting.clone() });
        keep(stored::in_progress(&waiting.body));
        let run = Run { snapshot, handles: &self.handles };
        let made = tokio::select! {
            biased;
            () = job.stopped() => None,
            result = run.finish(cleared, &mut ticket) => Some(result),
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
                ticket.stopped(Outcome::ClientGone, Code::ClientGone);
                ticket.settle();
                keep(stored::cancelled(&waiting.body));
            }
        }
    }

    /// Hands on a provider's word that there will be an answer, and asks it until there is.
    pub(crate) fn follow(
        self: &Arc<Self>,
        whole: Whole,
        shelf: Box<Shelf>,
        ticket: Ticket,
    ) -> Response<Body> {
        shelf.keep(&whole.body);
        let response = head::json(whole.body.clone(), ticket.dialect(), ticket.id());
        let id: Arc<str> = stored::facts(&whole.body).unwrap_or_default().id.into();
        let Some(job) = self.jobs.begin(shelf.draft.tenant.clone(), Arc::clone(&id)) else {
            // What it will have cost is estimated.
            ended(ticket, &whole);
            return response;
        };
        let pipeline = Arc::clone(self);
        self.jobs.spawn(async move { pipeline.ask_until_done((&id, whole), &shelf, (ticket, job)).await });
        response
    }

    async fn ask_until_done(
        &self,
        (id, mut whole): (&str, Whole),
        shelf: &Shelf,
        (mut ticket, job): (Ticket, Job),
    ) {
        let (mut wait, most) = ASK_AGAIN;
        let mut failures = 0;
        while failures < FAILURES {
            let asked = async {
                self.handles.clock.sleep(wait).await;
                self.ask(shelf, id).await
            };
            let answer = tokio::select! {
                biased;
                () = job.stopped() => break,
                answer = asked => answer,
            };
            wait = (2 * wait).min(most);
            let Some(answer) = answer else {
                failures += 1;
                continue;
            };
            failures = 0;
            if whole.body != answer {
                whole.body = answer;
                if !shelf.is_pending(&whole.body) {
                    break;
                }
                shelf.keep(&whole.body);
            }
        }
        let pending = shelf.is_pending(&whole.body);
        if let Ok(facts) = wire::reply_facts(ticket.dialect(), &whole.body) {
            ticket.consumed(Consumed {
                usage: facts.usage,
                output_bytes: facts.output_bytes,
                service_tier: facts.service_tier.map(Into::into),
            });
        }
        if pending {
            ticket.stopped(Outcome::Interrupted, Code::UpstreamInterrupted);
            ticket.settle();
        } else {
            ended(ticket, &whole);
            shelf.keep(&whole.body);
        }
    }

    /// How far a provider is. None: it does not say.
    async fn ask(&self, shelf: &Shelf, id: &str) -> Option<Bytes> {
        let upstream = &*self.handles.upstream;
        let asked = shelf.deployment.provider.stored(StoredCall::Get, id, upstream)?;
        let reply = asked.await.ok().filter(|reply| reply.status.is_success())?;
        let body = collect(reply.body, REPLY_CAP).await.ok()?;
        stored::facts(&body).is_some_and(|facts| facts.id == id).then_some(body)
    }
}

fn ended(mut ticket: Ticket, whole: &Whole) {
    ticket.stages_over();
    ticket.end_attempt(&Ending::ANSWERED);
    ticket.answered(whole);
    ticket.settle();
}
