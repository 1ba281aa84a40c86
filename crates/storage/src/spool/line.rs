//! One record of the spool: a line of text that a person can read and a later release can still parse.
//!
//! ```text
//! 1 000001f4 9a3bc02d {"id":"req_…","at_us":1763683200000000,…,"attempts":[{…}]}\n
//! │ │        └ CRC-32 (IEEE) of the JSON, hexadecimal
//! │ └ length of the JSON in bytes, hexadecimal
//! └ version of the format
//! ```
//! Absent and zero values are left out; fields added later have defaults, so version 1 can be read for ever. The names are
//! those below and not the contract's own, so that a change there cannot change the format. [`super::encode`] writes it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use contract::ports::{AttemptEntry, CostKind, Outcome, RequestEntry};
use contract::words::{Dialect, Id, NanoUsd, Operation, Timestamp, UsageSource};
use serde::Deserialize;

use crate::brief::Tokens;

type Text<'a> = Option<Cow<'a, str>>;

/// Length of `1 LLLLLLLL CCCCCCCC `.
pub(super) const HEAD: usize = 20;
pub(super) const VERSION: u8 = b'1';

#[derive(Deserialize)]
struct Record<'a> {
    id: Id,
    at_us: i64,
    dialect: Dialect,
    operation: Operation,
    key: Option<Id>,
    #[serde(borrow)]
    key_name: Text<'a>,
    #[serde(borrow)]
    org: Text<'a>,
    #[serde(borrow)]
    team: Text<'a>,
    #[serde(borrow)]
    app: Text<'a>,
    user: Option<String>,
    #[serde(default)]
    tags: Vec<(String, String)>,
    client: IpAddr,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    deployment: Text<'a>,
    #[serde(default)]
    stream: bool,
    status: u16,
    outcome: Outcome,
    #[serde(borrow)]
    error: Text<'a>,
    detail: Option<String>,
    attempt_count: u32,
    #[serde(default)]
    usage: Tokens,
    cost: Option<NanoUsd>,
    ttft_us: Option<u64>,
    duration_us: u64,
    #[serde(default)]
    bytes_in: u64,
    #[serde(default)]
    bytes_out: u64,
    #[serde(default)]
    dropped: Vec<String>,
    trace_id: Option<String>,
    #[serde(default)]
    snapshot: u64,
    request_body: Option<String>,
    response_body: Option<String>,
    #[serde(borrow)]
    attempts: Vec<Attempt<'a>>,
}

#[derive(Deserialize)]
struct Attempt<'a> {
    id: Id,
    at_us: i64,
    number: u32,
    #[serde(borrow)]
    deployment: Cow<'a, str>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    outcome: Outcome,
    status: Option<u16>,
    #[serde(borrow)]
    error: Text<'a>,
    #[serde(default)]
    usage: Tokens,
    source: UsageSource,
    #[serde(borrow)]
    tier: Text<'a>,
    cost: Option<NanoUsd>,
    cost_kind: CostKind,
    #[serde(borrow)]
    price: Text<'a>,
    first_byte_us: Option<u64>,
    duration_us: u64,
}

impl Attempt<'_> {
    fn into_entry(self, texts: &mut Texts) -> AttemptEntry {
        AttemptEntry {
            id: self.id,
            at: Timestamp(self.at_us),
            number: self.number,
            deployment: texts.share(&self.deployment),
            provider: texts.share(&self.provider),
            provider_kind: texts.share(&self.kind),
            upstream_model: texts.share(&self.model),
            outcome: self.outcome,
            status: self.status,
            error: texts.share_if(self.error.as_deref()),
            usage: self.usage.into(),
            usage_source: self.source,
            service_tier: texts.share_if(self.tier.as_deref()),
            cost: self.cost,
            cost_kind: self.cost_kind,
            price_version: texts.share_if(self.price.as_deref()),
            first_byte_us: self.first_byte_us,
            duration_us: self.duration_us,
        }
    }
}

impl Record<'_> {
    fn into_entries(self, texts: &mut Texts) -> (RequestEntry, Vec<AttemptEntry>) {
        let request = RequestEntry {
            id: self.id,
            at: Timestamp(self.at_us),
            dialect: self.dialect,
            operation: self.operation,
            key: self.key,
            key_name: texts.share_if(self.key_name.as_deref()),
            org: texts.share_if(self.org.as_deref()),
            team: texts.share_if(self.team.as_deref()),
            app: texts.share_if(self.app.as_deref()),
            user: self.user,
            tags: self.tags,
            client: self.client,
            model: texts.share_if(self.model.as_deref()),
            deployment: texts.share_if(self.deployment.as_deref()),
            stream: self.stream,
            status: self.status,
            outcome: self.outcome,
            error: texts.share_if(self.error.as_deref()),
            detail: self.detail,
            attempts: self.attempt_count,
            usage: self.usage.into(),
            cost: self.cost,
            ttft_us: self.ttft_us,
            duration_us: self.duration_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            dropped: self.dropped,
            trace_id: self.trace_id,
            snapshot: self.snapshot,
            request_body: self.request_body,
            response_body: self.response_body,
        };
        (request, self.attempts.into_iter().map(|attempt| attempt.into_entry(texts)).collect())
    }
}

/// Shares texts that repeat from line to line, such as the names of models.
#[derive(Debug, Default)]
pub(super) struct Texts(std::collections::HashSet<Arc<str>>);

impl Texts {
    /// Beyond this many, the collection starts again: what it holds is only a saving.
    const MOST: usize = 4_096;

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }

    fn share_if(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.map(|text| self.share(text))
    }
}

/// Reads a line without its end. None: it is not a whole record that was written here.
pub(super) fn decode(line: &[u8], texts: &mut Texts) -> Option<(RequestEntry, Vec<AttemptEntry>)> {
    let (head, json) = line.split_at_checked(HEAD)?;
    let spaced = [head[1], head[10], head[19]] == [b' '; 3];
    if head[0] != VERSION || !spaced || number(&head[2..10])? as usize != json.len() {
        return None;
    }
    if number(&head[11..19])? != crc32fast::hash(json) {
        return None;
    }
    let record: Record<'_> = serde_json::from_slice(json).ok()?;
    Some(record.into_entries(texts))
}

fn number(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
