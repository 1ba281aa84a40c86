//! What is kept beside the lines: callers and targets, which repeat in every line and are numbered, and the minutes in which
//! a key called.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Params, Result};
use serde::Serialize;

use crate::record::{self, Attempt, Request};

/// Beyond this many, the numbers are looked up in the database again.
const REMEMBERED: usize = 10_000;
/// In milliseconds.
const MINUTE: u64 = 60_000;

/// The numbers of callers and targets met lately.
///
/// Numbers are given out inside the transaction that uses them first: forget them all when it fails.
#[derive(Debug, Default)]
pub(super) struct Names {
    callers: Numbers,
    targets: Numbers,
    minutes: Minutes,
}

/// Numbers of what is named by several texts, which stand one after the other as the spool writes them.
#[derive(Debug, Default)]
struct Numbers {
    known: HashMap<Box<[u8]>, i64>,
    /// The last one met: neighbours in a batch are often alike.
    last: (Vec<u8>, i64),
    asked: Vec<u8>,
}

/// The minutes noted lately, with the last one at hand.
#[derive(Debug, Default)]
struct Minutes {
    noted: HashSet<([u8; 16], u64)>,
    last: Option<([u8; 16], u64)>,
}

impl Numbers {
    fn of<T: Serialize + Copy>(&mut self, name: T, number: impl FnOnce(T) -> Result<i64>) -> Result<i64> {
        self.asked.clear();
        record::put(&mut self.asked, &name)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if self.asked == self.last.0 {
            return Ok(self.last.1);
        }
        let found = match self.known.get(&*self.asked) {
            Some(found) => *found,
            None => {
                let new = number(name)?;
                if self.known.len() >= REMEMBERED {
                    self.known.clear();
                }
                self.known.insert(self.asked.as_slice().into(), new);
                new
            }
        };
        std::mem::swap(&mut self.asked, &mut self.last.0);
        self.last.1 = found;
        Ok(found)
    }
}

impl Names {
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The caller's number.
    pub(super) fn caller(&mut self, tx: &Connection, request: &Request<'_>) -> Result<i64> {
        let Request { key, key_name, org, team, app, .. } = request;
        self.callers.of((key, key_name, org, team, app), |(key, key_name, org, team, app)| {
            find_or_add(
                tx,
                "SELECT id FROM callers WHERE key IS ? AND key_name IS ? AND org IS ? AND team IS ? AND app IS ?",
                "INSERT INTO callers (key, key_name, org, team, app) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (key.as_ref().map(|key| &key[..]), key_name, org, team, app),
            )
        })
    }

    /// The target's number.
    pub(super) fn target(&mut self, tx: &Connection, attempt: &Attempt<'_>) -> Result<i64> {
        let Attempt { deployment, provider, kind, model, price, .. } = attempt;
        self.targets.of((deployment, provider, kind, model, price), |values| {
            find_or_add(
                tx,
                "SELECT id FROM targets WHERE deployment = ? AND provider = ? AND provider_kind = ? \
                 AND upstream_model = ? AND price_version IS ?",
                "INSERT INTO targets (deployment, provider, provider_kind, upstream_model, price_version) \
                 VALUES (?, ?, ?, ?, ?) RETURNING id",
                values,
            )
        })
    }

    /// Notes that the request's key called in the minute that its id begins with.
    pub(super) fn minute(&mut self, tx: &Connection, request: &Request<'_>) -> Result<()> {
        let Some(key) = request.key else { return Ok(()) };
        let minute = millis_of(&request.id) / MINUTE;
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
            .execute((&key[..], start(minute), start(minute + 1)))?;
        }
        Ok(())
    }
}

/// The milliseconds since 1970 that a UUIDv7 begins with.
fn millis_of(id: &[u8; 16]) -> u64 {
    id[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
}

fn find_or_add(tx: &Connection, find: &str, add: &str, values: impl Params + Copy) -> Result<i64> {
    match tx.query_row(find, values, |row| row.get(0)).optional()? {
        Some(number) => Ok(number),
        None => tx.query_row(add, values, |row| row.get(0)),
    }
}
