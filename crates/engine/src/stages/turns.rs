//! Conversations that are kept: the turns up to an answer, as they are written out for a model that does not know them, and the
//! items that a request names by their ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Deployment, ResponseStore, StoredCall, StoredResponse, Tenant, response_of};
use contract::words::Timestamp;
use contract::{Code, Fault};
use wire::stored::{self, Instead};

use super::assemble::{PREVIOUS, made_by, unavailable};
use crate::background::is_pending;
use crate::found::{Found, State};
use crate::pipeline::Run;

/// The most turns of a conversation that are written out.
const MOST_TURNS: usize = 500;
/// The most bytes of a conversation that are written out.
const MOST_BYTES: usize = 32 << 20;

/// An item that a request names by its id, and that is kept here.
pub(crate) struct Named {
    pub(crate) id: String,
    /// A JSON object.
    pub(crate) item: Bytes,
    /// Who made it.
    deployment: Option<Arc<str>>,
    /// Does its maker keep it too?
    native: bool,
}

impl Named {
    /// Does this deployment's account know the item by its id?
    pub(crate) fn is_kept(&self, at: &Deployment) -> bool {
        self.native && made_by(at, self.deployment.as_deref())
    }

    fn instead(&self, to: Option<&Deployment>) -> Instead<'_> {
        match to {
            None => Instead::Item(&self.item),
            Some(to) => Instead::Portable { item: &self.item, own: made_by(to, self.deployment.as_deref()) },
        }
    }
}

/// A response as a turn of a conversation; `own`: for the account that made it.
pub(crate) fn as_turn(response: &StoredResponse, own: bool) -> stored::Turn<'_> {
    stored::Turn { input: &response.input, response: &response.body, own }
}

/// The request with the named items in place of their names, for a deployment that speaks its dialect (`to`) or to be
/// translated; and where nothing stands now. `stay` are those that it knows.
pub(super) fn inlined(
    body: &Bytes,
    named: &[Named],
    to: Option<&Deployment>,
    stay: impl Fn(&Named) -> bool,
) -> (Bytes, Vec<usize>) {
    if named.iter().all(&stay) {
        return (body.clone(), Vec::new());
    }
    let by_id: BTreeMap<&str, &Named> = named.iter().map(|named| (&*named.id, named)).collect();
    stored::inlined(body, |id| match by_id.get(id) {
        Some(named) if !stay(named) => named.instead(to),
        _ => Instead::Itself,
    })
}

