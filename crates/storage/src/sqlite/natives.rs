//! Blocks of messages: held in memory, written behind, read where memory has them no more.
//!
//! A tenant has [`SHARE`] bytes in the database; what is kept beyond costs its oldest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use contract::ports::{Anchor, Answer, BoxFuture, Clock, KeptMessage, NativeBlocks, StoreError, Tenant};
use contract::words::Timestamp;
use sqlx::{QueryBuilder, Row, SqliteConnection, query, query_scalar};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Sqlite, behind, unavailable};
use crate::memory::MemoryNatives;

/// Messages that may wait to be written. What comes while so many wait is in memory alone.
const WAITING: usize = 1_000;
/// Bytes of messages that may wait to be written.
const WAITING_BYTES: usize = 64 << 20;
/// The most bytes of messages that are kept for one tenant.
const SHARE: u64 = 256 << 20;
/// Messages of a tenant that is beyond its share which are deleted at once.
const OLDEST: u32 = 64;
/// Anchors or messages that one statement asks for.
const ASKED: usize = 256;
/// The most bytes that one look reads.
const READ: u64 = 8 << 20;

const INSERT: &str = "INSERT INTO native_messages (tenant, bytes, until_us, body) VALUES (?, ?, ?, ?)";
const ANCHOR: &str = "INSERT OR REPLACE INTO native_anchors (tenant, anchor, message) VALUES (?, ?, ?)";
/// Whose anchors have all gone to others: the same turn was answered again.
const UNFOUND: &str = "DELETE FROM native_messages WHERE id = ? AND NOT EXISTS \
     (SELECT 1 FROM native_anchors WHERE message = native_messages.id) RETURNING bytes";
const HELD_BY: &str = "SELECT message FROM native_anchors WHERE tenant = ? AND anchor = ?";
const SUM: &str = "SELECT COALESCE(SUM(bytes), 0) FROM native_messages WHERE tenant = ?";
const FORGET_OLDEST: &str = "DELETE FROM native_messages WHERE id IN \
     (SELECT id FROM native_messages WHERE tenant = ? ORDER BY id LIMIT ?) RETURNING id, bytes";
const FORGET_ANCHORS: &str = "DELETE FROM native_anchors WHERE message = ?";
const SWEEP_ANCHORS: &str = "DELETE FROM native_anchors WHERE message IN \
     (SELECT id FROM native_messages WHERE until_us <= ?)";
const SWEEP_MESSAGES: &str = "DELETE FROM native_messages WHERE until_us <= ?";

/// The store.
#[derive(Debug)]
pub struct Natives {
    database: Sqlite,
    memory: MemoryNatives,
    queue: mpsc::Sender<KeptMessage>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// A message that is there, unread.
struct There {
    anchor: Anchor,
    message: i64,
    bytes: u64,
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
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let behind = Behind {
            database: database.clone(),
            waiting_bytes: Arc::clone(&waiting_bytes),
            held: HashMap::new(),
            failed: 0,
        };
        tasks.spawn(behind::run(behind, waiting, clock, stop));
        Arc::new(Self { database, memory: MemoryNatives::default(), queue, waiting_bytes })
    }

    /// The bodies behind these anchors, the first of them first, as many as one look reads.
    async fn read(
        &self,
        tenant: &Tenant,
        anchors: &[Anchor],
        now: Timestamp,
    ) -> Result<Vec<(Anchor, Bytes)>, sqlx::Error> {
        let mut there = HashMap::new();
        for asked in anchors.chunks(ASKED) {
            there
                .extend(self.there(tenant, asked, now).await?.into_iter().map(|there| (there.anchor, there)));
        }
        let (mut wanted, mut room) = (Vec::new(), READ);
        let mut messages = HashSet::new();
        for there in anchors.iter().filter_map(|anchor| there.remove(anchor)) {
            if messages.contains(&there.message) {
                wanted.push(there);
            } else if let Some(left) = room.checked_sub(there.bytes) {
                room = left;
                messages.insert(there.message);
                wanted.push(there);
            }
        }
        let messages: Vec<i64> = messages.into_iter().collect();
        let mut bodies = HashMap::new();
        for asked in messages.chunks(ASKED) {
            bodies.extend(self.bodies(asked).await?);
        }
        let found = |there: There| Some((there.anchor, bodies.get(&there.message)?.clone()));
        Ok(wanted.into_iter().filter_map(found).collect())
    }

