//! The ledger, and the way in for ledger and log: one transaction for a batch.

use std::sync::{Arc, PoisonError};

use contract::ports::{
    Batch, BoxFuture, LedgerFilter, LedgerLine, LedgerStore, Page, PageRequest, StoreError,
};
use sqlx::QueryBuilder;

use super::log::{callers_of, page_of, push_among, push_window};
use super::{Sqlite, decode, unavailable};
use crate::cursor::{self, Position};

/// The ledger store.
#[derive(Clone, Debug)]
pub struct Ledger {
    database: Sqlite,
}

impl Ledger {
    /// The ledger of this database.
    #[must_use]
    pub const fn new(database: Sqlite) -> Self {
        Self { database }
    }

    async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let writer = Arc::clone(&self.database.appender);
        let work = move || writer.lock().unwrap_or_else(PoisonError::into_inner).append(&batch);
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map_err(|error| StoreError::Unavailable(error.to_string())),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
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

impl LedgerStore for Ledger {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(batch))
    }

    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        Box::pin(self.page(filter, page))
    }
}
