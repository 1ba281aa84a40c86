//! What clients ask about answers that are kept: show, forget, stop, list what it answers.
//!
//! An answer of another tenant is as unknown as one that never was.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{
    ProviderReply, SharedProvider, StoredAction, StoredAsk, StoredCall, StoredResponse, Tenant,
};
use contract::words::{Scope, Secret};
use contract::{Code, Fault};
use http::StatusCode;
use wire::stored::{self, List, Page};

use crate::background::is_pending;
use crate::collect::collect;
use crate::found::{Found, State};
use crate::jobs::name;
use crate::leftover::LOST;
use crate::pipeline::Pipeline;
use crate::snapshot::Handles;
use crate::stages::{ERROR_CAP, REPLY_CAP, as_turn, unavailable};
use crate::verdict::Failure;

const ELSEWHERE: &str =
    "Another instance of the gateway makes this response, and only that one can stop it. Try again.";
/// The most turns of a conversation that are listed.
const MOST_LISTED: usize = 10_000;

/// How long who has a response deleted waits until it is settled.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a provider says that it has no such response, or no way to forget one: servers that only seem to keep any.
const KEEPS_NONE: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];

impl Pipeline {
    /// The answer to a question about a response.
    pub(crate) async fn about(&self, ask: &StoredAsk) -> Result<Bytes, Fault> {
        let who = self.handles.keyring.identify(ask.key.as_ref().map(Secret::expose)).await?;
        if !who.has(Scope::Inference) {
            return Err(Code::InsufficientScope.into());
        }
        let tenant = Tenant::of(&who);
        let query = ask.query.as_deref();
        if ask.action == StoredAction::Get && stored::wants_stream(query) {
            let message = "A kept response is answered whole: leave out 'stream'.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("stream"));
        }
        let found = self.kept(&tenant, &ask.response).await?;
        match ask.action {
            StoredAction::Get => self.current(found).await,
            StoredAction::Delete => self.delete(found).await,
            StoredAction::Cancel => self.cancel(found).await,
            StoredAction::Items => self.items(found.response, &Page::read(query)?).await,
        }
    }

    async fn kept(&self, tenant: &Tenant, id: &str) -> Result<Found, Fault> {
        let Handles { responses, clock, .. } = &self.handles;
        let found = self.jobs.find(&**responses, (tenant, id), clock.now()).await;
        found.map_err(unavailable)?.ok_or_else(|| Code::ResponseNotFound.into())
    }

    /// The response as it is now.
    async fn current(&self, found: Found) -> Result<Bytes, Fault> {
        match found.state {
            State::Over => Ok(found.response.body),
            _ if found.response.native => self.refreshed(found, StoredCall::Get).await,
            State::Here | State::Elsewhere => Ok(found.response.body),
            State::Lost => {
                let body = stored::failed(&found.response.body, "server_error", LOST);
                // What is not settled is kept by who settles it.
                if found.response.making.is_none() {
                    let response = StoredResponse { body: body.clone(), ..found.response };
                    self.handles.responses.keep(response);
                }
                Ok(body)
            }
        }
    }

    /// Asks the provider that makes the response.
    async fn refreshed(&self, found: Found, call: StoredCall) -> Result<Bytes, Fault> {
        let Some(provider) = self.provider(&found.response) else { return Ok(found.response.body) };
        let (clock, done) = (&*self.handles.clock, call != StoredCall::Get);
        self.looks.at(name(&found.response), clock, done, self.asked(&provider, found, call)).await
    }

    async fn asked(&self, provider: &SharedProvider, found: Found, call: StoredCall) -> Result<Bytes, Fault> {
        let Found { response, state } = found;
        let Some(asked) = provider.stored(call, &response.id, &*self.handles.upstream) else {
            return Ok(response.body);
        };
        let reply = asked.await.map_err(|failure| Failure::silent(&failure).fault)?;
        if !reply.status.is_success() {
            return Err(self.refusal(reply).await);
        }
        let body = collect(reply.body, REPLY_CAP).await.map_err(|error| Failure::torn(error).fault)?;
        if stored::facts(&body).is_none_or(|facts| facts.id != *response.id) {
            return Err(Code::UpstreamInvalid.into());
        }
        self.heard(StoredResponse { body: body.clone(), ..response }, state);
        Ok(body)
    }

    /// Somebody else than its follower has asked for a response: who follows it is told. What nobody follows is kept.
    fn heard(&self, response: StoredResponse, state: State) {
        if !self.jobs.tell(&name(&response), &response.body) && state == State::Lost {
            self.handles.responses.keep(response);
        }
    }

    /// The account that answered, if it is still there.
    fn provider(&self, response: &StoredResponse) -> Option<SharedProvider> {
        self.snapshot().deployment(response).map(|deployment| Arc::clone(&deployment.provider))
    }

