//! Rows back to entries, and the JSON column of a request in both directions.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use contract::ports::{AttemptEntry, LedgerLine, RequestEntry, StoreError};
use contract::words::{Id, IdKind, NanoUsd, Timestamp, Usage};
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use crate::brief::Tokens;
use crate::json::Json;
use crate::words::Word;

/// What of a request is neither filtered nor summed. Old rows lack what was added later, so every field has a default.
#[derive(Deserialize)]
#[serde(default)]
struct Detail {
    user: Option<String>,
    tags: Vec<(String, String)>,
    client: IpAddr,
    stream: bool,
    detail: Option<String>,
    usage: Option<Tokens>,
    bytes_in: u64,
    bytes_out: u64,
    dropped: Vec<String>,
    trace_id: Option<String>,
    snapshot: u64,
    request_body: Option<String>,
    response_body: Option<String>,
}

impl Default for Detail {
    fn default() -> Self {
        Self {
            user: None,
            tags: Vec::new(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            stream: false,
            detail: None,
            usage: None,
            bytes_in: 0,
            bytes_out: 0,
            dropped: Vec::new(),
            trace_id: None,
            snapshot: 0,
            request_body: None,
            response_body: None,
        }
    }
}

/// Writes the `detail` of a request into `text`, replacing what is there.
pub(super) fn write_detail(text: &mut Vec<u8>, entry: &RequestEntry) {
    text.clear();
    let mut json = Json(text);
    json.address("{\"client\":", entry.client);
    json.text(",\"user\":", entry.user.as_deref());
    json.tags(",\"tags\":", &entry.tags);
    if entry.stream {
        json.raw(",\"stream\":true");
    }
    json.text(",\"detail\":", entry.detail.as_deref());
    // Tokens of the two usual kinds are in their columns.
    if entry.usage != plain(entry.usage.input_total(), entry.usage.output_total()) {
        json.usage(",\"usage\":", &entry.usage);
    }
    json.count_unless_zero(",\"bytes_in\":", entry.bytes_in);
    json.count_unless_zero(",\"bytes_out\":", entry.bytes_out);
    json.list(",\"dropped\":", &entry.dropped, |json, field| json.text("", Some(field)));
    json.text(",\"trace_id\":", entry.trace_id.as_deref());
    json.count_unless_zero(",\"snapshot\":", entry.snapshot);
    json.text(",\"request_body\":", entry.request_body.as_deref());
    json.text(",\"response_body\":", entry.response_body.as_deref());
    json.raw("}");
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
pub(super) const REQUEST_COLUMNS: &str = "r.id, r.at_us, r.dialect, r.operation, c.key, c.key_name, c.org, \
     c.team, c.app, r.model, r.deployment, r.status, r.outcome, r.error, r.attempts, r.input_tokens, r.output_tokens, \
     r.cost_nano_usd, r.ttft_us, r.duration_us, r.detail";

/// The columns that [`line`] reads.
pub(super) const LEDGER_COLUMNS: &str = "l.request, c.key, c.key_name, c.org, c.team, c.app, l.model, l.id, \
     l.at_us, l.number, t.deployment, t.provider, t.provider_kind, t.upstream_model, l.outcome, l.status, l.error, \
     l.input_tokens, l.output_tokens, l.usage, l.usage_source, l.service_tier, l.cost_nano_usd, l.cost_kind, \
     t.price_version, l.first_byte_us, l.duration_us";

/// A row of the request log.
pub(super) fn request(row: &SqliteRow) -> Result<RequestEntry, StoreError> {
    let row = Columns(row);
    let detail: Detail = serde_json::from_str(row.get("detail")?).map_err(broken)?;
    let usage = match detail.usage {
        Some(tokens) => tokens.into(),
        None => plain(row.number("input_tokens")?, row.number("output_tokens")?),
    };
    Ok(RequestEntry {
        id: row.id("id", IdKind::Request)?,
        at: Timestamp(row.get("at_us")?),
        dialect: word(row.get("dialect")?)?,
        operation: row.word("operation")?,
        key: row.key()?,
        key_name: row.text("key_name")?,
        org: row.text("org")?,
        team: row.text("team")?,
        app: row.text("app")?,
        user: detail.user,
        tags: detail.tags,
        client: detail.client,
        model: row.text("model")?,
        deployment: row.text("deployment")?,
        stream: detail.stream,
        status: row.number("status")?,
        outcome: row.word("outcome")?,
        error: row.text("error")?,
        detail: detail.detail,
        attempts: row.number("attempts")?,
        usage,
        cost: row.money("cost_nano_usd")?,
        ttft_us: row.number_if("ttft_us")?,
        duration_us: row.number("duration_us")?,
        bytes_in: detail.bytes_in,
        bytes_out: detail.bytes_out,
        dropped: detail.dropped,
        trace_id: detail.trace_id,
        snapshot: detail.snapshot,
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
            id: row.id("id", IdKind::Attempt)?,
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
