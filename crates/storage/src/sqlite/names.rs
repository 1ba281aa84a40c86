//! Callers and targets: what repeats in every line, kept once and numbered.

use std::collections::HashMap;
use std::sync::Arc;

use contract::ports::{AttemptEntry, RequestEntry};
use contract::words::Id;
use sqlx::query_scalar;
use sqlx::sqlite::SqliteConnection;

/// Beyond this many, the numbers are looked up in the database again.
const REMEMBERED: usize = 10_000;

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
    callers: HashMap<Caller, i64>,
    targets: HashMap<Target, i64>,
}

impl Names {
    pub(super) fn forget(&mut self) {
        self.callers.clear();
        self.targets.clear();
    }

    /// The caller's number.
    pub(super) async fn caller(
        &mut self,
        tx: &mut SqliteConnection,
        entry: &RequestEntry,
    ) -> Result<i64, sqlx::Error> {
        let caller = Caller {
            key: entry.key,
            key_name: entry.key_name.clone(),
            org: entry.org.clone(),
            team: entry.team.clone(),
            app: entry.app.clone(),
        };
        if let Some(number) = self.callers.get(&caller) {
            return Ok(*number);
        }
        let number = number_caller(tx, &caller).await?;
        if self.callers.len() >= REMEMBERED {
            self.callers.clear();
        }
        self.callers.insert(caller, number);
        Ok(number)
    }

    /// The target's number.
    pub(super) async fn target(
        &mut self,
        tx: &mut SqliteConnection,
        entry: &AttemptEntry,
    ) -> Result<i64, sqlx::Error> {
        let target = Target {
            deployment: entry.deployment.clone(),
            provider: entry.provider.clone(),
            kind: entry.provider_kind.clone(),
            model: entry.upstream_model.clone(),
            price: entry.price_version.clone(),
        };
        if let Some(number) = self.targets.get(&target) {
            return Ok(*number);
        }
        let number = number_target(tx, &target).await?;
        if self.targets.len() >= REMEMBERED {
            self.targets.clear();
        }
        self.targets.insert(target, number);
        Ok(number)
    }
}

async fn number_caller(tx: &mut SqliteConnection, caller: &Caller) -> Result<i64, sqlx::Error> {
    let found = query_scalar(
        "SELECT id FROM callers WHERE key IS ? AND key_name IS ? AND org IS ? AND team IS ? AND app IS ?",
    )
    .bind(caller.key.map(|key| key.bytes().to_vec()))
    .bind(caller.key_name.clone())
    .bind(caller.org.clone())
    .bind(caller.team.clone())
    .bind(caller.app.clone())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(number) = found {
        return Ok(number);
    }
    query_scalar("INSERT INTO callers (key, key_name, org, team, app) VALUES (?, ?, ?, ?, ?) RETURNING id")
        .bind(caller.key.map(|key| key.bytes().to_vec()))
        .bind(caller.key_name.clone())
        .bind(caller.org.clone())
        .bind(caller.team.clone())
        .bind(caller.app.clone())
        .fetch_one(&mut *tx)
        .await
}

async fn number_target(tx: &mut SqliteConnection, target: &Target) -> Result<i64, sqlx::Error> {
    let found = query_scalar(
        "SELECT id FROM targets WHERE deployment = ? AND provider = ? AND provider_kind = ? \
         AND upstream_model = ? AND price_version IS ?",
    )
    .bind(target.deployment.clone())
    .bind(target.provider.clone())
    .bind(target.kind.clone())
    .bind(target.model.clone())
    .bind(target.price.clone())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(number) = found {
        return Ok(number);
    }
    query_scalar(
        "INSERT INTO targets (deployment, provider, provider_kind, upstream_model, price_version) \
         VALUES (?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(target.deployment.clone())
    .bind(target.provider.clone())
    .bind(target.kind.clone())
    .bind(target.model.clone())
    .bind(target.price.clone())
    .fetch_one(&mut *tx)
    .await
}
