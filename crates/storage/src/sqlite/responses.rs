//! Answers that clients may refer to: written behind, all that wait in one transaction, and read from their rows.
//!
//! What waits to be written is found meanwhile ([`super::waiting`]), and is written as soon as the database can be: a lock on it
//! costs nothing but time. What is complete is shown once it outlives the process, if that takes no more than [`PATIENCE`].
//!
//! Of an answer that its provider keeps too the id is remembered for [`REMEMBERED`] after its end, so that nobody else goes on
//! from it there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{
    Answer, AttemptEntry, BoxFuture, Clock, Entries, Holder, Making, RequestEntry, ResponseStore, StoreError,
    StoredResponse, Tenant,
};
use contract::words::Timestamp;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Row, SqliteConnection, query, query_scalar};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::waiting::{Change, Done, Name, Taken, Waiting};
use super::{Sqlite, behind, unavailable};
use crate::memory::REMEMBERED;

/// Names that may wait for the writer. Each is that of an answer in [`Waiting`], which is bounded in bytes.
const QUEUE: usize = 1 << 20;
/// Bytes that wait to be written, beyond which answers that nobody settles later are not kept.
const WAITING_BYTES: usize = 64 << 20;
/// How long an answer is held back until it is written.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a row that cannot be read is left alone. A later release may read it.
const UNREADABLE: Duration = Duration::from_secs(3_600);

/// Answers that are claimed at once.
const CLAIMED: i64 = 100;

const INSERT: &str = "INSERT OR REPLACE INTO responses \
     (tenant, id, created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FIND: &str = "SELECT created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries \
     FROM responses WHERE tenant = ? AND id = ? AND until_us > ?";
const RENEW: &str = "UPDATE responses SET lease_us = ? WHERE tenant = ? AND id = ? AND owner = ?";
const GIVE_AWAY: &str = "UPDATE responses SET lease_us = ? WHERE owner = ?";
const IS_ANY_LEFT: &str = "SELECT EXISTS (SELECT 1 FROM responses WHERE owner IS NOT NULL AND lease_us <= ?)";
/// The longest left first: there may be no room for all of them.
const CLAIM: &str = "UPDATE responses SET owner = ?, lease_us = ? WHERE rowid IN \
     (SELECT rowid FROM responses WHERE owner IS NOT NULL AND lease_us <= ? ORDER BY lease_us LIMIT ?) \
     RETURNING created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries, tenant, id";
const LEAVE: &str = "UPDATE responses SET lease_us = ? WHERE tenant = ? AND id = ?";
const IS_KNOWN: &str = "SELECT EXISTS \
     (SELECT 1 FROM responses WHERE id = ? AND (until_us > ? OR (native = 1 AND until_us > ?)))";

/// What is not settled stays until it is.
const EMPTY_ENDED: &str = "UPDATE responses SET previous = NULL, input = x'', body = x'' \
     WHERE until_us <= ? AND owner IS NULL AND native = 1 AND length(body) > 0";
const EMPTY: &str = "UPDATE responses SET until_us = ?, previous = NULL, input = x'', body = x'', owner = NULL, \
     lease_us = NULL, entries = NULL WHERE tenant = ? AND id = ? AND native = 1 AND until_us > ?";
const REMOVE: &str = "DELETE FROM responses WHERE tenant = ? AND id = ? AND native = 0";
const SWEEP: &str = "DELETE FROM responses WHERE until_us <= ? AND owner IS NULL AND native = 0";
/// What nobody could settle by now is settled no more.
const FORGET: &str = "DELETE FROM responses WHERE until_us <= ?";
const INSERT_ITEM: &str = "INSERT OR IGNORE INTO response_items (tenant, item, response) VALUES (?, ?, ?)";
/// Those of the tenant come last.
const HOLDERS: &str = "SELECT item, response, responses.tenant = ?1 AND until_us > ?3 AS own \
     FROM response_items JOIN responses ON responses.tenant = response_items.tenant AND responses.id = response \
     WHERE item IN (SELECT value FROM json_each(?2)) ORDER BY own, created_us";

/// The store.
#[derive(Debug)]
pub struct Responses {
    database: Sqlite,
    waiting: Arc<Waiting>,
    queue: mpsc::Sender<Name>,
    clock: Clocked,
}

