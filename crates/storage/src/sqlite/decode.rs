//! Rows back to entries, and the JSON column of a request.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use contract::ports::{AttemptEntry, LedgerLine, RequestEntry, StoreError};
use contract::words::{Id, IdKind, NanoUsd, Timestamp, Usage};
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use crate::brief::{Tokens, is_false};

/// What of a request is neither filtered nor summed. Old rows lack what was added later, so every field has a default.
#[derive(Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Detail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: Cow<'a, [(String, String)]>,
    client: IpAddr,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Tokens::is_empty")]
    usage: Tokens,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dropped: Cow<'a, [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<Cow<'a, str>>,
    snapshot: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<Cow<'a, str>>,
}

impl Default for Detail<'_> {
    fn default() -> Self {
        Self {
            user: None,
            tags: Cow::default(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            stream: false,
            detail: None,
            usage: Tokens::default(),
            bytes_in: 0,
            bytes_out: 0,
            dropped: Cow::default(),
            trace_id: None,
            snapshot: 0,
            request_body: None,
            response_body: None,
        }
    }
}

impl<'a> Detail<'a> {
    pub(super) fn of(entry: &'a RequestEntry) -> Self {
        Self {
            user: entry.user.as_deref().map(Cow::Borrowed),
            tags: Cow::Borrowed(&entry.tags),
            client: entry.client,
            stream: entry.stream,
            detail: entry.detail.as_deref().map(Cow::Borrowed),
            usage: entry.usage.into(),
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            dropped: Cow::Borrowed(&entry.dropped),
            trace_id: entry.trace_id.as_deref().map(Cow::Borrowed),
            snapshot: entry.snapshot,
            request_body: entry.request_body.as_deref().map(Cow::Borrowed),
            response_body: entry.response_body.as_deref().map(Cow::Borrowed),
        }
    }
}

/// The columns that [`request`] reads.
pub(super) const REQUEST_COLUMNS: &str = "r.seq, r.id, r.at_us, r.dialect, r.operation, c.key, c.key_name, c.org, \
     c.team, c.app, r.model, r.deployment, r.status, r.outcome, r.error, r.attempts, r.cost_nano_usd, r.ttft_us, \
     r.duration_us, r.detail";

/// The columns that [`line`] reads.
pub(super) const LEDGER_COLUMNS: &str = "l.seq, l.request, c.key, c.key_name, c.org, c.team, c.app, l.model, l.id, \
     l.at_us, l.number, t.deployment, t.provider, t.provider_kind, t.upstream_model, l.outcome, l.status, l.error, \
     l.input_tokens, l.cached_tokens, l.cache_write_tokens, l.cache_write_long_tokens, l.audio_input_tokens, \
     l.output_tokens, l.reasoning_tokens, l.audio_output_tokens, l.usage_source, l.service_tier, l.cost_nano_usd, \
     l.cost_kind, t.price_version, l.first_byte_us, l.duration_us";

/// A row of the request log.
pub(super) fn request(row: &SqliteRow) -> Result<RequestEntry, StoreError> {
    let row = Columns(row);
    let text: String = row.get("detail")?;
    let detail: Detail<'_> = serde_json::from_str(&text).map_err(broken)?;
    Ok(RequestEntry {
        id: row.id("id", IdKind::Request)?,
        at: Timestamp(row.get("at_us")?),
        dialect: row.word("dialect")?,
        operation: row.word("operation")?,
        key: row.key()?,
        key_name: row.text("key_name")?,
        org: row.text("org")?,
        team: row.text("team")?,
        app: row.text("app")?,
        user: detail.user.map(Cow::into_owned),
        tags: detail.tags.into_owned(),
        client: detail.client,
        model: row.text("model")?,
        deployment: row.text("deployment")?,
        stream: detail.stream,
        status: row.number("status")?,
        outcome: row.word("outcome")?,
        error: row.text("error")?,
        detail: detail.detail.map(Cow::into_owned),
        attempts: row.number("attempts")?,
        usage: detail.usage.into(),
        cost: row.money("cost_nano_usd")?,
        ttft_us: row.number_if("ttft_us")?,
        duration_us: row.number("duration_us")?,
        bytes_in: detail.bytes_in,
        bytes_out: detail.bytes_out,
        dropped: detail.dropped.into_owned(),
        trace_id: detail.trace_id.map(Cow::into_owned),
        snapshot: detail.snapshot,
        request_body: detail.request_body.map(Cow::into_owned),
        response_body: detail.response_body.map(Cow::into_owned),
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

fn word<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
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

    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        word(self.get(column)?)
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
        Ok(Usage {
            input: self.number("input_tokens")?,
            cached: self.number("cached_tokens")?,
            cache_write: self.number("cache_write_tokens")?,
            cache_write_long: self.number("cache_write_long_tokens")?,
            audio_input: self.number("audio_input_tokens")?,
            output: self.number("output_tokens")?,
            reasoning: self.number("reasoning_tokens")?,
            audio_output: self.number("audio_output_tokens")?,
        })
    }
}

fn id(bytes: &[u8], kind: IdKind) -> Result<Id, StoreError> {
    bytes.try_into().map(|bytes| Id::from_parts(kind, bytes)).map_err(broken)
}
