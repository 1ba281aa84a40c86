//! The ledger, and the way in for ledger and log: one transaction for a batch. For the order of pages see [`super::log`].

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::log::{Lines, SLACK, before, first_id, page_of, push_times};
use super::{Sqlite, decode, unavailable};
use crate::batch::{Batch, Sink};
use crate::cursor::{self, Position};
use contract::ports::{BoxFuture, LedgerFilter, LedgerLine, LedgerStore, Page, PageRequest, StoreError};

/// An attempt begins this long after its request arrived at the latest. Lines are in the order in which requests arrived,
/// and the search for those of a time begins this much before it.
const LATEST_ATTEMPT: Duration = Duration::from_secs(3_600);

pub(super) const ATTEMPTS: Lines = Lines {
    columns: decode::LEDGER_COLUMNS,
    from: "lines AS l CROSS JOIN callers AS c ON c.id = l.caller CROSS JOIN targets AS t ON t.id = l.target",
    kept: "1",
};

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
        let mut sql = ATTEMPTS.search(filter.key);
        let from = filter.since.map(|since| first_id(before(since, LATEST_ATTEMPT)));
        // No attempt is older than its request.
        let until = filter.until.map(|until| first_id(until.plus(SLACK)));
        ATTEMPTS.between(&mut sql, filter.key, (from, until.filter(|_| after.is_none())));
        if let Some(Position { request, number }) = after {
            sql.push(" AND (l.request, l.number) < (").push_bind(request.bytes().to_vec());
            sql.push(", ").push_bind(number).push(")");
        }
        push_times(&mut sql, "l.at_us", (filter.since, filter.until));
        if let Some(request) = filter.request {
            sql.push(" AND l.request = ").push_bind(request.bytes().to_vec());
        }
        if let Some(provider) = filter.provider {
            sql.push(" AND t.provider = ").push_bind(provider);
        }
        if let Some(deployment) = filter.deployment {
            sql.push(" AND t.deployment = ").push_bind(deployment);
        }
        ATTEMPTS.newest(&mut sql, filter.key, limit);
        let rows = sql.build().fetch_all(&self.database.reader).await.map_err(unavailable)?;
        page_of(&rows, limit, decode::line)
    }
}

impl Sink for Ledger {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.write(batch))
    }
}

impl LedgerStore for Ledger {
    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        Box::pin(self.page(filter, page))
    }
}
