//! What is kept beside the lines: callers and targets, which repeat in every line and are numbered, and the minutes in which
//! a key called.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use contract::ports::{AttemptEntry, RequestEntry};
use contract::words::Id;
use rusqlite::{Connection, OptionalExtension, Params, Result};

/// Beyond this many, the numbers are looked up in the database again.
const REMEMBERED: usize = 10_000;
/// In milliseconds.
const MINUTE: u64 = 60_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Caller {
    key: Option<Id>,
    key_name: Option<Arc<str>>,
    org: Option<Arc<str>>,
    team: Option<Arc<str>>,
    app: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target {
    deployment: Arc<str>,
    provider: Arc<str>,
    kind: Arc<str>,
    model: Arc<str>,
    price: Option<Arc<str>>,
}

/// The numbers of callers and targets met lately.
///
/// Numbers are given out inside the transaction that uses them first: forget them all when it fails.
#[derive(Debug, Default)]
pub(super) struct Names {
    callers: Numbers<Caller>,
    targets: Numbers<Target>,
    minutes: Minutes,
}

/// The minutes noted lately, with the last one at hand.
#[derive(Debug, Default)]
struct Minutes {
    noted: HashSet<(Id, u64)>,
    last: Option<(Id, u64)>,
}

/// Numbers, with the last one at hand: neighbours in a batch are often alike.
#[derive(Debug)]
struct Numbers<T> {
    known: HashMap<T, i64>,
    last: Option<(T, i64)>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), last: None }
    }
}

impl<T: Clone + Eq + Hash> Numbers<T> {
    fn of(&mut self, name: T, number: impl FnOnce(&T) -> Result<i64>) -> Result<i64> {
        let found = match self.known.get(&name) {
            Some(found) => *found,
            None => {
                let new = number(&name)?;
                if self.known.len() >= REMEMBERED {
                    self.known.clear();
                }
                self.known.insert(name.clone(), new);
                new
            }
        };
        self.last = Some((name, found));
        Ok(found)
    }
}

impl Names {
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The caller's number.
    pub(super) fn caller(&mut self, tx: &Connection, entry: &RequestEntry) -> Result<i64> {
        if let Some((last, number)) = &self.callers.last
            && last.is(entry)
        {
            return Ok(*number);
        }
        self.callers.of(Caller::of(entry), |caller| caller.number(tx))
    }

    /// The target's number.
    pub(super) fn target(&mut self, tx: &Connection, entry: &AttemptEntry) -> Result<i64> {
        if let Some((last, number)) = &self.targets.last
            && last.is(entry)
        {
            return Ok(*number);
        }
        self.targets.of(Target::of(entry), |target| target.number(tx))
    }
}

impl Names {
    /// Notes that the request's key called in the minute that its id begins with.
    pub(super) fn minute(&mut self, tx: &Connection, entry: &RequestEntry) -> Result<()> {
        let Some(key) = entry.key else { return Ok(()) };
        let minute = millis_of(entry.id) / MINUTE;
        if self.minutes.last == Some((key, minute)) {
            return Ok(());
        }
        self.minutes.last = Some((key, minute));
        if self.minutes.noted.len() >= REMEMBERED {
            self.minutes.noted.clear();
        }
        if self.minutes.noted.insert((key, minute)) {
            let start = |minute: u64| (minute * MINUTE).to_be_bytes()[2..].to_vec();
            tx.prepare_cached(
                "INSERT INTO key_minutes (key, first, next) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute((&key.bytes()[..], start(minute), start(minute + 1)))?;
        }
        Ok(())
    }
}

/// The milliseconds since 1970 that a UUIDv7 begins with.
fn millis_of(id: Id) -> u64 {
    id.bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
}

impl Caller {
    fn of(entry: &RequestEntry) -> Self {
        Self {
            key: entry.key,
            key_name: entry.key_name.clone(),
            org: entry.org.clone(),
            team: entry.team.clone(),
            app: entry.app.clone(),
        }
    }

    fn is(&self, entry: &RequestEntry) -> bool {
        self.key == entry.key
            && same_if(self.key_name.as_ref(), entry.key_name.as_ref())
            && same_if(self.org.as_ref(), entry.org.as_ref())
            && same_if(self.team.as_ref(), entry.team.as_ref())
            && same_if(self.app.as_ref(), entry.app.as_ref())
    }

    fn number(&self, tx: &Connection) -> Result<i64> {
        let key = self.key.as_ref().map(|key| &key.bytes()[..]);
        let values =
            (key, self.key_name.as_deref(), self.org.as_deref(), self.team.as_deref(), self.app.as_deref());
        find_or_add(
            tx,
            "SELECT id FROM callers WHERE key IS ? AND key_name IS ? AND org IS ? AND team IS ? AND app IS ?",
            "INSERT INTO callers (key, key_name, org, team, app) VALUES (?, ?, ?, ?, ?) RETURNING id",
            values,
        )
    }
}

impl Target {
    fn of(entry: &AttemptEntry) -> Self {
        Self {
            deployment: entry.deployment.clone(),
            provider: entry.provider.clone(),
            kind: entry.provider_kind.clone(),
            model: entry.upstream_model.clone(),
            price: entry.price_version.clone(),
        }
    }

    fn is(&self, entry: &AttemptEntry) -> bool {
        same(&self.deployment, &entry.deployment)
            && same(&self.provider, &entry.provider)
            && same(&self.kind, &entry.provider_kind)
            && same(&self.model, &entry.upstream_model)
            && same_if(self.price.as_ref(), entry.price_version.as_ref())
    }

    fn number(&self, tx: &Connection) -> Result<i64> {
        let values = (&*self.deployment, &*self.provider, &*self.kind, &*self.model, self.price.as_deref());
        find_or_add(
            tx,
            "SELECT id FROM targets WHERE deployment = ? AND provider = ? AND provider_kind = ? \
             AND upstream_model = ? AND price_version IS ?",
            "INSERT INTO targets (deployment, provider, provider_kind, upstream_model, price_version) \
             VALUES (?, ?, ?, ?, ?) RETURNING id",
            values,
        )
    }
}

/// Most often it is one text, shared.
fn same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn same_if(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn find_or_add(tx: &Connection, find: &str, add: &str, values: impl Params + Copy) -> Result<i64> {
    match tx.query_row(find, values, |row| row.get(0)).optional()? {
        Some(number) => Ok(number),
        None => tx.query_row(add, values, |row| row.get(0)),
    }
}
