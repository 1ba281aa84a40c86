//! The request log, read back. Lines come in through [`super::Ledger`].
//!
//! Newest first means: by the id, which begins with the millisecond of arrival. A line comes when its request has ended, so
//! that of a long request may come to stand among lines that a reader has already paged past; the reader sees it when it
//! starts again from the newest. Pages never repeat or shift lines.

use std::time::Duration;

use contract::ports::{BoxFuture, LogFilter, LogStore, Outcome, Page, PageRequest, RequestEntry, StoreError};
use contract::words::{Id, Timestamp};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, decode, unavailable};
use crate::cursor::{self, Line, Position};
use crate::words::Word;

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
        let mut sql = REQUESTS.search(None);
        sql.push(" AND l.request = ").push_bind(id.bytes().to_vec());
        let row = sql.build().fetch_optional(&self.0.reader).await.map_err(unavailable)?;
        row.as_ref().map(decode::request).transpose()
    }

    async fn page(&self, filter: LogFilter, page: PageRequest) -> Result<Page<RequestEntry>, StoreError> {
        let after = page.cursor.as_deref().map(Position::decode).transpose()?;
        let limit = cursor::page_size(page.limit);
        let mut sql = REQUESTS.search(filter.key);
        let from = filter.since.map(|since| first_id(before(since, SLACK)));
        let end = match after {
            Some(after) => Some(*after.request.bytes()),
            None => filter.until.map(|until| first_id(until.plus(SLACK))),
        };
        REQUESTS.between(&mut sql, filter.key, (from, end));
        push_times(&mut sql, "l.arrived_us", (filter.since, filter.until));
        if let Some(model) = filter.model {
            sql.push(" AND l.model = ").push_bind(model);
        }
        if let Some(status) = filter.status {
            sql.push(" AND l.request_status = ").push_bind(i64::from(status));
        }
        if let Some(outcome) = filter.outcome {
            // A word that is none of ours is that of no line.
            let number = decode::word::<Outcome>(&outcome).map_or(0, Word::number);
            sql.push(" AND l.request_outcome = ").push_bind(number);
        }
        REQUESTS.newest(&mut sql, filter.key, limit);
        let rows = sql.build().fetch_all(&self.0.reader).await.map_err(unavailable)?;
        page_of(&rows, limit, decode::request)
    }
}

/// What is read of the lines.
pub(super) struct Lines {
    /// The columns.
    pub(super) columns: &'static str,
    /// The table and those it refers to. CROSS JOIN: lines are read in order until the page is full, whatever the planner
    /// thinks.
    pub(super) from: &'static str,
    /// Which lines there are.
    pub(super) kept: &'static str,
}

const REQUESTS: Lines = Lines {
    columns: decode::REQUEST_COLUMNS,
    from: "lines AS l CROSS JOIN callers AS c ON c.id = l.caller LEFT JOIN targets AS t ON t.id = l.target",
    kept: "l.request >= (SELECT request FROM log_start) AND l.dialect IS NOT NULL",
};

impl Lines {
    /// The beginning of a search, of one key's lines or of all: its `WHERE` can be added to.
    pub(super) fn search(&self, key: Option<Id>) -> QueryBuilder<sqlx::Sqlite> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(self.columns).push(" FROM ");
        let Some(key) = key else {
            sql.push(self.from).push(" WHERE ").push(self.kept);
            return sql;
        };
        sql.push("key_minutes AS m CROSS JOIN ").push(self.from).push(" WHERE ").push(self.kept);
        sql.push(" AND m.key = ").push_bind(key.bytes().to_vec());
        sql.push(" AND l.request >= m.first AND l.request < m.next");
        sql.push(" AND l.caller IN (SELECT id FROM callers WHERE key = ")
            .push_bind(key.bytes().to_vec())
            .push(")");
        sql
    }

    /// Ids from one on and before another: the range that is read.
    pub(super) fn between(
        &self,
        sql: &mut QueryBuilder<sqlx::Sqlite>,
        key: Option<Id>,
        (from, end): (Option<[u8; 16]>, Option<[u8; 16]>),
    ) {
        let mut bound = |column: &str, relation: &str, id: [u8; 16]| {
            sql.push(format_args!(" AND {column} {relation} ")).push_bind(id.to_vec());
        };
        if let Some(from) = from {
            bound("l.request", ">=", from);
        }
        if let Some(end) = end {
            bound("l.request", "<", end);
        }
        if key.is_none() {
            return;
        }
        if let Some(from) = from {
            bound("m.next", ">", from);
        }
        if let Some(end) = end {
            bound("m.first", "<", end);
        }
    }

    /// The end of a search: newest first, one line more than the page shall have.
    pub(super) fn newest(&self, sql: &mut QueryBuilder<sqlx::Sqlite>, key: Option<Id>, limit: u32) {
        let minutes = if key.is_some() { "m.first DESC, " } else { "" };
        sql.push(format_args!(" ORDER BY {minutes}l.request DESC, l.number DESC LIMIT "))
            .push_bind(i64::from(limit) + 1);
    }
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::ledger::ATTEMPTS;
    use super::*;

    /// The steps of a search as SQLite plans them.
    fn plan(lines: &Lines, key: Option<Id>) -> String {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(include_str!("../../migrations/sqlite/0001_foundation.sql")).unwrap();
        let mut sql = lines.search(key);
        lines.between(&mut sql, key, (Some([1; 16]), Some([2; 16])));
        lines.newest(&mut sql, key, 50);
        let mut statement = database.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.sql().as_str())).unwrap();
        let none = rusqlite::params_from_iter(std::iter::repeat_n(None::<i64>, statement.parameter_count()));
        let steps: Result<Vec<String>> =
            statement.query_map(none, |row| row.get("detail")).unwrap().collect();
        steps.unwrap().join("\n")
    }

    type Result<T> = std::result::Result<T, rusqlite::Error>;

    #[test]
    fn pages_are_read_in_order_and_stop_when_they_are_full() {
        let key = Some(Id::new(contract::words::IdKind::Key));
        for lines in [REQUESTS, ATTEMPTS] {
            for key in [None, key] {
                let plan = plan(&lines, key);
                let ordered =
                    plan.contains("SEARCH l USING PRIMARY KEY (request>") && !plan.contains("TEMP B-TREE");
                assert!(ordered, "{plan}");
                let minutes = plan.contains("SEARCH m USING PRIMARY KEY (key=? AND first<?)");
                assert_eq!(minutes, key.is_some(), "{plan}");
            }
        }
    }
}
