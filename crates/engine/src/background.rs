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
use contract::words::Timestamp;
use contract::{Code, Fault};
use http::{Response, StatusCode};
use tokio::sync::oneshot;
use wire::stored;

use crate::collect::collect;
use crate::head;
use crate::jobs::{Job, name};
use crate::pipeline::Pipeline;
use crate::shelf::Shelf;
use crate::snapshot::{Handles, Snapshot};
use crate::stages::{Answered, Cleared, REPLY_CAP, Whole};
use crate::ticket::{Consumed, Ending, Ticket};
use crate::verdict::Failure;

/// How long to wait before a provider is asked again: at first, and at most.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How often a provider may fail to say how far it is before it is asked no more: half an hour in all.
const FAILURES: u32 = 180;
/// How long an answer is followed, from its request on. Providers are done long before.
const FOLLOWED: Duration = Duration::from_hours(24);
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

impl Handles {
    /// Until when what is made here stays here.
    pub(crate) fn lease(&self) -> Timestamp {
        self.clock.now().plus(self.instance.lease)
    }

    /// This instance makes it, and this is what is settled should it be lost.
    pub(crate) fn making(&self, ticket: &Ticket, deployment: &Arc<Deployment>) -> Option<Making> {
        let entries = Arc::new(ticket.if_lost(deployment)?);
        let (owner, lease) = (Arc::clone(&self.instance.name), self.lease());
        Some(Making { owner, lease, entries })
    }

    /// Keeps an answer that is begun so that it outlives the process. False: it does not.
    pub(crate) async fn entrust(&self, response: &StoredResponse) -> bool {
        let kept = self.responses.entrust(response.clone()).await;
        if let Err(error) = &kept {
            tracing::warn!(%error, "a response is made whose request is not settled if the gateway is killed");
        }
        kept.is_ok()
    }

    /// The attempt that is under way now is what is settled should the answer be lost.
    pub(crate) async fn attempted(&self, waiting: &StoredResponse, ticket: &Ticket, at: &Arc<Deployment>) {
        let (body, making) = (stored::in_progress(&waiting.body), self.making(ticket, at));
        self.entrust(&StoredResponse { body, making, ..waiting.clone() }).await;
    }

