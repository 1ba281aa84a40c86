//! What the request refers to: the response that it goes on from. Prompts and recall will fill this stage further.
//!
//! A conversation is written out only for a deployment that does not keep it itself: see `translate.rs`.

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Deployment, InputSize, Plan, Stage, StoredResponse, Tenant};
use contract::{Code, Fault};
use wire::stored::{self, Keeping};
use wire::{EncodeOptions, Envelope};

use super::turns::{Named, check, inlined};
use super::{Admitted, Prepared};
use crate::pipeline::Run;
use crate::shelf::Shelf;
use crate::ticket::Ticket;

/// Bytes of text that are at least one token in any vocabulary in use: an upper bound for holds, not an estimate.
const BYTES_A_TOKEN: u64 = 2;

pub(crate) const PREVIOUS: &str = "previous_response_id";

/// A request of a dialect whose answers may be kept.
pub(crate) struct Turn {
    pub(crate) keeping: Keeping,
    /// The id of an answer that is written here.
    pub(crate) id: Arc<str>,
    pub(crate) previous: Previous,
    /// The items that it names by their ids, as far as they are kept here.
    pub(crate) named: Vec<Named>,
    /// What its client sent weighs this.
    size: InputSize,
    /// Is it answered here while its client does not wait?
    pub(crate) detached: bool,
}

/// The answer that a request goes on from.
pub(crate) enum Previous {
    /// None: a conversation begins.
    None,
    /// One that is kept here.
    Kept(Box<StoredResponse>),
    /// One that nobody here knows; a provider may.
    Unknown,
}

/// What is known of a request of such a dialect when it is admitted.
pub(crate) struct Before {
    pub(super) keeping: Keeping,
    pub(super) previous: Previous,
    pub(super) named: Vec<Named>,
}

impl Before {
    /// The most tokens that what the client does not send itself can have: those that the last turn of the conversation consumed,
    /// which any vocabulary writes in twice as many at most, and those of the items that it names.
    pub(super) fn most_tokens(&self) -> u64 {
        let named = self.named.iter().map(|named| named.item.len() as u64).sum::<u64>() / BYTES_A_TOKEN;
        let Previous::Kept(last) = &self.previous else { return named };
        let facts = wire::reply_facts(stored::DIALECT, &last.body).ok();
        named
            + match facts.and_then(|facts| facts.usage) {
                Some(usage) => 2 * (usage.input_total() + usage.output),
                None => (last.input.len() + last.body.len()) as u64 / BYTES_A_TOKEN,
            }
    }

    /// Can this deployment count it as it is? `speaks`: it is asked in the client's own dialect.
    pub(super) fn is_known(&self, to: &Deployment, speaks: bool) -> bool {
        let goes_on = match &self.previous {
            Previous::None => true,
            Previous::Unknown => speaks,
            Previous::Kept(previous) => keeps(to, previous),
        };
        let refers = !self.keeping.items.is_empty();
        goes_on && (!refers || speaks) && self.named.iter().all(|named| named.is_kept(to))
    }
}

impl Turn {
    /// The answer before it, if it is kept here.
    pub(crate) fn kept(&self) -> Option<&StoredResponse> {
        match &self.previous {
            Previous::Kept(previous) => Some(previous),
            _ => None,
        }
    }

    /// Is this deployment to answer while somebody waits, though the client does not want to?
    pub(crate) fn foreground(&self, to: &Deployment) -> bool {
        self.detached || (self.keeping.background && !to.provider.keeps())
    }

    /// What of this body, which goes out for it, its client did not send itself.
    pub(crate) fn beyond_in(&self, body: &Bytes) -> InputSize {
        let (all, own) = (wire::tokens::input_size(body, 0), self.size);
        InputSize {
            text: all.text.saturating_sub(own.text),
            media: all.media.saturating_sub(own.media),
            pictures: all.pictures.saturating_sub(own.pictures),
        }
    }

    /// The answer before it, where this deployment has to be told of it.
    pub(crate) fn untold(&self, to: &Deployment) -> Option<&StoredResponse> {
        self.kept().filter(|previous| !keeps(to, previous))
    }
}

/// Does this deployment's account keep the answer itself?
fn keeps(deployment: &Deployment, response: &StoredResponse) -> bool {
    response.native && made(deployment, response)
}

/// Did this deployment's account make the answer?
pub(crate) fn made(deployment: &Deployment, response: &StoredResponse) -> bool {
    made_by(deployment, response.deployment.as_deref())
}

/// Is this deployment at the account of the one that made something?
pub(super) fn made_by(deployment: &Deployment, maker: Option<&str>) -> bool {
    maker.and_then(|id| id.split('/').next()) == Some(&*deployment.provider_name)
}

