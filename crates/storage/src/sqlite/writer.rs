//! The write path of ledger and log, whose cost every request pays: one transaction for a batch, statements that are kept
//! and insert many rows, in the order of the keys.
//!
//! It has a connection of its own through rusqlite, because sqlx copies each value to the heap and sends it to a thread: that
//! cost about 2 µs more per request. Both use the same SQLite library and wait for each other as processes do.

use std::net::IpAddr;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Result, Statement, ToSql, TransactionBehavior};

use super::names::Names;
use super::{BUSY, CHECKPOINT_PAGES, decode};
use crate::batch::Batch;
use crate::record::{Attempt, Record, Request, Text};

/// The connection that appends.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    names: Names,
    lines: Insert,
    /// Reused for the JSON columns.
    text: Vec<u8>,
}

const LINES: &str = "lines (request, number, caller, model, attempt, at_us, target, outcome, status, error, input_tokens, \
     output_tokens, usage, usage_source, service_tier, cost_nano_usd, cost_kind, first_byte_us, duration_us, arrived_us, \
     dialect, operation, client, stream, answered, attempts, request_status, request_outcome, request_error, input_total, \
     output_total, cost_total, ttft_us, total_us, bytes_in, bytes_out, snapshot, detail)";

/// Columns of an attempt, and of a request in the log.
const ATTEMPT: usize = 15;
const REQUEST: usize = 19;

/// Rows in one statement: starting a statement costs as much as a row.
const ROWS: usize = 10;

/// The two statements that insert: one for many rows, one for the rest. A line that is there stays; any other failure undoes
/// the batch (`OR ROLLBACK`), so that SQLite keeps no journal to undo one statement.
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
}

/// A line before its names have numbers: an attempt, and what the log keeps of the request if it is the last one.
struct Line<'a> {
    request: &'a Request<'a>,
    attempt: Option<&'a Attempt<'a>>,
    logged: bool,
}

/// The lines of a record. `logged`: it is not older than the log is kept.
fn lines<'a>(record: &'a Record<'a>, logged: bool) -> impl Iterator<Item = Line<'a>> {
    let Record { request, attempts } = record;
    let last = attempts.len().saturating_sub(1);
    let none = (attempts.is_empty() && logged).then_some(Line { request, attempt: None, logged });
    let each = attempts.iter().enumerate().map(move |(at, attempt)| Line {
        request,
        attempt: Some(attempt),
        logged: logged && at == last,
    });
    none.into_iter().chain(each)
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
        Ok(Self { connection, names: Names::default(), lines: Insert::into(LINES), text: Vec::new() })
    }

    /// Appends a batch; lines that are there already are left alone.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<()> {
        let done = self.transact(batch);
        if done.is_err() {
            self.names.forget();
        }
        done
    }

    fn transact(&mut self, batch: &Batch) -> Result<()> {
        let Self { connection, names, lines: insert, text } = self;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let log_start: Vec<u8> =
            tx.prepare_cached("SELECT request FROM log_start")?.query_row((), |row| row.get(0))?;
        // In the order of the keys: each line then goes beside the one before, most of them to the end of the table.
        for some in batch.by_id().chunks(ROWS) {
            let records: Vec<_> = some.iter().filter_map(|record| Record::read(record)).collect();
            let all: Vec<_> = records
                .iter()
                .flat_map(|record| lines(record, record.request.id[..] >= log_start[..]))
                .collect();
            let (tens, rest) = all.as_chunks::<ROWS>();
            let groups = tens.iter().map(|ten| (&insert.many, &ten[..]));
            for (statement, lines) in groups.chain(rest.chunks(1).map(|line| (&insert.one, line))) {
                let mut statement = tx.prepare_cached(statement)?;
                let mut row = Row { statement: &mut statement, column: 0 };
                for line in lines {
                    names.minute(&tx, line.request)?;
                    let target = line.attempt.map(|attempt| names.target(&tx, attempt)).transpose()?;
                    put(&mut row, line, (names.caller(&tx, line.request)?, target), text)?;
                }
                statement.raw_execute()?;
            }
        }
        tx.commit()
    }
}

fn put(
    row: &mut Row<'_, '_>,
    line: &Line<'_>,
    (caller, target): (i64, Option<i64>),
    text: &mut Vec<u8>,
) -> Result<()> {
    let Line { request, attempt, logged } = line;
    row.put(&request.id[..])?;
    row.put(attempt.map_or(0, |attempt| attempt.number))?;
    row.put(caller)?;
    row.put(request.model)?;
    match attempt {
        Some(attempt) => put_attempt(row, (attempt, target), text)?,
        None => row.nothing(ATTEMPT)?,
    }
    if *logged { put_request(row, request, *attempt, text) } else { row.nothing(REQUEST) }
}

fn put_attempt(
    row: &mut Row<'_, '_>,
    (attempt, target): (&Attempt<'_>, Option<i64>),
    text: &mut Vec<u8>,
) -> Result<()> {
    let usage = attempt.usage.usage();
    row.put(&attempt.id[..])?;
    row.put(attempt.at_us)?;
    row.put(target)?;
    row.put(attempt.outcome)?;
    row.put(attempt.status)?;
    row.put(attempt.error)?;
    row.count(usage.input)?;
    row.count(usage.output)?;
    row.text(decode::write_usage(text, &usage), text)?;
    row.put(attempt.usage_source)?;
    row.put(attempt.tier)?;
    row.put(attempt.cost)?;
    row.put(attempt.cost_kind)?;
    row.count_if(attempt.first_byte_us)?;
    row.count(attempt.duration_us)
}

fn put_request(
    row: &mut Row<'_, '_>,
    request: &Request<'_>,
    attempt: Option<&Attempt<'_>>,
    text: &mut Vec<u8>,
) -> Result<()> {
    let usage = request.usage.usage();
    let answered = request.deployment.is_some() && request.deployment == attempt.map(|last| last.deployment);
    row.put(request.at_us)?;
    row.put(request.dialect)?;
    row.put(request.operation)?;
    address(text, request.client);
    row.text(true, text)?;
    row.put(request.stream)?;
    row.put(answered)?;
    row.put(request.attempts)?;
    row.put(request.status)?;
    row.put(request.outcome)?;
    row.put(request.error)?;
    row.count(usage.input_total())?;
    row.count(usage.output_total())?;
    row.put(request.cost)?;
    row.count_if(request.ttft_us)?;
    row.count(request.duration_us)?;
    row.count(request.bytes_in)?;
    row.count(request.bytes_out)?;
    row.count(request.snapshot)?;
    row.text(decode::write_detail(text, request, answered), text)
}

/// Writes an address into `text`, replacing what is there.
fn address(text: &mut Vec<u8>, address: IpAddr) {
    text.clear();
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                text.extend_from_slice(if at == 0 { b"" } else { b"." });
                text.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => text.extend_from_slice(address.to_string().as_bytes()),
    }
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

    fn text(&mut self, there: bool, text: &[u8]) -> Result<()> {
        self.put(there.then_some(Text(text)))
    }

    fn nothing(&mut self, columns: usize) -> Result<()> {
        (0..columns).try_for_each(|_| self.put(None::<i64>))
    }

    fn count_if(&mut self, number: Option<u64>) -> Result<()> {
        self.put(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}