    /// How far a provider is. It may not say, with this status.
    pub(crate) async fn ask(
        &self,
        provider: &SharedProvider,
        call: StoredCall,
        id: &str,
    ) -> Result<Bytes, StatusCode> {
        let silent = StatusCode::BAD_GATEWAY;
        let asked = provider.stored(call, id, &*self.upstream);
        let asked = asked.ok_or(StatusCode::NOT_IMPLEMENTED)?;
        let reply = asked.await.map_err(|_| silent)?;
        if !reply.status.is_success() {
            return Err(reply.status);
        }
        let body = collect(reply.body, REPLY_CAP).await.map_err(|_| silent)?;
        stored::facts(&body).is_some_and(|facts| facts.id == id).then_some(body).ok_or(silent)
    }
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
        let Some(job) = self.jobs.begin(name(&waiting)) else {
            return self.settle(ticket, Err(Code::Overloaded.into()));
        };
        let response = head::json(waiting.body.clone(), ticket.dialect(), ticket.id());
        let pipeline = Arc::clone(self);
        self.noted(async move |noted| {
            let (first, handles) = (cleared.request().plan_first(), &pipeline.handles);
            waiting.making = first.and_then(|first| handles.making(&ticket, first));
            // Without it, it is lost if the process is killed.
            if !handles.entrust(&waiting).await {
                waiting.making = None;
            }
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

    async fn make(
        &self,
        snapshot: &Snapshot,
        cleared: &Cleared,
        (mut ticket, job): (Ticket, Job),
        waiting: StoredResponse,
    ) {
        ticket.edit(|record| record.waiting = Some(Box::new(waiting.clone())));
        let made = tokio::select! {
            biased;
            () = job.stopped() => None,
            result = self.with(snapshot).finish(cleared, &mut ticket) => Some(result),
        };
        // Settled first: what is kept of an answer that is over says no more what to settle. What another instance took over, or
        // was told to forget, stays as that one left it.
        let (store, ours) = (&self.handles.responses, self.is_ours(&waiting).await);
        let keep = |body: Bytes| {
            if ours {
                store.keep(StoredResponse { body, making: None, ..waiting.clone() });
            }
        };
        let failed = |fault: &Fault| {
            let limited = matches!(fault.code(), Code::RateLimited | Code::UpstreamRateLimited);
            let kind = if limited { "rate_limit_exceeded" } else { "server_error" };
            stored::failed(&waiting.body, kind, fault.message())
        };
        match made {
            Some(Ok(Answered::Whole(mut whole))) => {
                let shelf = whole.shelf.take();
                ticket.answered(whole.status, &whole.body);
                ticket.settle();
                match shelf.and_then(|shelf| shelf.filled(&whole.body)) {
                    Some(made) if ours => store.keep(made),
                    Some(_) => {}
                    None => keep(failed(&Code::UpstreamInvalid.into())),
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

    /// Is an answer still this instance's to make? One that was frozen for longer than its lease comes back to find that another
    /// has settled it.
    async fn is_ours(&self, waiting: &StoredResponse) -> bool {
        if waiting.making.is_none() {
            return true;
        }
        let found = self.handles.responses.find(&waiting.tenant, &waiting.id, self.handles.clock.now()).await;
        let owner = |response: StoredResponse| response.making.map(|making| making.owner);
        match found {
            Ok(found) => found.and_then(owner).is_some_and(|owner| owner == self.handles.instance.name),
            // Nobody else can have taken it over while the database is away.
            Err(_) => true,
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
            ended(ticket, whole.status, &whole.body);
            return response;
        };
        let Some(job) = self.jobs.begin(name(&kept)) else {
            // There are too many: whoever has room when the lease is over follows it.
            kept.making = self.handles.making(&ticket, &shelf.deployment);
            match self.handles.entrust(&kept).await {
                true => ticket.hand_over(),
                false => ended(ticket, whole.status, &whole.body),
            }
            return response;
        };
        let pipeline = Arc::clone(self);
        self.noted(async move |noted| {
            kept.making = pipeline.handles.making(&ticket, &shelf.deployment);
            pipeline.handles.entrust(&kept).await;
            noted.send(()).ok();
            pipeline.see_through((kept, whole.status), &shelf.deployment.provider, (ticket, job)).await;
        })
        .await;
        response
    }

    /// Asks a provider for an answer until it is over, and settles.
    pub(crate) async fn see_through(
        &self,
        (mut kept, status): (StoredResponse, StatusCode),
        provider: &SharedProvider,
        (mut ticket, job): (Ticket, Job),
    ) {
        let asked = self.ask_until_done(&mut kept, provider, &job).await;
        if let Ok(facts) = wire::reply_facts(ticket.dialect(), &kept.body) {
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
            Asked::Complete => match failure(&kept.body) {
                Some(fault) => {
                    let error = Some(fault.code().as_str());
                    ticket.end_attempt(&Ending { outcome: Outcome::Failed, error, assume_consumed: false });
                    ticket.failed(&fault, fault.status(), kept.body.len() as u64);
                    ticket.settle();
                }
                None => ended(ticket, status, &kept.body),
            },
            // It goes on there: whoever is next asks for it and settles.
            Asked::Stopped if self.jobs.is_closing() && kept.making.is_some() => return ticket.hand_over(),
            // It is forgotten, and its provider has said all that it will: nothing is kept.
            Asked::Stopped if !self.jobs.is_closing() => {
                ticket.cancelled();
                ticket.settle();
                return;
            }
            Asked::Stopped | Asked::Silent | Asked::Unknown => {
                ticket.stopped(Outcome::Interrupted, Code::UpstreamInterrupted);
                ticket.settle();
            }
        }
        // Who had it deleted may not have waited.
        if !job.is_stopped() || self.jobs.is_closing() {
            self.over(kept, &asked);
        }
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
        while is_followed(kept.created, self.handles.clock.now(), failures) {
            let asked = async {
                self.handles.clock.sleep(wait).await;
                self.handles.ask(provider, StoredCall::Get, &kept.id).await
            };
            let answer = tokio::select! {
                biased;
                // Who stops it has asked before.
                body = job.told() => Ok(body),
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
                    self.handles.responses.keep(self.still(kept));
                }
                Err(StatusCode::NOT_FOUND) => return Asked::Unknown,
                Err(StatusCode::NOT_IMPLEMENTED) => return Asked::Silent,
                Err(_) => failures += 1,
            }
        }
        Asked::Silent
    }

    /// The answer as it is now, which this instance goes on with.
    fn still(&self, kept: &StoredResponse) -> StoredResponse {
        let making = kept.making.clone().map(|making| Making { lease: self.handles.lease(), ..making });
        StoredResponse { making, ..kept.clone() }
    }
}

/// Is a provider asked once more for an answer to a request of that time? It failed to say how far it is so many times in a row.
fn is_followed(created: Timestamp, now: Timestamp, failures: u32) -> bool {
    failures < FAILURES && now < created.plus(FOLLOWED)
}

/// Is it still being made?
pub(crate) fn is_pending(response: &[u8]) -> bool {
    stored::facts(response).is_some_and(|facts| facts.is_pending())
}

/// Was it stopped before it was complete?
pub(crate) fn is_cancelled(response: &[u8]) -> bool {
    stored::facts(response).is_some_and(|facts| facts.status == "cancelled")
}

/// Why a provider failed to make a response, if it did.
pub(crate) fn failure(response: &[u8]) -> Option<Fault> {
    stored::facts(response).filter(|facts| facts.status == "failed")?;
    let said = wire::error_in(stored::DIALECT, response).map(|error| Failure::instead(error).fault);
    Some(said.unwrap_or_else(|| Code::UpstreamError.into()))
}

fn ended(mut ticket: Ticket, status: StatusCode, body: &[u8]) {
    ticket.stages_over();
    ticket.end_attempt(&Ending::ANSWERED);
    ticket.answered(status, body);
    ticket.settle();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_comes_to_an_end() {
        let created = Timestamp(1_700_000_000_000_000);
        let after = |hours| created.plus(Duration::from_hours(hours));
        assert!(is_followed(created, created, 0) && is_followed(created, after(23), FAILURES - 1));
        // A provider that says for ever that it is at work, and one that says nothing.
        assert!(!is_followed(created, after(24), 0) && !is_followed(created, created, FAILURES));
    }
}
