//! The write path of ledger and log, whose cost every request pays: one transaction for a batch, statements that are kept
//! and insert many rows, in the order of the keys.
//!
//! It has a connection of its own through rusqlite, because sqlx copies each value to the heap and sends it to a thread: that
//! cost about 2 µs more per request. Both use the same SQLite library and wait for each other as processes do.

use std::path::Path;
use std::sync::Arc;

use contract::ports::{AttemptEntry, Entries, RequestEntry};
use rusqlite::{Connection, OpenFlags, Result, Statement, ToSql, TransactionBehavior};

use super::names::Names;
use super::{BUSY, CHECKPOINT_PAGES, decode};
use crate::words::Word;

/// The connection that appends.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    names: Names,
    requests: Insert,
    attempts: Insert,
}

const REQUESTS: &str = "request_lines (id, at_us, caller, dialect, operation, model, deployment, status, outcome, \
     error, attempts, input_tokens, output_tokens, cost_nano_usd, ttft_us, duration_us, detail)";

const ATTEMPTS: &str = "ledger_lines (request, number, id, at_us, caller, model, target, outcome, status, error, \
     input_tokens, output_tokens, usage, usage_source, service_tier, cost_nano_usd, cost_kind, first_byte_us, \
     duration_us)";

/// Rows in one statement: starting a statement costs as much as a row.
const ROWS: usize = 10;

/// The two statements that insert into a table: one for many rows, one for the rest. A line that is there stays; any other
/// failure undoes the batch (`OR ROLLBACK`), so that SQLite keeps no journal to undo one statement.
#[derive(Debug)]
struct Insert {
    many: String,
    one: String,
}

impl Insert {
    /// Into a table, named with its columns.
    fn into(table: &str) -> Self {
        let columns = table.split(',').count();
        let row = format!("({})", vec!["?"; columns].join(", "));
        let statement = |rows: usize| {
            format!(
                "INSERT OR ROLLBACK INTO {table} VALUES {} ON CONFLICT DO NOTHING",
                vec![row.as_str(); rows].join(", ")
            )
        };
        Self { many: statement(ROWS), one: statement(1) }
    }

    fn all<T>(
        &self,
        tx: &Connection,
        rows: &[T],
        mut put: impl FnMut(&mut Row<'_, '_>, &T) -> Result<()>,
    ) -> Result<()> {
        let mut statement = tx.prepare_cached(&self.many)?;
        let (groups, rest) = rows.as_chunks::<ROWS>();
        for group in groups {
            insert(&mut statement, group, &mut put)?;
        }
        let mut statement = tx.prepare_cached(&self.one)?;
        for row in rest {
            insert(&mut statement, std::slice::from_ref(row), &mut put)?;
        }
        Ok(())
    }
}

fn insert<T>(
    statement: &mut Statement<'_>,
    rows: &[T],
    put: &mut impl FnMut(&mut Row<'_, '_>, &T) -> Result<()>,
) -> Result<()> {
    let mut row = Row { statement, column: 0 };
    for one in rows {
        put(&mut row, one)?;
    }
    row.statement.raw_execute().map(drop)
}

impl Writer {
    /// Opens a database that exists and is migrated.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "OFF")?;
        // 2 MiB of pages: a whole batch fits, so that each page goes to the WAL once.
        connection.pragma_update(None, "cache_size", -2048)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let (requests, attempts) = (Insert::into(REQUESTS), Insert::into(ATTEMPTS));
        Ok(Self { connection, names: Names::default(), requests, attempts })
    }

    /// Appends a batch; lines that are there already are left alone.
    pub(super) fn append(&mut self, batch: &[Arc<Entries>]) -> Result<()> {
        let done = self.transact(batch);
        if done.is_err() {
            self.names.forget();
        }
        done
    }

    fn transact(&mut self, batch: &[Arc<Entries>]) -> Result<()> {
        // In the order of the keys: each line then goes beside the one before, most of them to the end of the table.
        let mut requests: Vec<_> = batch.iter().map(|entries| (key(&entries.request), &**entries)).collect();
        requests.sort_unstable_by_key(|(key, _)| *key);
        let attempts: Vec<_> = requests
            .iter()
            .flat_map(|(_, entries)| entries.attempts.iter().map(|attempt| (&entries.request, attempt)))
            .collect();

        let names = &mut self.names;
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut detail = Vec::new();
        self.requests.all(&tx, &requests, |row, (_, Entries { request, .. })| {
            decode::write_detail(&mut detail, request);
            names.minute(&tx, request)?;
            put_request(row, request, names.caller(&tx, request)?, &detail)
        })?;
        self.attempts.all(&tx, &attempts, |row, (request, attempt)| {
            let (caller, target) = (names.caller(&tx, request)?, names.target(&tx, attempt)?);
            let usage = decode::write_usage(&mut detail, &attempt.usage).then_some(&detail[..]);
            put_attempt(row, (request, caller), (attempt, target), usage)
        })?;
        tx.commit()
    }
}

/// The id as a number, which compares faster.
fn key(entry: &RequestEntry) -> u128 {
    u128::from_be_bytes(*entry.id.bytes())
}

fn put_request(row: &mut Row<'_, '_>, entry: &RequestEntry, caller: i64, detail: &[u8]) -> Result<()> {
    row.put(&entry.id.bytes()[..])?;
    row.put(entry.at.0)?;
    row.put(caller)?;
    row.put(entry.dialect.as_str())?;
    row.put(entry.operation.number())?;
    row.put(entry.model.as_deref())?;
    row.put(entry.deployment.as_deref())?;
    row.put(entry.status)?;
    row.put(entry.outcome.number())?;
    row.put(entry.error.as_deref())?;
    row.put(entry.attempts)?;
    row.count(entry.usage.input_total())?;
    row.count(entry.usage.output_total())?;
    row.put(entry.cost.map(|cost| cost.0))?;
    row.count_if(entry.ttft_us)?;
    row.count(entry.duration_us)?;
    row.put(std::str::from_utf8(detail)?)
}

fn put_attempt(
    row: &mut Row<'_, '_>,
    (request, caller): (&RequestEntry, i64),
    (entry, target): (&AttemptEntry, i64),
    usage: Option<&[u8]>,
) -> Result<()> {
    row.put(&request.id.bytes()[..])?;
    row.put(entry.number)?;
    row.put(&entry.id.bytes()[..])?;
    row.put(entry.at.0)?;
    row.put(caller)?;
    row.put(request.model.as_deref())?;
    row.put(target)?;
    row.put(entry.outcome.number())?;
    row.put(entry.status)?;
    row.put(entry.error.as_deref())?;
    row.count(entry.usage.input)?;
    row.count(entry.usage.output)?;
    row.put(usage.map(std::str::from_utf8).transpose()?)?;
    row.put(entry.usage_source.number())?;
    row.put(entry.service_tier.as_deref())?;
    row.put(entry.cost.map(|cost| cost.0))?;
    row.put(entry.cost_kind.number())?;
    row.count_if(entry.first_byte_us)?;
    row.count(entry.duration_us)
}

/// Binds values from left to right.
struct Row<'a, 'c> {
    statement: &'a mut Statement<'c>,
    column: usize,
}

impl Row<'_, '_> {
    fn put(&mut self, value: impl ToSql) -> Result<()> {
        self.column += 1;
        self.statement.raw_bind_parameter(self.column, value)
    }

    fn count(&mut self, number: u64) -> Result<()> {
        self.put(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn count_if(&mut self, number: Option<u64>) -> Result<()> {
        self.put(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}
