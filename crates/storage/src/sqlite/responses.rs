//! Answers that clients may refer to: held in memory, written behind, read where memory has them no more.
//!
//! What is kept and what is removed goes through one queue, so that the database has it in the same order. An answer that is
//! kept while the queue is full is in memory alone, and said so in the log; a removal waits for its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use contract::ports::{Answer, Clock, ResponseStore, StoreError, StoredResponse, Tenant};
use contract::words::Timestamp;
use sqlx::sqlite::SqliteRow;
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

const INSERT: &str = "INSERT OR REPLACE INTO responses \
     (tenant, id, created_us, until_us, previous, deployment, native, input, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FIND: &str = "SELECT created_us, until_us, previous, deployment, native, input, body FROM responses \
     WHERE tenant = ? AND id = ? AND until_us > ?";
const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM responses WHERE id = ? AND until_us > ?)";

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
    Keep(Box<StoredResponse>),
    Remove(Tenant, String, oneshot::Sender<Result<bool, StoreError>>),
}

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

    async fn take(&self, tenant: &Tenant, id: &str) -> Result<bool, StoreError> {
        let gone = || StoreError::Unavailable("the database is closed".to_owned());
        let (done, answer) = oneshot::channel();
        let change = Change::Remove(tenant.clone(), id.to_owned(), done);
        self.queue.send(change).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
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
    })
}

impl ResponseStore for Responses {
    fn keep(&self, response: StoredResponse) {
        self.memory.hold(response.clone());
        let bytes = size(&response);
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let change = Change::Keep(Box::new(response));
        if waiting > WAITING_BYTES || self.queue.try_send(change).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            tracing::warn!("a response is kept in memory only: the database does not keep up");
        }
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

    fn remove<'a>(&'a self, tenant: &'a Tenant, id: &'a str) -> Answer<'a, Result<bool, StoreError>> {
        Answer::Later(Box::pin(async move {
            let held = self.memory.forget(tenant, id);
            Ok(self.take(tenant, id).await? || held)
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

    /// Writes a batch; who waits for a removal learns of it once it is durable.
    async fn write(&mut self, batch: &mut Vec<Change>) {
        if batch.is_empty() {
            return;
        }
        let written = self.try_write(batch).await;
        if let Err(error) = &written {
            tracing::warn!(%error, changes = batch.len(), "responses are kept in memory only");
        }
        let mut removed = written.map(Vec::into_iter);
        for change in batch.drain(..) {
            match change {
                Change::Keep(response) => {
                    self.waiting_bytes.fetch_sub(size(&response), Ordering::Relaxed);
                }
                Change::Remove(_, _, done) => {
                    let answer = match &mut removed {
                        Ok(removed) => Ok(removed.next().unwrap_or_default()),
                        Err(error) => Err(StoreError::Unavailable(error.to_string())),
                    };
                    // Nobody waits any more: it is done all the same.
                    done.send(answer).ok();
                }
            }
        }
    }

    async fn sweep(&mut self, now: Timestamp) {
        let delete = query("DELETE FROM responses WHERE until_us <= ?").bind(now.0);
        delete.execute(&self.database.writer).await.ok();
    }
}

impl Behind {
    /// Gives for each removal, in order, whether there was something to remove.
    async fn try_write(&self, batch: &[Change]) -> Result<Vec<bool>, StoreError> {
        let mut removed = Vec::new();
        let mut transaction = self.database.writing().await?;
        for change in batch {
            match change {
                Change::Keep(response) => insert(&mut transaction, response).await.map_err(unavailable)?,
                Change::Remove(tenant, id, _) => {
                    let delete = query("DELETE FROM responses WHERE tenant = ? AND id = ?");
                    let delete = delete.bind(tenant.as_str()).bind(id).execute(&mut *transaction).await;
                    removed.push(delete.map_err(unavailable)?.rows_affected() > 0);
                }
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(removed)
    }
}

async fn insert(to: &mut SqliteConnection, response: &StoredResponse) -> Result<(), sqlx::Error> {
    query(INSERT)
        .bind(response.tenant.as_str())
        .bind(&*response.id)
        .bind(response.created.0)
        .bind(response.until.0)
        .bind(response.previous.as_deref())
        .bind(response.deployment.as_deref())
        .bind(response.native)
        .bind(&response.input[..])
        .bind(&response.body[..])
        .execute(to)
        .await
        .map(|_| ())
}
