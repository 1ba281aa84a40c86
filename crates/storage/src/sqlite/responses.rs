//! Answers that clients may refer to: held in memory, written behind, read where memory has them no more.
//!
//! What is kept and what is removed goes through one queue, so that the database has it in the same order. An answer that is
//! kept while the queue is full is in memory alone, and said so in the log; a removal waits for its turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::ports::{
    Answer, AttemptEntry, Clock, Entries, Holder, Making, RequestEntry, ResponseStore, StoreError,
    StoredResponse, Tenant,
};
use contract::words::Timestamp;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Row, SqliteConnection, query, query_scalar};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Sqlite, behind, unavailable};
use crate::memory::MemoryResponses;

/// Changes that may wait to be written.
const WAITING: usize = 1_000;
/// Bytes of answers that may wait to be written.
const WAITING_BYTES: usize = 64 << 20;

/// Answers that are claimed at once.
const CLAIMED: i64 = 100;

const INSERT: &str = "INSERT OR REPLACE INTO responses \
     (tenant, id, created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FIND: &str = "SELECT created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries \
     FROM responses WHERE tenant = ? AND id = ? AND until_us > ?";
const RENEW: &str = "UPDATE responses SET lease_us = ? WHERE owner = ?";
const IS_ANY_LEFT: &str = "SELECT EXISTS (SELECT 1 FROM responses WHERE owner IS NOT NULL AND lease_us <= ?)";
const CLAIM: &str = "UPDATE responses SET owner = ?, lease_us = ? WHERE rowid IN \
     (SELECT rowid FROM responses WHERE owner IS NOT NULL AND lease_us <= ? LIMIT ?) \
     RETURNING created_us, until_us, previous, deployment, native, input, body, owner, lease_us, entries, tenant, id";
const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM responses WHERE id = ? AND until_us > ?)";
const INSERT_ITEM: &str = "INSERT OR IGNORE INTO response_items (tenant, item, response) VALUES (?, ?, ?)";
/// Those of the tenant come last.
const HOLDERS: &str = "SELECT item, response, responses.tenant = ?1 AND until_us > ?3 AS own \
     FROM response_items JOIN responses ON responses.tenant = response_items.tenant AND responses.id = response \
     WHERE item IN (SELECT value FROM json_each(?2)) ORDER BY own, created_us";

/// The store.
#[derive(Debug)]
pub struct Responses {
    database: Sqlite,
    memory: MemoryResponses,
    queue: mpsc::Sender<Change>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// A change on its way to the database.
#[derive(Debug)]
enum Change {
    /// With who waits for it to be durable.
    Keep(Box<StoredResponse>, Option<Done>),
    Remove(Tenant, String, Done),
    Renew(Arc<str>, Timestamp, Done),
}

/// Learns what a change came to: whether it changed anything.
type Done = oneshot::Sender<Result<bool, StoreError>>;

impl Responses {
    /// The store of this database, with the task that writes.
    pub fn start(
        database: Sqlite,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let behind = Behind { database: database.clone(), waiting_bytes: Arc::clone(&waiting_bytes) };
        tasks.spawn(behind::run(behind, waiting, clock, stop));
        Arc::new(Self { database, memory: MemoryResponses::default(), queue, waiting_bytes })
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

    /// Waits until a change is durable.
    async fn done(&self, change: impl FnOnce(Done) -> Change) -> Result<bool, StoreError> {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (done, answer) = oneshot::channel();
        self.queue.send(change(done)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
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
        let claim = query(CLAIM).bind(owner).bind(lease.0).bind(now.0).bind(CLAIMED);
        let rows = claim.fetch_all(&self.database.writer).await.map_err(unavailable)?;
        let claimed = rows.iter().map(|row| {
            let tenant = Tenant::kept(row.try_get::<&str, _>(10)?);
            decode(&tenant, row.try_get(11)?, row)
        });
        let claimed: Vec<StoredResponse> = claimed.collect::<Result<_, _>>().map_err(unavailable)?;
        claimed.iter().for_each(|response| self.memory.hold(response.clone()));
        Ok(claimed)
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
        self.memory.hold(response.clone());
        let bytes = size(&response);
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let change = Change::Keep(Box::new(response), None);
        if waiting > WAITING_BYTES || self.queue.try_send(change).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            tracing::warn!("a response is kept in memory only: the database does not keep up");
        }
    }

    fn entrust(&self, response: StoredResponse) -> Answer<'_, Result<(), StoreError>> {
        self.memory.hold(response.clone());
        self.waiting_bytes.fetch_add(size(&response), Ordering::Relaxed);
        let change = |done| Change::Keep(Box::new(response), Some(done));
        Answer::Later(Box::pin(async move { self.done(change).await.map(|_| ()) }))
    }

