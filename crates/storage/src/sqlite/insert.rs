//! Many rows with few statements: the write path whose cost every request pays.
//!
//! A statement inserts fifty rows, or one for the rest of a batch; both are prepared once per connection. Rows that are there
//! already are left alone.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use contract::ports::{AttemptEntry, RequestEntry};
use contract::words::NanoUsd;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, query_with};

use super::decode::Detail;

/// A request with its caller's number.
pub(super) struct RequestRow<'a> {
    pub(super) entry: &'a RequestEntry,
    pub(super) caller: i64,
}

/// An attempt with the numbers of its caller and target.
pub(super) struct AttemptRow<'a> {
    pub(super) request: &'a RequestEntry,
    pub(super) entry: &'a AttemptEntry,
    pub(super) caller: i64,
    pub(super) target: i64,
}

/// What the statements need to know of a kind of row.
pub(super) trait Insert {
    /// The statements of its table.
    fn table() -> &'static Table;
    /// Adds the values in the order of the columns.
    fn bind(&self, values: &mut Values) -> Result<(), serde_json::Error>;
}

/// The prepared texts of one table.
pub(super) struct Table {
    columns: usize,
    one: Arc<str>,
    many: Arc<str>,
}

const MANY: usize = 50;

impl Table {
    fn new(name: &str, columns: &[&str]) -> Self {
        let head = format!("INSERT OR IGNORE INTO {name} ({}) VALUES ", columns.join(", "));
        let row = format!("({})", vec!["?"; columns.len()].join(", "));
        let mut many = head.clone();
        for at in 0..MANY {
            let comma = if at == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            write!(many, "{comma}{row}").ok();
        }
        Self { columns: columns.len(), one: format!("{head}{row}").into(), many: many.into() }
    }
}

static REQUESTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(
        "request_lines",
        &[
            "id", "at_us", "caller", "dialect", "operation", "model", "deployment", "status", "outcome",
            "error", "attempts", "input_tokens", "output_tokens", "cost_nano_usd", "ttft_us", "duration_us",
            "detail",
        ],
    )
});

static ATTEMPTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(
        "ledger_lines",
        &[
            "request", "number", "id", "at_us", "caller", "model", "target", "outcome", "status", "error",
            "input_tokens", "cached_tokens", "cache_write_tokens", "cache_write_long_tokens",
            "audio_input_tokens", "output_tokens", "reasoning_tokens", "audio_output_tokens", "usage_source",
            "service_tier", "cost_nano_usd", "cost_kind", "first_byte_us", "duration_us",
        ],
    )
});

/// Values on their way to a statement. The first that cannot be encoded is kept for [`Values::done`].
#[derive(Default)]
pub(super) struct Values {
    arguments: SqliteArguments,
    failed: Option<sqlx::Error>,
}

impl Values {
    fn add<'q, T>(&mut self, value: T)
    where
        T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        if let Err(error) = self.arguments.add(value) {
            self.failed = Some(sqlx::Error::Encode(error));
        }
    }

    fn count(&mut self, number: u64) {
        self.add(i64::try_from(number).unwrap_or(i64::MAX));
    }

    fn count_if(&mut self, number: Option<u64>) {
        self.add(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)));
    }

    fn text(&mut self, text: Option<&Arc<str>>) {
        self.add(text.map(Arc::clone));
    }

    fn money(&mut self, amount: Option<NanoUsd>) {
        self.add(amount.map(|amount| amount.0));
    }

    fn done(self) -> Result<SqliteArguments, sqlx::Error> {
        self.failed.map_or(Ok(self.arguments), Err)
    }
}

impl Insert for RequestRow<'_> {
    fn table() -> &'static Table {
        &REQUESTS
    }

    fn bind(&self, values: &mut Values) -> Result<(), serde_json::Error> {
        let entry = self.entry;
        values.add(&entry.id.bytes()[..]);
        values.add(entry.at.0);
        values.add(self.caller);
        values.add(entry.dialect.as_str());
        values.add(entry.operation.as_str());
        values.text(entry.model.as_ref());
        values.text(entry.deployment.as_ref());
        values.add(i64::from(entry.status));
        values.add(entry.outcome.as_str());
        values.text(entry.error.as_ref());
        values.add(i64::from(entry.attempts));
        values.count(entry.usage.input_total());
        values.count(entry.usage.output_total());
        values.money(entry.cost);
        values.count_if(entry.ttft_us);
        values.count(entry.duration_us);
        values.add(serde_json::to_string(&Detail::of(entry))?);
        Ok(())
    }
}

impl Insert for AttemptRow<'_> {
    fn table() -> &'static Table {
        &ATTEMPTS
    }

    fn bind(&self, values: &mut Values) -> Result<(), serde_json::Error> {
        let entry = self.entry;
        let usage = &entry.usage;
        values.add(&self.request.id.bytes()[..]);
        values.add(i64::from(entry.number));
        values.add(&entry.id.bytes()[..]);
        values.add(entry.at.0);
        values.add(self.caller);
        values.text(self.request.model.as_ref());
        values.add(self.target);
        values.add(entry.outcome.as_str());
        values.add(entry.status.map(i64::from));
        values.text(entry.error.as_ref());
        for tokens in [usage.input, usage.cached, usage.cache_write, usage.cache_write_long, usage.audio_input] {
            values.count(tokens);
        }
        for tokens in [usage.output, usage.reasoning, usage.audio_output] {
            values.count(tokens);
        }
        values.add(super::decode::source_word(entry.usage_source));
        values.text(entry.service_tier.as_ref());
        values.money(entry.cost);
        values.add(entry.cost_kind.as_str());
        values.count_if(entry.first_byte_us);
        values.count(entry.duration_us);
        Ok(())
    }
}

/// Inserts the rows.
pub(super) async fn insert<R: Insert>(tx: &mut SqliteConnection, rows: &[R]) -> Result<(), sqlx::Error> {
    let table = R::table();
    let (chunks, rest) = rows.as_chunks::<MANY>();
    for chunk in chunks {
        execute(tx, &table.many, table.columns, chunk).await?;
    }
    for row in rest {
        execute(tx, &table.one, table.columns, std::slice::from_ref(row)).await?;
    }
    Ok(())
}

async fn execute<R: Insert>(
    tx: &mut SqliteConnection,
    text: &Arc<str>,
    columns: usize,
    rows: &[R],
) -> Result<(), sqlx::Error> {
    let mut values = Values::default();
    values.arguments.reserve(rows.len() * columns, 0);
    for row in rows {
        row.bind(&mut values).map_err(|error| sqlx::Error::Encode(error.into()))?;
    }
    query_with(AssertSqlSafe(Arc::clone(text)), values.done()?).execute(tx).await.map(drop)
}