    async fn delete(&self, found: Found) -> Result<Bytes, Fault> {
        let Found { mut response, state } = found;
        if state == State::Elsewhere {
            return Err(Fault::saying(Code::Conflict, ELSEWHERE));
        }
        if let Some(provider) = response.native.then(|| self.provider(&response)).flatten() {
            if state != State::Over {
                self.end_at(&provider, &mut response, state).await;
            }
            // Where it goes on, it is followed and billed.
            self.forget_at(&provider, &response).await?;
        }
        let name = name(&response);
        // While its provider was asked it may have ended, or begun to be followed.
        match self.jobs.is_running(&name) {
            true => tokio::select! {
                () = self.jobs.stop(&name) => {}
                // Its stream ends when its client next reads from it.
                () = self.handles.clock.sleep(PATIENCE) => {}
            },
            false => self.settle_left(&response),
        }
        let removed = self.handles.responses.remove(&response.tenant, &response.id).await;
        removed.map_err(unavailable)?;
        Ok(stored::deleted(&response.id))
    }

    /// Has a provider end a response that is to be forgotten, so that it says what it cost: afterwards there is nobody to ask.
    async fn end_at(&self, provider: &SharedProvider, response: &mut StoredResponse, state: State) {
        for call in [StoredCall::Cancel, StoredCall::Get] {
            let Ok(body) = self.handles.ask(provider, call, &response.id).await else { continue };
            response.body = body;
            if !is_pending(&response.body) {
                return self.heard(response.clone(), state);
            }
        }
    }

    async fn forget_at(&self, provider: &SharedProvider, response: &StoredResponse) -> Result<(), Fault> {
        let asked = provider.stored(StoredCall::Delete, &response.id, &*self.handles.upstream);
        let Some(asked) = asked else { return Ok(()) };
        let reply = asked.await.map_err(|failure| Failure::silent(&failure).fault)?;
        if reply.status.is_success() || KEEPS_NONE.contains(&reply.status) {
            return Ok(());
        }
        Err(self.refusal(reply).await)
    }

    /// Why a provider does not do what it was asked.
    async fn refusal(&self, reply: ProviderReply) -> Fault {
        let body = collect(reply.body, ERROR_CAP).await.unwrap_or_default();
        let error = wire::read_error(stored::DIALECT, reply.status, &body);
        Failure::refused(error, &reply.headers, self.handles.clock.now()).fault
    }

    async fn cancel(&self, found: Found) -> Result<Bytes, Fault> {
        let response = &found.response;
        if !stored::facts(&response.body).is_some_and(|facts| facts.background) {
            let message = "Only a response that is made in the background can be cancelled.";
            return Err(Fault::saying(Code::InvalidRequest, message));
        }
        match found.state {
            State::Over => Ok(found.response.body),
            _ if response.native => self.refreshed(found, StoredCall::Cancel).await,
            State::Elsewhere => Err(Fault::saying(Code::Conflict, ELSEWHERE)),
            State::Here | State::Lost => {
                self.jobs.stop(&name(response)).await;
                self.current(self.kept(&response.tenant, &response.id).await?).await
            }
        }
    }

    /// A page of the conversation up to a response. It may be longer than what is sent to a model: its turns are read one by one.
    async fn items(&self, response: StoredResponse, page: &Page) -> Result<Bytes, Fault> {
        let (store, now) = (&self.handles.responses, self.handles.clock.now());
        let tenant = response.tenant.clone();
        let (mut list, mut ids, mut next) = (List::default(), Vec::new(), Some(response));
        let mut seen = HashSet::new();
        let snapshot = self.snapshot();
        let run = self.with(&snapshot);
        while let Some(mut turn) = next.take() {
            run.bring_up_to_date(&mut turn).await;
            list.add(&turn.id, as_turn(&turn, false));
            seen.insert(Arc::clone(&turn.id));
            // An upstream that gives the same id twice makes a conversation that never ends.
            let previous = turn.previous.clone().filter(|id| !seen.contains(id));
            ids.push(turn.id);
            if ids.len() > MOST_LISTED {
                return Err(Fault::saying(
                    Code::InvalidRequest,
                    "This conversation is too long to be listed.",
                ));
            }
            if let Some(id) = previous {
                next = store.find(&tenant, &id, now).await.map_err(unavailable)?;
                if next.is_none() {
                    // It went on from what is not kept here, or no longer: its own turn is.
                    list.truncate();
                }
            }
        }
        let mut part = list.page(page)?;
        for number in part.turns() {
            let Some(id) = ids.get(number) else { continue };
            let mut turn = self.kept(&tenant, id).await?.response;
            run.bring_up_to_date(&mut turn).await;
            part.fill(number, id, as_turn(&turn, false));
        }
        Ok(part.written())
    }
}
