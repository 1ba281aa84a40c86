//! Rows back to entries, and the JSON column of a request in both directions.

use std::sync::Arc;

use contract::canon::Dropped;
use contract::ports::{AttemptEntry, LedgerLine, RequestEntry, StoreError};
use contract::words::{Id, IdKind, NanoUsd, Timestamp, Usage};
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use crate::brief::Tokens;
use crate::json::Json;
use crate::record::Request;
use crate::words::Word;

/// What few requests have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    user: Option<String>,
    tags: Vec<(String, String)>,
    deployment: Option<Arc<str>>,
    detail: Option<String>,
    usage: Option<Tokens>,
    dropped: Vec<(String, String)>,
    trace_id: Option<String>,
    request_body: Option<String>,
    response_body: Option<String>,
}

/// Writes the `detail` of a request into `text`, replacing what is there; false if there is nothing to write. `answered`: the
/// line says who answered.
pub(super) fn write_detail(text: &mut Vec<u8>, request: &Request<'_>, answered: bool) -> bool {
    text.clear();
    let mut json = Json(text);
    json.text(",\"user\":", request.user);
    json.tags(",\"tags\":", &request.tags);
    json.text(",\"deployment\":", request.deployment.filter(|_| !answered));
    json.text(",\"detail\":", request.detail);
    // Tokens of the two usual kinds are in their columns.
    let usage = request.usage.usage();
    if usage != plain(usage.input_total(), usage.output_total()) {
        json.usage(",\"usage\":", &usage);
    }
    json.tags(",\"dropped\":", &request.dropped);
    json.text(",\"trace_id\":", request.trace_id);
    json.text(",\"request_body\":", request.request_body);
    json.text(",\"response_body\":", request.response_body);
    let Some(first) = text.first_mut() else { return false };
    *first = b'{';
    text.push(b'}');
    true
}

/// Writes all figures of a usage, if there are others than plain input and output; says whether.
pub(super) fn write_usage(text: &mut Vec<u8>, usage: &Usage) -> bool {
    text.clear();
    if *usage == plain(usage.input, usage.output) {
        return false;
    }
    Json(text).usage("", usage);
    true
}