impl Run<'_> {
    /// Completes the request.
    pub(crate) fn assemble(self, mut admitted: Admitted, ticket: &mut Ticket) -> Result<Prepared, Fault> {
        let Some(before) = admitted.before.take() else {
            ticket.passed(Stage::Assemble);
            return Ok(Prepared(admitted));
        };
        let Before { keeping, previous, named } = *before;
        let Admitted { plan, dialect, envelope, .. } = &mut admitted;
        let speaks = |to: &Deployment| to.provider.dialect(*dialect, &to.upstream_model) == Some(*dialect);
        match &previous {
            Previous::Kept(previous) => prefer(plan, |to| speaks(to) && keeps(to, previous)),
            _ if named.is_empty() => {}
            // All of them: an account that would have to be told of any has no advantage.
            _ => prefer(plan, |to| speaks(to) && named.iter().all(|named| named.is_kept(to))),
        }
        let able = |to: &Deployment| speaks(to) && to.provider.keeps();
        let alone = !plan.deployments.first().is_some_and(|first| able(first));
        let detached = keeping.background && !envelope.stream && alone;
        let id = stored::id(ticket.id()).into();
        let size = ticket.record().map(|record| record.size).unwrap_or_default();
        admitted.turn = Some(Box::new(Turn { keeping, id, previous, named, size, detached }));
        ticket.ended(Stage::Assemble);
        Ok(Prepared(admitted))
    }

    /// What a request of a dialect whose answers may be kept goes on from, which the hold has to cover.
    pub(super) async fn before(self, tenant: &Tenant, envelope: &Envelope) -> Result<Box<Before>, Fault> {
        let keeping = stored::keeping(envelope.body())?;
        let previous = match &keeping.previous {
            Some(id) => self.previous(tenant, id).await?,
            None => Previous::None,
        };
        let named = self.named(tenant, &keeping.items).await?;
        Ok(Box::new(Before { keeping, previous, named }))
    }

    async fn previous(self, tenant: &Tenant, id: &str) -> Result<Previous, Fault> {
        let (store, now) = (&*self.handles.responses, self.handles.clock.now());
        if let Some(found) = self.jobs.find(store, (tenant, id), now).await.map_err(unavailable)? {
            // What its provider makes may be complete by now.
            if !found.response.native {
                check(&found)?;
            }
            return Ok(Previous::Kept(Box::new(found.response)));
        }
        // Accounts are shared by tenants: the provider would hand out what belongs to another.
        if store.is_known(id, now).await.map_err(unavailable)? {
            return Err(unknown());
        }
        Ok(Previous::Unknown)
    }
}

/// Moves those that are meant to the front; else the order stays.
fn prefer(plan: &mut Plan, is_meant: impl Fn(&Deployment) -> bool) {
    plan.deployments.sort_by_key(|deployment| !is_meant(deployment));
}

pub(crate) fn unknown() -> Fault {
    Fault::new(Code::PreviousResponseNotFound).at(PREVIOUS)
}

pub(crate) fn unavailable(error: contract::ports::StoreError) -> Fault {
    Fault::new(Code::StorageUnavailable).because(error)
}

impl Run<'_> {
    /// What is known beforehand of an answer that is to be kept.
    fn draft(self, request: &Admitted, turn: &Turn) -> StoredResponse {
        let now = self.handles.clock.now();
        StoredResponse {
            id: Arc::clone(&turn.id),
            tenant: request.tenant(),
            created: now,
            until: now.plus(self.snapshot.keep_responses),
            previous: turn.keeping.previous.as_deref().map(Into::into),
            deployment: None,
            native: false,
            // What it names is kept with it: the turns that hold it may come to their end before.
            input: stored::input(&inlined(request.envelope.body(), &turn.named, None, |_| false).0),
            body: Bytes::new(),
            making: None,
        }
    }

    /// The answer that waits to be made.
    pub(crate) fn waiting(self, request: &Admitted, ticket: &Ticket) -> Option<StoredResponse> {
        let turn = request.turn.as_deref()?;
        let body = stored::queued(&self.options(request, EncodeOptions::default(), ticket));
        Some(StoredResponse { body, ..self.draft(request, turn) })
    }

    /// What keeps the answer of this deployment, if it is to be kept. `native`: the client gets it as the provider wrote it.
    pub(crate) fn shelf(
        self,
        request: &Admitted,
        deployment: &Arc<Deployment>,
        native: bool,
    ) -> Option<Box<Shelf>> {
        let turn = request.turn.as_deref().filter(|turn| turn.keeping.store)?;
        Some(Box::new(Shelf {
            store: Arc::clone(&self.handles.responses),
            // One that cannot be asked for it again may as well not have it.
            draft: StoredResponse {
                native: native && deployment.provider.keeps(),
                ..self.draft(request, turn)
            },
            background: turn.keeping.background,
            named: turn.detached,
            deployment: Arc::clone(deployment),
        }))
    }
}

#[cfg(test)]
mod tests {
    use contract::words::{Principal, Timestamp};

    use super::*;

    fn kept(body: &'static [u8]) -> Before {
        let principal = Principal {
            key: None,
            name: "k".into(),
            org: "o".into(),
            team: None,
            app: None,
            scopes: Vec::new(),
            models: Vec::new(),
            requests: None,
            expires: None,
        };
        let response = StoredResponse {
            id: "resp_1".into(),
            tenant: Tenant::of(&principal),
            created: Timestamp(0),
            until: Timestamp(0),
            previous: None,
            deployment: None,
            native: false,
            input: Bytes::from_static(b"[]"),
            body: Bytes::from_static(body),
            making: None,
        };
        let keeping = stored::keeping(b"{}").unwrap();
        Before { keeping, previous: Previous::Kept(Box::new(response)), named: Vec::new() }
    }

    #[test]
    fn a_hold_covers_the_conversation_up_to_here() {
        let usage = br#"{"usage":{"input_tokens":1000,"output_tokens":50,"total_tokens":1050}}"#;
        assert_eq!(kept(usage).most_tokens(), 2_100);
        assert_eq!(kept(br#"{"output":[]}"#).most_tokens(), 15 / BYTES_A_TOKEN);
        let first =
            Before { keeping: stored::keeping(b"{}").unwrap(), previous: Previous::None, named: Vec::new() };
        assert_eq!(first.most_tokens(), 0);
    }
}
