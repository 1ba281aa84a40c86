//! What is remembered of a conversation between its turns. Everything belongs to one tenant and comes to an end.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Entries, StoreError};
use crate::words::{Principal, Timestamp};

/// Whose state something is: nothing crosses from one tenant to another. The team of the caller where it has one, else its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant a caller belongs to.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        let org = part(&principal.org);
        Self(match (&principal.team, principal.key) {
            (Some(team), _) => format!("{org}/{}", part(team)).into(),
            (None, Some(key)) => format!("{org}//{key}").into(),
            (None, None) => format!("{org}//{}", part(&principal.name)).into(),
        })
    }

    /// The tenant that a store kept under this text.
    #[must_use]
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// As stores keep it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name without the slash that stands between two: names may have slashes of their own.
fn part(name: &str) -> Cow<'_, str> {
    match name.contains(['/', '%']) {
        true => name.replace('%', "%25").replace('/', "%2F").into(),
        false => name.into(),
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message is found again by: 128 bits of a hash over the conversation that it ends, as its client will send it back.
pub type Anchor = [u8; 16];

/// What a model's message held that its client's dialect had no place for.
#[derive(Clone, Debug)]
pub struct KeptMessage {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is found by; each is enough.
    pub anchors: Vec<Anchor>,
    /// The message, in a form that only `wire` reads.
    pub body: Bytes,
    /// When it is forgotten.
    pub until: Timestamp,
}

/// Blocks that only their provider understands (signatures, encrypted thoughts), kept while the conversation goes on in
/// another dialect.
pub trait NativeBlocks: Send + Sync {
    /// Keeps a message. Whoever asks this instance finds it at once; it outlives the process a little later. A tenant that keeps
    /// more than its share loses its oldest.
    fn keep(&self, message: KeptMessage);
    /// The messages behind these anchors, as far as there are any, in one look. The most wanted anchors come first: a store
    /// gives about as much as one request can take and leaves out what is beyond. A store that is away has none.
    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        anchors: &'a [Anchor],
        now: Timestamp,
    ) -> Answer<'a, Vec<(Anchor, Bytes)>>;
}

/// An answer that can be asked for again, and gone on from, by its id (`openai.responses` with `store`).
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResponse {
    /// Its id, as the client knows it. Different tenants may have answers of the same id.
    pub id: Arc<str>,
    /// Whose it is.
    pub tenant: Tenant,
    /// When its request came.
    pub created: Timestamp,
    /// When it is forgotten.
    pub until: Timestamp,
    /// The answer that its request went on from.
    pub previous: Option<Arc<str>>,
    /// Who answered: `provider/upstream-name`. None while nobody has.
    pub deployment: Option<Arc<str>>,
    /// Does the provider keep it too, under the same id?
    pub native: bool,
    /// What this turn brought: a JSON array of items.
    pub input: Bytes,
    /// The answer as its client got it: a JSON object, whose `status` says whether it is still being made.
    pub body: Bytes,
    /// Who makes it, while its client does not wait. None: it is over, and settled.
    pub making: Option<Making>,
}

/// Stands before the place in the ids of items that are made here; nobody else's have it.
const MARK: &str = "_pg";

/// The id that an item is given here, as it has none of its own: by its place among those of one response (`resp_{stem}`).
#[must_use]
pub fn made_id(kind: &str, stem: &str, place: usize) -> String {
    format!("{kind}_{stem}{MARK}{place}")
}

/// The stem of an id that was made here. None: it was not.
#[must_use]
pub fn made_stem(item: &str) -> Option<&str> {
    let (stem, place) = item.split_once('_')?.1.rsplit_once(MARK)?;
    (!place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit())).then_some(stem)
}

/// The id of the response that an item belongs to whose id was made here: `resp_{stem}`, and for an item of its input, whose
/// stem is `{stem}i`. None: the id tells nothing.
#[must_use]
pub fn response_of(item: &str) -> Option<String> {
    let stem = made_stem(item)?;
    let stem = stem.strip_suffix('i').unwrap_or(stem);
    let ours = stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then(|| format!("resp_{stem}"))
}

impl StoredResponse {
    /// The ids of the items that it answers with, by which a client may refer to each; without those that tell it themselves.
    #[must_use]
    pub fn items(&self) -> Vec<String> {
        #[derive(Default, Deserialize)]
        struct Answer {
            #[serde(default)]
            output: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            id: Option<String>,
        }
        let answer: Answer = serde_json::from_slice(&self.body).unwrap_or_default();
        let ids = answer.output.into_iter().filter_map(|item| item.id);
        ids.filter(|id| response_of(id).as_deref() != Some(&*self.id)).collect()
    }
}