impl Responses {
    /// The store of this database, with the task that writes.
    pub fn start(
        database: Sqlite,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (queue, names) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Waiting::default());
        let behind =
            Behind { database: database.clone(), waiting: Arc::clone(&waiting), clock: Arc::clone(&clock) };
        tasks.spawn(behind::run(behind, names, Arc::clone(&clock), stop));
        Arc::new(Self { database, waiting, queue, clock: Clocked(clock) })
    }

    async fn read(
        &self,
        tenant: &Tenant,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let row = query(FIND).bind(tenant.as_str()).bind(id).bind(now.0);
        let row = row.fetch_optional(&self.database.reader).await.map_err(unavailable)?;
        row.map(|row| decode(tenant, id, &row).map_err(unavailable)).transpose()
    }

    async fn written_holders(
        &self,
        tenant: &Tenant,
        items: &[String],
        now: Timestamp,
    ) -> Result<HashMap<String, Option<Arc<str>>>, StoreError> {
        let wanted = serde_json::to_string(items).unwrap_or_default();
        let rows = query(HOLDERS).bind(tenant.as_str()).bind(wanted).bind(now.0);
        let rows = rows.fetch_all(&self.database.reader).await.map_err(unavailable)?;
        let holder = |row: &SqliteRow| {
            let own = row.try_get::<bool, _>(2)?;
            let response = own.then(|| row.try_get::<&str, _>(1)).transpose()?;
            Ok((row.try_get(0)?, response.map(Arc::from)))
        };
        rows.iter().map(holder).collect::<Result<_, _>>().map_err(unavailable)
    }

    /// Has a change written; gives whether the answer was among what waited.
    fn change(&self, name: &Name, change: Change, done: Option<Done>) -> bool {
        let added = self.waiting.add(name.clone(), change, done);
        if added.is_new && self.queue.try_send(name.clone()).is_err() {
            self.waiting.abandon(name);
            tracing::warn!("a response cannot be kept: the database is closed");
        }
        added.was_kept
    }

    /// As [`change`](Self::change), with what waits until the change is durable.
    fn changed(
        &self,
        name: &Name,
        change: Change,
    ) -> (bool, impl Future<Output = Result<bool, StoreError>> + use<>) {
        let (done, answer) = oneshot::channel();
        let was_kept = self.change(name, change, Some(done));
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        (was_kept, async move { answer.await.map_err(|_| gone())? })
    }

    async fn take_over(
        &self,
        owner: &str,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Vec<StoredResponse>, StoreError> {
        let any = query_scalar(IS_ANY_LEFT).bind(now.0).fetch_one(&self.database.reader).await;
        if !any.map_err(unavailable)? {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.writing().await?;
        let claim = query(CLAIM).bind(owner).bind(lease.0).bind(now.0).bind(CLAIMED);
        let rows = claim.fetch_all(&mut *transaction).await.map_err(unavailable)?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let tenant = row.try_get::<&str, _>(10).map_err(unavailable)?;
            let id = row.try_get::<&str, _>(11).map_err(unavailable)?;
            match decode(&Tenant::kept(tenant), id, row) {
                Ok(response) => claimed.push(response),
                Err(error) => {
                    tracing::error!(%error, id, "a response that was left behind cannot be read, nor its request settled");
                    let later = query(LEAVE).bind(now.plus(UNREADABLE).0).bind(tenant).bind(id);
                    later.execute(&mut *transaction).await.map_err(unavailable)?;
                }
            }
        }
        // What this instance knows better is in nobody's hand yet: it is written once this transaction is over.
        claimed.retain(|response| self.waiting.look(&response.tenant, &response.id).is_none());
        transaction.commit().await.map_err(unavailable)?;
        Ok(claimed)
    }

    async fn renew_rows(&self, owner: &str, names: &[Name], lease: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.database.writing().await?;
        for (tenant, id) in names {
            let renew = query(RENEW).bind(lease.0).bind(tenant.as_str()).bind(&**id).bind(owner);
            renew.execute(&mut *transaction).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }
}

/// A clock, which has nothing to show.
struct Clocked(Arc<dyn Clock>);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Ends with this, or when patience does.
async fn or_at_last<T>(written: oneshot::Receiver<T>, end: BoxFuture<'static, ()>) {
    tokio::select! {
        biased;
        _ = written => {}
        () = end => {}
    }
}

fn decode(tenant: &Tenant, id: &str, row: &SqliteRow) -> Result<StoredResponse, sqlx::Error> {
    let text = |at: usize| row.try_get::<Option<&str>, _>(at).map(|text| text.map(Arc::from));
    Ok(StoredResponse {
        id: id.into(),
        tenant: tenant.clone(),
        created: Timestamp(row.try_get(0)?),
        until: Timestamp(row.try_get(1)?),
        previous: text(2)?,
        deployment: text(3)?,
        native: row.try_get(4)?,
        input: row.try_get::<Vec<u8>, _>(5)?.into(),
        body: row.try_get::<Vec<u8>, _>(6)?.into(),
        making: making(row)?,
    })
}

fn making(row: &SqliteRow) -> Result<Option<Making>, sqlx::Error> {
    let Some(owner) = row.try_get::<Option<&str>, _>(7)? else { return Ok(None) };
    let entries = serde_json::from_slice(row.try_get(9)?);
    let (request, attempts): (RequestEntry, Vec<AttemptEntry>) =
        entries.map_err(|error| sqlx::Error::Decode(error.into()))?;
    let lease = Timestamp(row.try_get(8)?);
    Ok(Some(Making { owner: owner.into(), lease, entries: Arc::new(Entries { request, attempts }) }))
}

impl ResponseStore for Responses {
    fn keep(&self, response: StoredResponse) {
        self.change(&name(&response), Change::Keep(Arc::new(response)), None);
    }

    fn secure(&self, response: StoredResponse) -> Answer<'static, ()> {
        if self.waiting.bytes() > WAITING_BYTES {
            tracing::warn!("a response is not kept: the database does not keep up");
            return Answer::now(());
        }
        let name = name(&response);
        let (done, written) = oneshot::channel();
        self.change(&name, Change::Keep(Arc::new(response)), Some(done));
        Answer::Later(Box::pin(or_at_last(written, self.clock.0.sleep(PATIENCE))))
    }

    fn entrust(&self, response: StoredResponse) -> Answer<'_, Result<(), StoreError>> {
        let (_, written) = self.changed(&name(&response), Change::Keep(Arc::new(response)));
        Answer::Later(Box::pin(async move { written.await.map(|_| ()) }))
    }

    fn renew<'a>(
        &'a self,
        owner: &'a str,
        names: &'a [Name],
        lease: Timestamp,
    ) -> Answer<'a, Result<(), StoreError>> {
        names.iter().for_each(|name| self.waiting.renew(name, lease));
        Answer::Later(Box::pin(self.renew_rows(owner, names, lease)))
    }

    fn give_away<'a>(&'a self, owner: &'a str, now: Timestamp) -> Answer<'a, Result<(), StoreError>> {
        self.waiting.give_away(owner, now);
        Answer::Later(Box::pin(async move {
            let give = query(GIVE_AWAY).bind(now.0).bind(owner);
            give.execute(&self.database.writer).await.map(|_| ()).map_err(unavailable)
        }))
    }

    fn claim<'a>(
        &'a self,
        owner: &'a Arc<str>,
        now: Timestamp,
        lease: Timestamp,
    ) -> Answer<'a, Result<Vec<StoredResponse>, StoreError>> {
        Answer::Later(Box::pin(self.take_over(owner, now, lease)))
    }

    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        id: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Result<Option<StoredResponse>, StoreError>> {
        let found = match self.waiting.look(tenant, id) {
            None => return Answer::Later(Box::pin(self.read(tenant, id, now))),
            Some(Change::Keep(found)) if found.until > now => StoredResponse::clone(&found),
            Some(_) => return Answer::now(Ok(None)),
        };
        // What its client is shown as complete stays so.
        let name = name(&found);
        match found.making.is_none().then(|| self.waiting.wait(&name)).flatten() {
            None => Answer::now(Ok(Some(found))),
            Some(written) => {
                let written = or_at_last(written, self.clock.0.sleep(PATIENCE));
                Answer::Later(Box::pin(async move {
                    written.await;
                    Ok(Some(found))
                }))
            }
        }
    }

    fn is_known<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Result<bool, StoreError>> {
        if self.waiting.has(id, now) {
            return Answer::now(Ok(true));
        }
        Answer::Later(Box::pin(async move {
            let known = query_scalar(IS_KNOWN).bind(id).bind(now.0).bind(forgotten(now).0);
            known.fetch_one(&self.database.reader).await.map_err(unavailable)
        }))
    }

    fn holders<'a>(
        &'a self,
        tenant: &'a Tenant,
        items: &'a [String],
        now: Timestamp,
    ) -> Answer<'a, Result<Vec<Holder>, StoreError>> {
        Answer::Later(Box::pin(async move {
            let held = self.waiting.holding(tenant, items, now);
            let mut all = self.written_holders(tenant, items, now).await?;
            for (item, own) in held {
                if own.is_some() || !all.contains_key(&item) {
                    all.insert(item, own);
                }
            }
            Ok(all.into_iter().collect())
        }))
    }

    fn remove<'a>(&'a self, tenant: &'a Tenant, id: &'a str) -> Answer<'a, Result<bool, StoreError>> {
        let (was_kept, written) = self.changed(&(tenant.clone(), id.into()), Change::Remove);
        Answer::Later(Box::pin(async move { Ok(written.await? || was_kept) }))
    }
}