    async fn there(
        &self,
        tenant: &Tenant,
        anchors: &[Anchor],
        now: Timestamp,
    ) -> Result<Vec<There>, sqlx::Error> {
        let mut select = QueryBuilder::new(
            "SELECT a.anchor, m.id, m.bytes FROM native_anchors AS a \
             JOIN native_messages AS m ON m.id = a.message WHERE a.tenant = ",
        );
        select.push_bind(tenant.as_str()).push(" AND m.until_us > ").push_bind(now.0);
        select.push(" AND a.anchor IN (");
        let mut listed = select.separated(", ");
        for anchor in anchors {
            listed.push_bind(&anchor[..]);
        }
        select.push(")");
        let rows = select.build().persistent(false).fetch_all(&self.database.reader).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let anchor = Anchor::try_from(row.try_get::<&[u8], _>(0).ok()?).ok()?;
            let bytes = u64::try_from(row.try_get::<i64, _>(2).ok()?).ok()?;
            Some(There { anchor, message: row.try_get(1).ok()?, bytes })
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    async fn bodies(&self, messages: &[i64]) -> Result<Vec<(i64, Bytes)>, sqlx::Error> {
        let mut select = QueryBuilder::new("SELECT id, body FROM native_messages WHERE id IN (");
        let mut listed = select.separated(", ");
        for message in messages {
            listed.push_bind(*message);
        }
        select.push(")");
        let rows = select.build().persistent(false).fetch_all(&self.database.reader).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<Vec<u8>, _>(1)?.into()))).collect()
    }
}

impl NativeBlocks for Natives {
    fn keep(&self, message: KeptMessage) {
        self.memory.keep(message.clone());
        let bytes = message.body.len();
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        // A full queue is a database that does not keep up: memory still has it.
        if waiting > WAITING_BYTES || self.queue.try_send(message).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            tracing::warn!("blocks of a message are kept in memory only: the database does not keep up");
        }
    }

    fn find<'a>(
        &'a self,
        tenant: &'a Tenant,
        anchors: &'a [Anchor],
        now: Timestamp,
    ) -> Answer<'a, Vec<(Anchor, Bytes)>> {
        let mut found = self.memory.at_hand(tenant, anchors, now);
        let known: HashSet<Anchor> = found.iter().map(|(anchor, _)| *anchor).collect();
        let missing: Vec<Anchor> =
            anchors.iter().filter(|anchor| !known.contains(*anchor)).copied().collect();
        if missing.is_empty() {
            return Answer::now(found);
        }
        let read: BoxFuture<'a, _> = Box::pin(async move {
            found.extend(self.read(tenant, &missing, now).await.unwrap_or_default());
            found
        });
        Answer::Later(read)
    }
}

/// What is done behind the queue.
struct Behind {
    database: Sqlite,
    waiting_bytes: Arc<AtomicUsize>,
    /// Bytes of tenants in the database, as far as they are known.
    held: HashMap<Tenant, u64>,
    /// How many of the first messages of the next batch failed before.
    failed: usize,
}

impl behind::Behind for Behind {
    type Item = KeptMessage;

    async fn write(&mut self, batch: &mut Vec<KeptMessage>) {
        // A database that is away for long costs what waited: it is a convenience, not an account.
        let over = match self.try_write(batch).await {
            Ok(()) => batch.len(),
            Err(error) => {
                self.held.clear();
                if self.failed > 0 {
                    let messages = self.failed;
                    tracing::warn!(%error, messages, "blocks of messages are kept in memory only");
                }
                self.failed
            }
        };
        let over = batch.drain(..over).map(|message| message.body.len()).sum();
        self.waiting_bytes.fetch_sub(over, Ordering::Relaxed);
        self.failed = batch.len();
    }

    async fn sweep(&mut self, now: Timestamp) {
        self.held.clear();
        if let Err(error) = sweep(&self.database, now).await {
            tracing::warn!(%error, "blocks of messages that have come to their end cannot be deleted yet");
        }
    }
}

