//! The ledger, and the way in for ledger and log: one transaction for a batch.

use std::sync::Arc;

use contract::ports::{Batch, BoxFuture, LedgerFilter, LedgerLine, LedgerStore, Page, PageRequest, StoreError};
use sqlx::sqlite::SqliteConnection;
use sqlx::QueryBuilder;
use tokio::sync::Mutex;

use super::insert::{AttemptRow, RequestRow, insert};
use super::log::{callers_of, page_of, push_among, push_window};
use super::names::Names;
use super::{Sqlite, decode, unavailable};
use crate::cursor::{self, Position};

/// The ledger store.
#[derive(Clone, Debug)]
pub struct Ledger {
    database: Sqlite,
    names: Arc<Mutex<Names>>,
}

impl Ledger {
    /// The ledger of this database.
    #[must_use]
    pub fn new(database: Sqlite) -> Self {
        Self { database, names: Arc::default() }
    }

    async fn write(&self, batch: &Batch) -> Result<(), sqlx::Error> {
        let mut names = self.names.lock().await;
        let mut tx = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Another process cannot take numbers away, so those given out before this transaction stay true whatever happens
        // to it; those given out inside it do not.
        let done = match insert_all(&mut tx, &mut names, batch).await {
            Ok(()) => tx.commit().await,
            failed => failed,
        };
        if done.is_err() {
            names.forget();
        }
        done
    }

    async fn page(&self, filter: LedgerFilter, page: PageRequest) -> Result<Page<LedgerLine>, StoreError> {
        let after = page.cursor.as_deref().map(Position::decode).transpose()?;
        let limit = cursor::page_size(page.limit);
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(decode::LEDGER_COLUMNS).push(
            " FROM ledger_lines AS l JOIN callers AS c ON c.id = l.caller JOIN targets AS t ON t.id = l.target \
             WHERE 1",
        );
        push_window(&mut sql, "l", (filter.since, filter.until), after);
        if let Some(key) = filter.key {
            let callers = callers_of(&self.database, key).await?;
            push_among(&mut sql, " AND l.caller", &callers);
        }
        if let Some(request) = filter.request {
            sql.push(" AND l.request = ").push_bind(request.bytes().to_vec());
        }
        if let Some(provider) = filter.provider {
            sql.push(" AND t.provider = ").push_bind(provider);
        }
        if let Some(deployment) = filter.deployment {
            sql.push(" AND t.deployment = ").push_bind(deployment);
        }
        sql.push(" ORDER BY l.at_us DESC, l.seq DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = sql.build().fetch_all(&self.database.reader).await.map_err(unavailable)?;
        page_of(&rows, limit, decode::line)
    }
}

async fn insert_all(tx: &mut SqliteConnection, names: &mut Names, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut requests = Vec::with_capacity(batch.requests.len());
    for entry in &batch.requests {
        requests.push(RequestRow { entry, caller: names.caller(tx, entry).await? });
    }
    insert(tx, &requests).await?;
    let mut attempts = Vec::with_capacity(batch.attempts.len());
    for (request, entry) in &batch.attempts {
        let caller = names.caller(tx, request).await?;
        let target = names.target(tx, entry).await?;
        attempts.push(AttemptRow { request, entry, caller, target });
    }
    insert(tx, &attempts).await
}

impl LedgerStore for Ledger {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.write(&batch).await.map_err(unavailable) })
    }

    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        Box::pin(self.page(filter, page))
    }
}