    fn renew<'a>(&'a self, owner: &'a str, lease: Timestamp) -> Answer<'a, Result<(), StoreError>> {
        let change = move |done| Change::Renew(owner.into(), lease, done);
        Answer::Later(Box::pin(async move { self.done(change).await.map(|_| ()) }))
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
        match self.memory.at_hand(tenant, id, now) {
            Some(found) => Answer::now(Ok(Some(found))),
            None => Answer::Later(Box::pin(self.read(tenant, id, now))),
        }
    }

    fn is_known<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Result<bool, StoreError>> {
        if self.memory.has(id, now) {
            return Answer::now(Ok(true));
        }
        Answer::Later(Box::pin(async move {
            let known = query_scalar(IS_KNOWN).bind(id).bind(now.0);
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
            let held = self.memory.holding(tenant, items, now);
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
        Answer::Later(Box::pin(async move {
            let held = self.memory.forget(tenant, id);
            let change = |done| Change::Remove(tenant.clone(), id.to_owned(), done);
            Ok(self.done(change).await? || held)
        }))
    }
}

fn size(response: &StoredResponse) -> usize {
    response.input.len() + response.body.len()
}

/// What is done behind the queue.
struct Behind {
    database: Sqlite,
    waiting_bytes: Arc<AtomicUsize>,
}

impl behind::Behind for Behind {
    type Item = Change;

    /// Writes a batch; who waits for a change learns of it once it is durable.
    async fn write(&mut self, batch: &mut Vec<Change>) {
        if batch.is_empty() {
            return;
        }
        let written = self.try_write(batch).await;
        if let Err(error) = &written {
            tracing::warn!(%error, changes = batch.len(), "responses are kept in memory only");
        }
        let mut changed = written.map(Vec::into_iter);
        for change in batch.drain(..) {
            let answer = match &mut changed {
                Ok(changed) => Ok(changed.next().unwrap_or_default()),
                Err(error) => Err(StoreError::Unavailable(error.to_string())),
            };
            let done = match change {
                Change::Keep(response, done) => {
                    self.waiting_bytes.fetch_sub(size(&response), Ordering::Relaxed);
                    done
                }
                Change::Remove(.., done) | Change::Renew(.., done) => Some(done),
            };
            // Where nobody waits any more, it is done all the same.
            done.and_then(|done| done.send(answer).ok());
        }
    }

    async fn sweep(&mut self, now: Timestamp) {
        // What is not settled stays until it is.
        let delete = query("DELETE FROM responses WHERE until_us <= ? AND owner IS NULL").bind(now.0);
        if let Err(error) = delete.execute(&self.database.writer).await {
            tracing::warn!(%error, "responses that have come to their end cannot be deleted yet");
        }
    }
}

impl Behind {
    /// Gives for each change, in order, whether there was something to change.
    async fn try_write(&self, batch: &[Change]) -> Result<Vec<bool>, StoreError> {
        let mut changed = Vec::with_capacity(batch.len());
        let mut transaction = self.database.writing().await?;
        for change in batch {
            let done = match change {
                Change::Keep(response, _) => insert(&mut transaction, response).await,
                Change::Remove(tenant, id, _) => {
                    let delete = query("DELETE FROM responses WHERE tenant = ? AND id = ?");
                    delete.bind(tenant.as_str()).bind(id).execute(&mut *transaction).await
                }
                Change::Renew(owner, lease, _) => {
                    query(RENEW).bind(lease.0).bind(&**owner).execute(&mut *transaction).await
                }
            };
            changed.push(done.map_err(unavailable)?.rows_affected() > 0);
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(changed)
    }
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
