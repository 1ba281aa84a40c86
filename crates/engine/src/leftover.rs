//! Answers that another process has begun and did not see through: it was stopped or killed, or gave no sign of life for too
//! long. Each is taken over by one of those that share the store, followed where its provider goes on with it, and settled.
//!
//! Settled once: a line that ledger and log have already stays as it is, so that two that settle the same do no harm. What is
//! made here and not by a provider is lost with its process; what it cost is then an estimate.

use std::sync::Arc;

use contract::Code;
use contract::ports::CostKind;
use contract::ports::{Deployment, Entries, Making, Outcome, Price, StoredResponse};
use contract::words::{NanoUsd, Usage, UsageSource};
use tokio_util::sync::CancellationToken;
use wire::stored;

use crate::background::{Asked, failure, is_cancelled, is_pending};
use crate::bill::{Bill, bill};
use crate::jobs::{Job, name};
use crate::pipeline::Pipeline;

/// What a response says that was lost.
pub(crate) const LOST: &str = "The gateway was stopped before the response was complete.";

impl Pipeline {
    /// Takes over what an earlier process of this instance has left behind, and what others have. Call it before requests come.
    pub async fn resume(self: &Arc<Self>) {
        self.give_away().await;
        self.take_over().await;
    }

    /// Says that this instance lives as long as it makes anything, and takes over from those that do not, until `stop`.
    pub async fn tend(self: Arc<Self>, stop: CancellationToken) {
        let span = self.handles.instance.lease / 3;
        while stop.run_until_cancelled(self.handles.clock.sleep(span)).await.is_some() {
            // Only what runs: what it has no room for goes to whoever has.
            let running = self.jobs.running();
            if !running.is_empty() {
                let (name, lease) = (&*self.handles.instance.name, self.handles.lease());
                if let Err(error) = self.handles.responses.renew(name, &running, lease).await {
                    tracing::warn!(%error, "responses that are made here may be taken for lost");
                }
            }
            if !self.jobs.is_closing() {
                self.take_over().await;
            }
        }
    }

    /// Whoever comes next may have what is not over.
    pub(crate) async fn give_away(&self) {
        let (name, now) = (&*self.handles.instance.name, self.handles.clock.now());
        if let Err(error) = self.handles.responses.give_away(name, now).await {
            tracing::warn!(%error, "responses that are not complete are taken over late");
        }
    }

    async fn take_over(self: &Arc<Self>) {
        let (name, now) = (&self.handles.instance.name, self.handles.clock.now());
        match self.handles.responses.claim(name, now, self.handles.lease()).await {
            Ok(claimed) => claimed.into_iter().for_each(|response| self.adopt(response)),
            Err(error) => tracing::warn!(%error, "responses that others left behind cannot be looked for"),
        }
    }

    fn adopt(self: &Arc<Self>, response: StoredResponse) {
        // Its own, if it could not say in time that it lives.
        if self.jobs.is_running(&name(&response)) {
            return;
        }
        let Some(making) = &response.making else { return };
        let entries = Entries::clone(&making.entries);
        if !is_pending(&response.body) {
            self.settle_left(&response);
            return self.over(response, &Asked::Complete);
        }
        if response.native
            && let Some(deployment) = self.snapshot().deployment(&response)
        {
            // There may be too many now: whoever looks when the lease is over tries again.
            let Some(job) = self.jobs.begin(name(&response)) else { return };
            let pipeline = Arc::clone(self);
            return self.jobs.spawn(async move { pipeline.go_on(response, &deployment, job).await });
        }
        self.tail.settle_late(entries);
        let body = stored::failed(&response.body, "server_error", LOST);
        self.over(StoredResponse { body, native: false, ..response }, &Asked::Complete);
    }

    /// Follows an answer that a provider goes on with, and settles for whoever began it.
    async fn go_on(&self, mut response: StoredResponse, deployment: &Deployment, job: Job) {
        let asked = self.ask_until_done(&mut response, &deployment.provider, &job).await;
        let Some(Making { entries, .. }) = &response.making else { return };
        let mut entries = Entries::clone(entries);
        match asked {
            Asked::Complete => entries = self.known(entries, &response, deployment.price.as_deref()),
            Asked::Stopped if self.jobs.is_closing() => return,
            // It is forgotten: nothing is kept.
            Asked::Stopped => {
                ends(&mut entries, Outcome::Cancelled, None);
                return self.tail.settle_late(entries);
            }
            Asked::Silent | Asked::Unknown => {
                ends(&mut entries, Outcome::Interrupted, Some(Code::UpstreamInterrupted));
            }
        }
        self.tail.settle_late(entries);
        self.over(response, &asked);
    }

    /// Settles a request, if that is still to be done, whose answer is forgotten before anybody has taken it over.
    pub(crate) fn settle_left(&self, response: &StoredResponse) {
        let Some(making) = &response.making else { return };
        let mut entries = Entries::clone(&making.entries);
        if is_pending(&response.body) {
            ends(&mut entries, Outcome::Cancelled, None);
        } else {
            let price = self.snapshot().deployment(response).and_then(|deployment| deployment.price.clone());
            entries = self.known(entries, response, price.as_deref());
        }
        self.tail.settle_late(entries);
    }

    /// What is kept of a request whose answer is complete.
    fn known(&self, mut entries: Entries, response: &StoredResponse, price: Option<&Price>) -> Entries {
        let failure = failure(&response.body);
        match &failure {
            Some(fault) => ends(&mut entries, Outcome::Failed, Some(fault.code())),
            None if is_cancelled(&response.body) => ends(&mut entries, Outcome::Cancelled, None),
            None => ends(&mut entries, Outcome::Answered, None),
        }
        if let Some(fault) = &failure {
            entries.request.status = fault.status().as_u16();
            entries.request.detail = fault.detail().map(str::to_owned);
        }
        entries.request.bytes_out = response.body.len() as u64;
        let facts = wire::reply_facts(entries.request.dialect, &response.body).unwrap_or_default();
        let Some(last) = entries.attempts.last_mut() else { return entries };
        let took = self.handles.clock.now().0.saturating_sub(last.at.0);
        last.duration_us = u64::try_from(took).unwrap_or_default();
        if let Some(usage) = facts.usage.filter(|usage| !usage.partial) {
            last.usage = Usage { charged: None, cached_audio: 0, partial: false, ..usage };
            last.usage_source = UsageSource::Reported;
            last.service_tier = facts.service_tier.map(Into::into);
            let tier = last.service_tier.as_deref();
            let Bill { cost, kind, version } = bill(price, (&usage, UsageSource::Reported), tier);
            (last.cost, last.cost_kind, last.price_version) = (cost, kind, version);
        } else if failure.is_some() {
            // Who says that it failed and not what that cost takes nothing for it.
            (last.usage, last.usage_source) = (Usage::default(), UsageSource::None);
            (last.cost, last.cost_kind) = (Some(NanoUsd(0)), CostKind::Nothing);
        }
        entries
    }
}

fn ends(entries: &mut Entries, outcome: Outcome, code: Option<Code>) {
    let error = code.map(|code| Arc::from(code.as_str()));
    entries.request.outcome = outcome;
    entries.request.error.clone_from(&error);
    if let Some(last) = entries.attempts.last_mut() {
        last.outcome = outcome;
        last.error = error;
    }
}