fn name(response: &StoredResponse) -> Name {
    (response.tenant.clone(), Arc::clone(&response.id))
}

/// What came to its end by then is forgotten altogether.
fn forgotten(now: Timestamp) -> Timestamp {
    let span = i64::try_from(REMEMBERED.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(span))
}

/// What is done behind the queue.
struct Behind {
    database: Sqlite,
    waiting: Arc<Waiting>,
    clock: Arc<dyn Clock>,
}

impl behind::Behind for Behind {
    type Item = Name;

    /// Writes a batch, or leaves it to be tried again. Who waits learns of either.
    async fn write(&mut self, batch: &mut Vec<Name>) {
        let changes = self.waiting.take(batch);
        match self.try_write(&changes).await {
            Ok(changed) => {
                batch.clear();
                self.waiting.written(changes, &changed);
            }
            Err(error) => {
                let count = changes.len();
                if self.waiting.failed(changes, &error) {
                    tracing::warn!(%error, changes = count, "responses cannot be written yet");
                }
            }
        }
    }

    async fn sweep(&mut self, now: Timestamp) {
        if let Err(error) = sweep(&self.database, now).await {
            tracing::warn!(%error, "responses that have come to their end cannot be deleted yet");
        }
    }
}

impl Behind {
    /// Gives for each change, in order, whether there was something to change.
    async fn try_write(&self, changes: &[Taken]) -> Result<Vec<bool>, StoreError> {
        let mut changed = Vec::with_capacity(changes.len());
        if changes.is_empty() {
            return Ok(changed);
        }
        let mut transaction = self.database.writing().await?;
        for Taken { name, change, .. } in changes {
            let done = match change {
                Change::Keep(response) => insert(&mut transaction, response).await,
                Change::Remove => remove(&mut transaction, name, self.clock.now()).await,
            };
            changed.push(done.map_err(unavailable)?.rows_affected() > 0);
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(changed)
    }
}

/// Of what its provider keeps too the name stays.
async fn remove(
    from: &mut SqliteConnection,
    (tenant, id): &Name,
    now: Timestamp,
) -> Result<SqliteQueryResult, sqlx::Error> {
    let emptied = query(EMPTY).bind(now.0).bind(tenant.as_str()).bind(&**id).bind(now.0);
    let emptied = emptied.execute(&mut *from).await?;
    if emptied.rows_affected() > 0 {
        return Ok(emptied);
    }
    query(REMOVE).bind(tenant.as_str()).bind(&**id).execute(from).await
}

async fn sweep(database: &Sqlite, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = database.writing().await?;
    for (forget, end) in [(EMPTY_ENDED, now), (SWEEP, now), (FORGET, forgotten(now))] {
        query(forget).bind(end.0).execute(&mut *transaction).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

async fn insert(
    to: &mut SqliteConnection,
    response: &StoredResponse,
) -> Result<SqliteQueryResult, sqlx::Error> {
    let making = response.making.as_ref();
    let entries = |making: &Making| serde_json::to_vec(&(&making.entries.request, &making.entries.attempts));
    let entries = making.map(entries).transpose().map_err(|error| sqlx::Error::Encode(error.into()))?;
    let done = query(INSERT)
        .bind(response.tenant.as_str())
        .bind(&*response.id)
        .bind(response.created.0)
        .bind(response.until.0)
        .bind(response.previous.as_deref())
        .bind(response.deployment.as_deref())
        .bind(response.native)
        .bind(&response.input[..])
        .bind(&response.body[..])
        .bind(making.map(|making| &*making.owner))
        .bind(making.map(|making| making.lease.0))
        .bind(entries)
        .execute(&mut *to)
        .await?;
    for item in response.items() {
        let insert = query(INSERT_ITEM).bind(response.tenant.as_str()).bind(item).bind(&*response.id);
        insert.execute(&mut *to).await?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
