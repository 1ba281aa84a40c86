//! Blocks of messages: held in memory, written behind, read where memory has them no more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{Anchor, Answer, BoxFuture, Clock, KeptMessage, NativeBlocks, StoreError, Tenant};
use contract::words::Timestamp;
use sqlx::{QueryBuilder, Row, query};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Sqlite, unavailable};
use crate::memory::MemoryNatives;

/// Messages that may wait to be written. What comes while so many wait is in memory alone.
const WAITING: usize = 1_000;
/// Messages written in one transaction.
const BATCH: usize = 100;
/// How often what has come to its end is deleted.
const SWEEP: Duration = Duration::from_secs(3_600);

/// The store.
#[derive(Debug)]
pub struct Natives {
    database: Sqlite,
    memory: MemoryNatives,
    queue: mpsc::Sender<KeptMessage>,
}

impl Natives {
    /// The store of this database, with the task that writes.
    pub fn start(
        database: Sqlite,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(WAITING);
        tasks.spawn(write_behind(database.clone(), waiting, clock, stop));
        Arc::new(Self { database, memory: MemoryNatives::default(), queue })
    }

    async fn read(&self, tenant: &Tenant, anchors: &[Anchor], now: Timestamp) -> Vec<(Anchor, Bytes)> {
        let mut found = Vec::new();
        for anchor in anchors {
            let row =
                query("SELECT body FROM native_blocks WHERE tenant = ? AND anchor = ? AND until_us > ?")
                    .bind(tenant.as_str())
                    .bind(&anchor[..])
                    .bind(now.0)
                    .fetch_optional(&self.database.reader)
                    .await;
            if let Ok(Some(body)) = row.map(|row| row.and_then(|row| row.try_get::<Vec<u8>, _>(0).ok())) {
                found.push((*anchor, body.into()));
            }
        }
        found
    }
}

impl NativeBlocks for Natives {
    fn keep(&self, message: KeptMessage) {
        self.memory.keep(message.clone());
        // A full queue is a database that does not keep up: memory still has it.
        self.queue.try_send(message).ok();
    }

    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        anchors: &'a [Anchor],
        now: Timestamp,
    ) -> Answer<'a, Vec<(Anchor, Bytes)>> {
        let mut found = self.memory.at_hand(tenant, anchors, now);
        let is_found = |anchor: &Anchor| found.iter().any(|(known, _)| known == anchor);
        let missing: Vec<Anchor> = anchors.iter().filter(|anchor| !is_found(anchor)).copied().collect();
        if missing.is_empty() {
            return Answer::now(found);
        }
        let read: BoxFuture<'a, _> = Box::pin(async move {
            found.extend(self.read(tenant, &missing, now).await);
            found
        });
        Answer::Later(read)
    }
}

/// Writes what is kept, and deletes what has come to its end; at the end writes what still waits.
async fn write_behind(
    database: Sqlite,
    mut waiting: mpsc::Receiver<KeptMessage>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut next_sweep = clock.now();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = stop.run_until_cancelled(waiting.recv_many(&mut batch, BATCH)).await;
        if received.is_none() {
            waiting.close();
            while let Ok(message) = waiting.try_recv() {
                batch.push(message);
            }
        }
        // A database that is away costs what waited: it is a convenience, not an account.
        write(&database, &batch).await.ok();
        batch.clear();
        if received.unwrap_or_default() == 0 {
            return;
        }
        let now = clock.now();
        if now >= next_sweep {
            next_sweep = now.plus(SWEEP);
            sweep(&database, now).await.ok();
        }
    }
}

async fn write(database: &Sqlite, messages: &[KeptMessage]) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut transaction = database.writer.begin().await.map_err(unavailable)?;
    for message in messages {
        let mut insert =
            QueryBuilder::new("INSERT OR REPLACE INTO native_blocks (tenant, anchor, body, until_us) ");
        insert.push_values(&message.anchors, |mut row, anchor| {
            row.push_bind(message.tenant.as_str());
            row.push_bind(&anchor[..]);
            row.push_bind(&message.body[..]);
            row.push_bind(message.until.0);
        });
        insert.build().execute(&mut *transaction).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

async fn sweep(database: &Sqlite, now: Timestamp) -> Result<(), StoreError> {
    let delete = query("DELETE FROM native_blocks WHERE until_us <= ?").bind(now.0);
    delete.execute(&database.writer).await.map(|_| ()).map_err(unavailable)
}
