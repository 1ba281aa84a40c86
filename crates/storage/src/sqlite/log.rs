//! The request log, read back. Lines come in through [`super::Ledger`].
//!
//! Newest first means: by the id, which begins with the millisecond of arrival. A line comes when its request has ended, so
//! that of a long request may come to stand among lines that a reader has already paged past; the reader sees it when it
//! starts again from the newest. Pages never repeat or shift lines.

use std::time::Duration;

use contract::ports::{BoxFuture, LogFilter, LogStore, Outcome, Page, PageRequest, RequestEntry, StoreError};
use contract::words::{Id, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, query_scalar};

use super::words::Word;
use super::{Sqlite, decode, unavailable};
use crate::cursor::{self, Line, Position};

/// The clock may be set back by this much, and an id be made this much before its request is said to have arrived.
pub(super) const SLACK: Duration = Duration::from_secs(1);

/// The log store.
#[derive(Clone, Debug)]
pub struct Log(Sqlite);

impl Log {
    /// The request log of this database.
    #[must_use]
    pub const fn new(database: Sqlite) -> Self {
        Self(database)
    }

    async fn one(&self, id: Id) -> Result<Option<RequestEntry>, StoreError> {
        let mut sql = select();
        sql.push(" WHERE r.id = ").push_bind(id.bytes().to_vec());
        let row = sql.build().fetch_optional(&self.0.reader).await.map_err(unavailable)?;
        row.as_ref().map(decode::request).transpose()
    }

    async fn page(&self, filter: LogFilter, page: PageRequest) -> Result<Page<RequestEntry>, StoreError> {
        let after = page.cursor.as_deref().map(Position::decode).transpose()?;
        let limit = cursor::page_size(page.limit);
        let mut sql = select();
        sql.push(" WHERE 1");
        let from = filter.since.map(|since| first_id(before(since, SLACK)));
        let end = match after {
            Some(after) => Some(*after.request.bytes()),
            None => filter.until.map(|until| first_id(until.plus(SLACK))),
        };
        push_ids(&mut sql, "r.id", from, end);
        push_times(&mut sql, "r.at_us", (filter.since, filter.until));
        if let Some(key) = filter.key {
            let callers = callers_of(&self.0, key).await?;
            push_among(&mut sql, " AND r.caller", &callers);
        }
        if let Some(model) = filter.model {
            sql.push(" AND r.model = ").push_bind(model);
        }
        if let Some(status) = filter.status {
            sql.push(" AND r.status = ").push_bind(i64::from(status));
        }
        if let Some(outcome) = filter.outcome {
            // A word that is none of ours is that of no line.
            let number = decode::word::<Outcome>(&outcome).map_or(0, Word::number);
            sql.push(" AND r.outcome = ").push_bind(number);
        }
        sql.push(" ORDER BY r.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = sql.build().fetch_all(&self.0.reader).await.map_err(unavailable)?;
        page_of(&rows, limit, decode::request)
    }
}

fn select() -> QueryBuilder<sqlx::Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    // CROSS JOIN: lines are read in order until the page is full, whatever the planner thinks.
    sql.push(decode::REQUEST_COLUMNS)
        .push(" FROM request_lines AS r CROSS JOIN callers AS c ON c.id = r.caller");
    sql
}

/// The numbers under which a key's lines are kept: one, or more when the key was renamed.
pub(super) async fn callers_of(database: &Sqlite, key: Id) -> Result<Vec<i64>, StoreError> {
    query_scalar("SELECT id FROM callers WHERE key = ?")
        .bind(key.bytes().to_vec())
        .fetch_all(&database.reader)
        .await
        .map_err(unavailable)
}

/// One of these numbers. A single one is written as an equation, for which the index gives the order as well.
pub(super) fn push_among(sql: &mut QueryBuilder<sqlx::Sqlite>, column: &str, numbers: &[i64]) {
    if let [only] = numbers {
        sql.push(column).push(" = ").push_bind(*only);
        return;
    }
    sql.push(column).push(" IN (");
    let mut list = sql.separated(", ");
    for number in numbers {
        list.push_bind(*number);
    }
    sql.push(")");
}

/// The least id that something of this time may have.
pub(super) fn first_id(at: Timestamp) -> [u8; 16] {
    let millis = u64::try_from(at.0 / 1_000).unwrap_or_default();
    let mut id = [0; 16];
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    id
}

/// This much earlier.
pub(super) fn before(at: Timestamp, span: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}

/// Ids from one on and before another: the range that is read.
pub(super) fn push_ids(
    sql: &mut QueryBuilder<sqlx::Sqlite>,
    column: &str,
    from: Option<[u8; 16]>,
    end: Option<[u8; 16]>,
) {
    if let Some(from) = from {
        sql.push(" AND ").push(column).push(" >= ").push_bind(from.to_vec());
    }
    if let Some(end) = end {
        sql.push(" AND ").push(column).push(" < ").push_bind(end.to_vec());
    }
}

/// The exact time, of which an id has only the millisecond.
pub(super) fn push_times(
    sql: &mut QueryBuilder<sqlx::Sqlite>,
    column: &str,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
) {
    if let Some(since) = since {
        sql.push(" AND ").push(column).push(" >= ").push_bind(since.0);
    }
    if let Some(until) = until {
        sql.push(" AND ").push(column).push(" < ").push_bind(until.0);
    }
}

/// Rows, one more than the page shall have if there is one, to a page.
pub(super) fn page_of<T: Line>(
    rows: &[SqliteRow],
    limit: u32,
    decode: fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let shown = &rows[..rows.len().min(limit as usize)];
    let items: Vec<T> = shown.iter().map(decode).collect::<Result<_, _>>()?;
    let next = items.last().filter(|_| rows.len() > shown.len()).map(|last| last.position().encode());
    Ok(Page { items, next })
}

impl LogStore for Log {
    fn request(&self, id: Id) -> BoxFuture<'_, Result<Option<RequestEntry>, StoreError>> {
        Box::pin(self.one(id))
    }

    fn requests(
        &self,
        filter: LogFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<RequestEntry>, StoreError>> {
        Box::pin(self.page(filter, page))
    }
}