fn plain(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

/// The columns that [`request`] reads.
pub(super) const REQUEST_COLUMNS: &str = "l.request, c.key, c.key_name, c.org, c.team, c.app, l.model, t.deployment, \
     l.arrived_us, l.dialect, l.operation, l.client, l.stream, l.answered, l.attempts, l.request_status, \
     l.request_outcome, l.request_error, l.input_total, l.output_total, l.cost_total, l.ttft_us, l.total_us, l.bytes_in, \
     l.bytes_out, l.snapshot, l.detail";

/// The columns that [`line`] reads.
pub(super) const LEDGER_COLUMNS: &str = "l.request, c.key, c.key_name, c.org, c.team, c.app, l.model, l.attempt, \
     l.at_us, l.number, t.deployment, t.provider, t.provider_kind, t.upstream_model, l.outcome, l.status, l.error, \
     l.input_tokens, l.output_tokens, l.usage, l.usage_source, l.service_tier, l.cost_nano_usd, l.cost_kind, \
     t.price_version, l.first_byte_us, l.duration_us";

fn lost((field, reason): (String, String)) -> Dropped {
    Dropped { field: field.into(), reason: reason.into() }
}

/// A row of the request log.
pub(super) fn request(row: &SqliteRow) -> Result<RequestEntry, StoreError> {
    let row = Columns(row);
    let detail: Option<&str> = row.get("detail")?;
    let detail: Detail = detail.map(serde_json::from_str).transpose().map_err(broken)?.unwrap_or_default();
    let usage = match detail.usage {
        Some(tokens) => tokens.into(),
        None => plain(row.number("input_total")?, row.number("output_total")?),
    };
    Ok(RequestEntry {
        id: row.id("request", IdKind::Request)?,
        at: Timestamp(row.get("arrived_us")?),
        dialect: row.word("dialect")?,
        operation: row.word("operation")?,
        key: row.key()?,
        key_name: row.text("key_name")?,
        org: row.text("org")?,
        team: row.text("team")?,
        app: row.text("app")?,
        user: detail.user,
        tags: detail.tags,
        client: row.get::<&str>("client")?.parse().map_err(broken)?,
        model: row.text("model")?,
        deployment: if row.get("answered")? { row.text("deployment")? } else { detail.deployment },
        stream: row.get("stream")?,
        status: row.number("request_status")?,
        outcome: row.word("request_outcome")?,
        error: row.text("request_error")?,
        detail: detail.detail,
        attempts: row.number("attempts")?,
        usage,
        cost: row.money("cost_total")?,
        ttft_us: row.number_if("ttft_us")?,
        duration_us: row.number("total_us")?,
        bytes_in: row.number("bytes_in")?,
        bytes_out: row.number("bytes_out")?,
        dropped: detail.dropped.into_iter().map(lost).collect(),
        trace_id: detail.trace_id,
        snapshot: row.number("snapshot")?,
        request_body: detail.request_body,
        response_body: detail.response_body,
    })
}

/// A row of the ledger.
pub(super) fn line(row: &SqliteRow) -> Result<LedgerLine, StoreError> {
    let row = Columns(row);
    Ok(LedgerLine {
        request: row.id("request", IdKind::Request)?,
        key: row.key()?,
        key_name: row.text("key_name")?,
        org: row.text("org")?,
        team: row.text("team")?,
        app: row.text("app")?,
        model: row.text("model")?,
        attempt: AttemptEntry {
            id: row.id("attempt", IdKind::Attempt)?,
            at: Timestamp(row.get("at_us")?),
            number: row.number("number")?,
            deployment: row.get::<String>("deployment")?.into(),
            provider: row.get::<String>("provider")?.into(),
            provider_kind: row.get::<String>("provider_kind")?.into(),
            upstream_model: row.get::<String>("upstream_model")?.into(),
            outcome: row.word("outcome")?,
            status: row.number_if("status")?,
            error: row.text("error")?,
            usage: row.usage()?,
            usage_source: row.word("usage_source")?,
            service_tier: row.text("service_tier")?,
            cost: row.money("cost_nano_usd")?,
            cost_kind: row.word("cost_kind")?,
            price_version: row.text("price_version")?,
            first_byte_us: row.number_if("first_byte_us")?,
            duration_us: row.number("duration_us")?,
        },
    })
}

fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("a stored row cannot be read: {error}"))
}

/// A word of the contract from its text.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    let from: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(from).map_err(broken)
}

/// Typed access to the columns of a row.
struct Columns<'a>(&'a SqliteRow);

impl<'a> Columns<'a> {
    fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: Decode<'a, Sqlite> + Type<Sqlite>,
    {
        self.0.try_get(column).map_err(broken)
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.get(column)?).map_err(|_| broken(column))
    }

    fn number_if<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let number: Option<i64> = self.get(column)?;
        number.map(|number| T::try_from(number).map_err(|_| broken(column))).transpose()
    }

    fn text(&self, column: &str) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.get::<Option<String>>(column)?.map(Arc::from))
    }

    fn word<T: Word>(&self, column: &str) -> Result<T, StoreError> {
        T::of(self.get(column)?).ok_or_else(|| broken(column))
    }

    fn money(&self, column: &str) -> Result<Option<NanoUsd>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(NanoUsd))
    }

    fn id(&self, column: &str, kind: IdKind) -> Result<Id, StoreError> {
        id(self.get(column)?, kind)
    }

    fn key(&self) -> Result<Option<Id>, StoreError> {
        self.get::<Option<&[u8]>>("key")?.map(|bytes| id(bytes, IdKind::Key)).transpose()
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        match self.get::<Option<&str>>("usage")? {
            Some(all) => serde_json::from_str::<Tokens>(all).map(Into::into).map_err(broken),
            None => Ok(plain(self.number("input_tokens")?, self.number("output_tokens")?)),
        }
    }
}

fn id(bytes: &[u8], kind: IdKind) -> Result<Id, StoreError> {
    bytes.try_into().map(|bytes| Id::from_parts(kind, bytes)).map_err(broken)
}