/// An answer that is made while its client does not wait, and is not settled yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Making {
    /// The instance that makes it, or follows the provider that does.
    pub owner: Arc<str>,
    /// Until when nobody else takes it: an instance that lives puts this off again and again.
    pub lease: Timestamp,
    /// What log and ledger will say of the request if nothing better is learned.
    pub entries: Arc<Entries>,
}

/// An item that somebody has, and the answer of the tenant who asks that holds it.
pub type Holder = (String, Option<Arc<str>>);

/// Answers that clients may refer to later.
pub trait ResponseStore: Send + Sync {
    /// Keeps an answer, in place of one of the same tenant and id. Whoever asks this instance finds it; it outlives the process a
    /// little later, and what is complete is shown then, if a store that is away does not delay it for long.
    fn keep(&self, response: StoredResponse);
    /// Keeps an answer before its client has it: this is done once the answer outlives the process, or after about a second.
    /// A store that has been away for long may take no more of them.
    fn secure(&self, response: StoredResponse) -> Answer<'static, ()>;
    /// Keeps an answer, as [`keep`](Self::keep) does. Once this is done, it outlives the process.
    fn entrust(&self, response: StoredResponse) -> Answer<'_, Result<(), StoreError>>;
    /// Puts off the end of the lease of these answers, as far as they are this owner's.
    fn renew<'a>(
        &'a self,
        owner: &'a str,
        names: &'a [(Tenant, Arc<str>)],
        lease: Timestamp,
    ) -> Answer<'a, Result<(), StoreError>>;
    /// Ends the leases of all answers of this owner: whoever asks next has them.
    fn give_away<'a>(&'a self, owner: &'a str, now: Timestamp) -> Answer<'a, Result<(), StoreError>>;
    /// Makes this instance the owner of answers whose lease is over, and gives them, some at a time, the longest left first: each
    /// goes to one of those that ask. Not those that this instance knows better than the store that it shares.
    fn claim<'a>(
        &'a self,
        owner: &'a Arc<str>,
        now: Timestamp,
        lease: Timestamp,
    ) -> Answer<'a, Result<Vec<StoredResponse>, StoreError>>;
    /// A tenant's answer, unless it has come to its end.
    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        id: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Result<Option<StoredResponse>, StoreError>>;
    /// Has any tenant an answer of this id, or had one that its provider keeps too? Such an id is remembered for a while after
    /// the end of its answer and its removal, so that nobody goes on there from what belongs to another.
    fn is_known<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Result<bool, StoreError>>;
    /// Who has these [items](StoredResponse::items): of each, the tenant's answer that holds it, or none where only others have one. Items that nobody has
    /// are left out.
    fn holders<'a>(
        &'a self,
        tenant: &'a Tenant,
        items: &'a [String],
        now: Timestamp,
    ) -> Answer<'a, Result<Vec<Holder>, StoreError>>;
    /// Forgets a tenant's answer; gives whether there was one. Afterwards nobody finds it, here or after a restart.
    fn remove<'a>(&'a self, tenant: &'a Tenant, id: &'a str) -> Answer<'a, Result<bool, StoreError>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Id, IdKind};

    fn tenant(org: &str, team: Option<&str>, key: Option<Id>, name: &str) -> String {
        let principal = Principal {
            key,
            name: name.into(),
            org: org.into(),
            team: team.map(Into::into),
            app: None,
            scopes: Vec::new(),
            models: Vec::new(),
            requests: None,
            expires: None,
        };
        Tenant::of(&principal).as_str().to_owned()
    }

    #[test]
    fn slashes_in_names_do_not_make_two_tenants_one() {
        let key = Id::from_parts(IdKind::Key, [1; 16]);
        let id = key.to_string();
        let all = [
            tenant("acme", Some("eu/sales"), None, "k"),
            tenant("acme/eu", Some("sales"), None, "k"),
            tenant("acme", Some("eu%2Fsales"), None, "k"),
            tenant("acme", None, Some(key), "k"),
            tenant("acme/", Some(&id), None, "k"),
            tenant("acme", None, None, "k"),
            tenant("acme/", Some("k"), None, "k"),
            tenant("acme", None, None, "/k"),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert_eq!(tenant("acme", Some("sales"), None, "k"), "acme/sales");
    }
}
