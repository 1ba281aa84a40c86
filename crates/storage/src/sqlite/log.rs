//! The request log, read back. Lines come in through [`super::Ledger`].

use contract::ports::{BoxFuture, LogFilter, LogStore, Page, PageRequest, RequestEntry, StoreError};
use contract::words::{Id, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, query_scalar};

use super::{Sqlite, decode, unavailable};
use crate::cursor::{self, Position};

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
        push_window(&mut sql, "r", (filter.since, filter.until), after);
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
            sql.push(" AND r.outcome = ").push_bind(outcome);
        }
        sql.push(" ORDER BY r.at_us DESC, r.seq DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let rows = sql.build().fetch_all(&self.0.reader).await.map_err(unavailable)?;
        page_of(&rows, limit, decode::request)
    }
}

fn select() -> QueryBuilder<sqlx::Sqlite> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(decode::REQUEST_COLUMNS).push(" FROM request_lines AS r JOIN callers AS c ON c.id = r.caller");
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

/// The time window and the place where the page before ended.
pub(super) fn push_window(
    sql: &mut QueryBuilder<sqlx::Sqlite>,
    table: &str,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    after: Option<Position>,
) {
    if let Some(since) = since {
        sql.push(format_args!(" AND {table}.at_us >= ")).push_bind(since.0);
    }
    if let Some(until) = until {
        sql.push(format_args!(" AND {table}.at_us < ")).push_bind(until.0);
    }
    if let Some(after) = after {
        sql.push(format_args!(" AND ({table}.at_us, {table}.seq) < (")).push_bind(after.at);
        sql.push(", ").push_bind(after.seq).push(")");
    }
}

/// Rows, one more than the page shall have if there is one, to a page.
pub(super) fn page_of<T>(
    rows: &[SqliteRow],
    limit: u32,
    decode: fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let shown = &rows[..rows.len().min(limit as usize)];
    let items = shown.iter().map(decode).collect::<Result<_, _>>()?;
    let next = match shown.last() {
        Some(last) if rows.len() > shown.len() => {
            let at = last.try_get("at_us").map_err(unavailable)?;
            let seq = last.try_get("seq").map_err(unavailable)?;
            Some(Position { at, seq }.encode())
        }
        _ => None,
    };
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