impl Behind {
    async fn try_write(&mut self, messages: &[KeptMessage]) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.writing().await?;
        for message in messages {
            self.insert(&mut transaction, message).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn insert(&mut self, to: &mut SqliteConnection, message: &KeptMessage) -> Result<(), sqlx::Error> {
        let tenant = message.tenant.as_str();
        let mut held = match self.held.get(&message.tenant) {
            Some(held) => *held,
            None => {
                let sum: i64 = query_scalar(SUM).bind(tenant).fetch_one(&mut *to).await?;
                u64::try_from(sum).unwrap_or_default()
            }
        };
        let bytes = message.body.len() as u64;
        let insert = query(INSERT)
            .bind(tenant)
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .bind(message.until.0)
            .bind(&message.body[..]);
        let id = insert.execute(&mut *to).await?.last_insert_rowid();
        held += bytes;
        for anchor in &message.anchors {
            let before: Option<i64> =
                query_scalar(HELD_BY).bind(tenant).bind(&anchor[..]).fetch_optional(&mut *to).await?;
            query(ANCHOR).bind(tenant).bind(&anchor[..]).bind(id).execute(&mut *to).await?;
            if let Some(before) = before {
                let gone: Option<i64> = query_scalar(UNFOUND).bind(before).fetch_optional(&mut *to).await?;
                held = held.saturating_sub(u64::try_from(gone.unwrap_or_default()).unwrap_or_default());
            }
        }
        while held > SHARE {
            let gone = forget_oldest(to, tenant).await?;
            if gone == 0 {
                break;
            }
            held = held.saturating_sub(gone);
        }
        self.held.insert(message.tenant.clone(), held);
        Ok(())
    }
}

/// Deletes some of a tenant's messages; gives how many bytes they had.
async fn forget_oldest(to: &mut SqliteConnection, tenant: &str) -> Result<u64, sqlx::Error> {
    let gone = query(FORGET_OLDEST).bind(tenant).bind(OLDEST).fetch_all(&mut *to).await?;
    let mut bytes = 0;
    for row in gone {
        let (id, of): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        query(FORGET_ANCHORS).bind(id).execute(&mut *to).await?;
        bytes += u64::try_from(of).unwrap_or_default();
    }
    Ok(bytes)
}

async fn sweep(database: &Sqlite, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = database.writing().await?;
    for delete in [SWEEP_ANCHORS, SWEEP_MESSAGES] {
        query(delete).bind(now.0).execute(&mut *transaction).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use contract::words::Principal;

    use super::behind::Behind as _;
    use super::*;

    fn message(anchor: u8) -> KeptMessage {
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
        KeptMessage {
            tenant: Tenant::of(&principal),
            anchors: vec![[anchor; 16]],
            body: Bytes::from_static(b"body"),
            until: Timestamp(9),
        }
    }

    #[tokio::test]
    async fn what_a_locked_database_does_not_take_is_tried_once_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let database = Sqlite::open(&path).await.unwrap();
        query("PRAGMA busy_timeout = 0").execute(&database.writer).await.unwrap();
        let waiting_bytes = Arc::new(AtomicUsize::new(12));
        let mut behind = Behind {
            database: database.clone(),
            waiting_bytes: Arc::clone(&waiting_bytes),
            held: HashMap::new(),
            failed: 0,
        };
        let other = Sqlite::open(&path).await.unwrap();
        let lock = other.writing().await.unwrap();
        let mut batch = vec![message(1)];
        behind.write(&mut batch).await;
        batch.push(message(2));
        behind.write(&mut batch).await;
        // The first was tried twice, the second once.
        assert_eq!((batch.len(), batch[0].anchors[0], behind.failed), (1, [2; 16], 1));
        lock.rollback().await.unwrap();
        batch.push(message(3));
        behind.write(&mut batch).await;
        assert_eq!((batch.len(), behind.failed, waiting_bytes.load(Ordering::Relaxed)), (0, 0, 0));
        let there: Vec<Vec<u8>> = query_scalar("SELECT anchor FROM native_anchors ORDER BY anchor")
            .fetch_all(&database.reader)
            .await
            .unwrap();
        assert_eq!(there, [[2; 16], [3; 16]]);
    }
}