impl Run<'_> {
    /// The items of these ids that are kept here for a tenant. Those that nobody here knows are left out: a provider may know
    /// them.
    ///
    /// # Errors
    /// `item_not_found`: it is another tenant's; `invalid_request`: they are too many; `storage_unavailable`.
    pub(super) async fn named(self, tenant: &Tenant, ids: &[String]) -> Result<Vec<Named>, Fault> {
        let mut named = Vec::new();
        if ids.is_empty() {
            return Ok(named);
        }
        let (store, now) = (&*self.handles.responses, self.handles.clock.now());
        let (holders, mut bytes) = (holders(store, tenant, ids, now).await?, 0);
        if holders.len() > MOST_TURNS {
            return Err(too_long("input"));
        }
        for (response, ids) in holders {
            let Some(found) = store.find(tenant, &response, now).await.map_err(unavailable)? else {
                // Accounts are shared by tenants: the provider would hand out what belongs to another.
                if store.is_known(&response, now).await.map_err(unavailable)? {
                    return Err(elsewhere(ids.first().copied().unwrap_or_default()));
                }
                continue;
            };
            for id in ids {
                let Some(item) = stored::item(as_turn(&found, false), &found.id, id) else { continue };
                bytes += item.len();
                named.push(Named {
                    id: id.to_owned(),
                    item,
                    deployment: found.deployment.clone(),
                    native: found.native,
                });
            }
            if bytes > MOST_BYTES {
                return Err(too_long("input"));
            }
        }
        Ok(named)
    }

    /// The conversation up to an answer, oldest turn first, as it is written out for whoever does not know it.
    ///
    /// # Errors
    /// `previous_response_not_found`: a turn is missing, so that the conversation would not be whole; `invalid_request`: it is too
    /// long, or a turn of it is not complete; `storage_unavailable`.
    pub(crate) async fn conversation(self, last: &StoredResponse) -> Result<Vec<StoredResponse>, Fault> {
        let (store, now) = (&*self.handles.responses, self.handles.clock.now());
        let (mut turns, mut bytes) = (Vec::new(), 0);
        // Unless its provider makes it, it was over when the request came.
        let mut next = Some(Found { response: last.clone(), state: State::Over });
        while let Some(mut found) = next.take() {
            self.bring_up_to_date(&mut found.response).await;
            check(&found)?;
            let turn = found.response;
            bytes += turn.input.len() + turn.body.len();
            let previous = turn.previous.clone();
            turns.push(turn);
            if turns.len() > MOST_TURNS || bytes > MOST_BYTES {
                return Err(too_long(PREVIOUS));
            }
            if let Some(id) = previous {
                let found = self.jobs.find(store, (&last.tenant, &id), now).await.map_err(unavailable)?;
                // An upstream that gives the same id twice makes a conversation that never ends.
                next = Some(found.filter(|_| turns.iter().all(|turn| turn.id != id)).ok_or_else(forgotten)?);
            }
        }
        turns.reverse();
        Ok(turns)
    }

    /// What a provider works at in the background is kept as it was when it was last asked: it may be complete.
    pub(crate) async fn bring_up_to_date(self, turn: &mut StoredResponse) {
        if !turn.native || !is_pending(&turn.body) {
            return;
        }
        let Some(maker) = self.snapshot.deployment(turn) else { return };
        if let Ok(body) = self.handles.ask(&maker.provider, StoredCall::Get, &turn.id).await {
            turn.body = body;
        }
    }
}

/// Is there an answer to go on from?
pub(super) fn check(Found { response, state }: &Found) -> Result<(), Fault> {
    let facts = stored::facts(&response.body).unwrap_or_default();
    let ended = match facts.status.as_str() {
        "cancelled" => "was cancelled",
        "failed" => "failed",
        _ if !facts.is_pending() => return Ok(()),
        _ if *state == State::Lost && !response.native => "failed",
        _ => {
            let message =
                format!("The response '{}' is still being made. Wait until it is complete.", response.id);
            return Err(Fault::saying(Code::InvalidRequest, message).at(PREVIOUS));
        }
    };
    Err(stored::broken_off(&response.id, ended))
}

/// The responses that hold these items, each with those of it.
async fn holders<'i>(
    store: &dyn ResponseStore,
    tenant: &Tenant,
    ids: &'i [String],
    now: Timestamp,
) -> Result<BTreeMap<String, Vec<&'i str>>, Fault> {
    let (mut holders, mut asked) = (BTreeMap::<String, Vec<&str>>::new(), Vec::new());
    for id in ids {
        match response_of(id) {
            Some(response) => holders.entry(response).or_default().push(id),
            None => asked.push(id.clone()),
        }
    }
    if asked.is_empty() {
        return Ok(holders);
    }
    let found = store.holders(tenant, &asked, now).await.map_err(unavailable)?;
    for (item, response) in found {
        let Some(response) = response else { return Err(elsewhere(&item)) };
        if let Some(id) = ids.iter().find(|id| **id == item) {
            holders.entry(response.to_string()).or_default().push(id);
        }
    }
    Ok(holders)
}

fn forgotten() -> Fault {
    let message =
        "An earlier turn of this conversation is not kept any longer. Send the conversation in 'input'.";
    Fault::saying(Code::PreviousResponseNotFound, message).at(PREVIOUS)
}

fn elsewhere(item: &str) -> Fault {
    stored::not_found(item, "input")
}

fn too_long(at: &str) -> Fault {
    let message = "This conversation is too long to be sent to another model.";
    Fault::saying(Code::InvalidRequest, message).at(at)
}
