//! The write path of ledger and log, whose cost every request pays: one transaction for a batch, statements prepared
//! once for it, values bound where they lie.
//!
//! It has a connection of its own through rusqlite, because sqlx copies each value to the heap and sends it to a thread: that
//! cost about 2 µs more per request. Both use the same SQLite library and wait for each other as processes do.

use std::path::Path;

use contract::ports::{AttemptEntry, Batch, RequestEntry};
use contract::words::UsageSource;
use rusqlite::{Connection, Error, OpenFlags, Result, Statement, ToSql, TransactionBehavior};

use super::decode::Detail;
use super::names::Names;
use super::{BUSY, CHECKPOINT_PAGES};

/// The connection that appends.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    names: Names,
}

const REQUEST: &str = "INSERT OR IGNORE INTO request_lines (id, at_us, caller, dialect, operation, model, deployment, \
     status, outcome, error, attempts, input_tokens, output_tokens, cost_nano_usd, ttft_us, duration_us, detail) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const ATTEMPT: &str = "INSERT OR IGNORE INTO ledger_lines (request, number, id, at_us, caller, model, target, outcome, \
     status, error, input_tokens, cached_tokens, cache_write_tokens, cache_write_long_tokens, audio_input_tokens, \
     output_tokens, reasoning_tokens, audio_output_tokens, usage_source, service_tier, cost_nano_usd, cost_kind, \
     first_byte_us, duration_us) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

impl Writer {
    /// Opens a database that exists and is migrated.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "OFF")?;
        // 8 MiB of pages: a whole batch fits, so that each page goes to the WAL once.
        connection.pragma_update(None, "cache_size", -8192)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        Ok(Self { connection, names: Names::default() })
    }

    /// Appends a batch; lines that are there already are left alone.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<()> {
        let done = append(&mut self.connection, &mut self.names, batch);
        if done.is_err() {
            self.names.forget();
        }
        done
    }
}

fn append(connection: &mut Connection, names: &mut Names, batch: &Batch) -> Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = tx.prepare(REQUEST)?;
        let mut detail = Vec::new();
        for entry in &batch.requests {
            let caller = names.caller(&tx, entry)?;
            detail.clear();
            serde_json::to_writer(&mut detail, &Detail::of(entry))
                .map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
            insert_request(&mut insert, entry, caller, &detail)?;
        }
        let mut insert = tx.prepare(ATTEMPT)?;
        for (request, entry) in &batch.attempts {
            let caller = names.caller(&tx, request)?;
            let target = names.target(&tx, entry)?;
            insert_attempt(&mut insert, (request, caller), (entry, target))?;
        }
    }
    tx.commit()
}

fn insert_request(
    insert: &mut Statement<'_>,
    entry: &RequestEntry,
    caller: i64,
    detail: &[u8],
) -> Result<()> {
    let mut row = Row { insert, column: 0 };
    row.put(&entry.id.bytes()[..])?;
    row.put(entry.at.0)?;
    row.put(caller)?;
    row.put(entry.dialect.as_str())?;
    row.put(entry.operation.as_str())?;
    row.put(entry.model.as_deref())?;
    row.put(entry.deployment.as_deref())?;
    row.put(entry.status)?;
    row.put(entry.outcome.as_str())?;
    row.put(entry.error.as_deref())?;
    row.put(entry.attempts)?;
    row.count(entry.usage.input_total())?;
    row.count(entry.usage.output_total())?;
    row.put(entry.cost.map(|cost| cost.0))?;
    row.count_if(entry.ttft_us)?;
    row.count(entry.duration_us)?;
    row.put(std::str::from_utf8(detail)?)?;
    row.insert.raw_execute().map(drop)
}

fn insert_attempt(
    insert: &mut Statement<'_>,
    (request, caller): (&RequestEntry, i64),
    (entry, target): (&AttemptEntry, i64),
) -> Result<()> {
    let usage = &entry.usage;
    let mut row = Row { insert, column: 0 };
    row.put(&request.id.bytes()[..])?;
    row.put(entry.number)?;
    row.put(&entry.id.bytes()[..])?;
    row.put(entry.at.0)?;
    row.put(caller)?;
    row.put(request.model.as_deref())?;
    row.put(target)?;
    row.put(entry.outcome.as_str())?;
    row.put(entry.status)?;
    row.put(entry.error.as_deref())?;
    for tokens in [usage.input, usage.cached, usage.cache_write, usage.cache_write_long, usage.audio_input] {
        row.count(tokens)?;
    }
    for tokens in [usage.output, usage.reasoning, usage.audio_output] {
        row.count(tokens)?;
    }
    row.put(source_word(entry.usage_source))?;
    row.put(entry.service_tier.as_deref())?;
    row.put(entry.cost.map(|cost| cost.0))?;
    row.put(entry.cost_kind.as_str())?;
    row.count_if(entry.first_byte_us)?;
    row.count(entry.duration_us)?;
    row.insert.raw_execute().map(drop)
}

/// Binds values from left to right.
struct Row<'a, 'c> {
    insert: &'a mut Statement<'c>,
    column: usize,
}

impl Row<'_, '_> {
    fn put(&mut self, value: impl ToSql) -> Result<()> {
        self.column += 1;
        self.insert.raw_bind_parameter(self.column, value)
    }

    fn count(&mut self, number: u64) -> Result<()> {
        self.put(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn count_if(&mut self, number: Option<u64>) -> Result<()> {
        self.put(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// The word for it in the database.
const fn source_word(source: UsageSource) -> &'static str {
    match source {
        UsageSource::None => "none",
        UsageSource::Reported => "reported",
        UsageSource::Estimated => "estimated",
    }
}
