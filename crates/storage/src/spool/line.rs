//! One record of the spool: a line of text that a person can read and a later release can still parse.
//!
//! ```text
//! 1 000001f4 9a3bc02d {"id":"req_…","at_us":1763683200000000,…,"attempts":[{…}]}\n
//! │ │        └ CRC-32 (IEEE) of the JSON, hexadecimal
//! │ └ length of the JSON in bytes, hexadecimal
//! └ version of the format
//! ```
//! Absent and zero values are left out; fields added later have defaults, so version 1 can be read for ever.
//! These structs and not the contract's own are what is written, so that a change there cannot change the format.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use contract::ports::{AttemptEntry, CostKind, Outcome, RequestEntry, Settled};
use contract::words::{Dialect, Id, NanoUsd, Operation, Timestamp, UsageSource};
use serde::{Deserialize, Serialize, Serializer};

use crate::brief::{Tokens, is_false, is_zero};

type Text<'a> = Option<Cow<'a, str>>;

/// `1 LLLLLLLL CCCCCCCC `
const HEAD: usize = 20;

#[derive(Serialize, Deserialize)]
struct Record<'a, A> {
    id: Id,
    at_us: i64,
    dialect: Dialect,
    operation: Operation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Id>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    key_name: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    org: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    team: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    app: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    user: Text<'a>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    tags: Cow<'a, [(String, String)]>,
    client: IpAddr,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    model: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    deployment: Text<'a>,
    #[serde(default, skip_serializing_if = "is_false")]
    stream: bool,
    status: u16,
    outcome: Outcome,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    error: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    detail: Text<'a>,
    attempt_count: u32,
    #[serde(default, skip_serializing_if = "Tokens::is_empty")]
    usage: Tokens,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<NanoUsd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttft_us: Option<u64>,
    duration_us: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    bytes_in: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    bytes_out: u64,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    dropped: Cow<'a, [String]>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    trace_id: Text<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    snapshot: u64,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    request_body: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    response_body: Text<'a>,
    attempts: A,
}

#[derive(Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    error: Text<'a>,
    #[serde(default, skip_serializing_if = "Tokens::is_empty")]
    usage: Tokens,
    source: UsageSource,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    tier: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<NanoUsd>,
    cost_kind: CostKind,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    price: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_byte_us: Option<u64>,
    duration_us: u64,
}

/// Attempts written one by one, without a list of their short forms.
struct Attempts<'a>(&'a [AttemptEntry]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(Attempt::of))
    }
}

fn text(text: Option<&Arc<str>>) -> Text<'_> {
    text.map(|text| Cow::Borrowed(&**text))
}

fn words(text: Option<&String>) -> Text<'_> {
    text.map(|text| Cow::Borrowed(text.as_str()))
}

impl<'a> Record<'a, Attempts<'a>> {
    fn of(settled: &'a Settled) -> Self {
        let entry = &settled.request;
        Self {
            id: entry.id,
            at_us: entry.at.0,
            dialect: entry.dialect,
            operation: entry.operation,
            key: entry.key,
            key_name: text(entry.key_name.as_ref()),
            org: text(entry.org.as_ref()),
            team: text(entry.team.as_ref()),
            app: text(entry.app.as_ref()),
            user: words(entry.user.as_ref()),
            tags: Cow::Borrowed(&entry.tags),
            client: entry.client,
            model: text(entry.model.as_ref()),
            deployment: text(entry.deployment.as_ref()),
            stream: entry.stream,
            status: entry.status,
            outcome: entry.outcome,
            error: text(entry.error.as_ref()),
            detail: words(entry.detail.as_ref()),
            attempt_count: entry.attempts,
            usage: entry.usage.into(),
            cost: entry.cost,
            ttft_us: entry.ttft_us,
            duration_us: entry.duration_us,
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            dropped: Cow::Borrowed(&entry.dropped),
            trace_id: words(entry.trace_id.as_ref()),
            snapshot: entry.snapshot,
            request_body: words(entry.request_body.as_ref()),
            response_body: words(entry.response_body.as_ref()),
            attempts: Attempts(&settled.attempts),
        }
    }
}

impl<'a> Attempt<'a> {
    fn of(entry: &'a AttemptEntry) -> Self {
        Self {
            id: entry.id,
            at_us: entry.at.0,
            number: entry.number,
            deployment: Cow::Borrowed(&entry.deployment),
            provider: Cow::Borrowed(&entry.provider),
            kind: Cow::Borrowed(&entry.provider_kind),
            model: Cow::Borrowed(&entry.upstream_model),
            outcome: entry.outcome,
            status: entry.status,
            error: text(entry.error.as_ref()),
            usage: entry.usage.into(),
            source: entry.usage_source,
            tier: text(entry.service_tier.as_ref()),
            cost: entry.cost,
            cost_kind: entry.cost_kind,
            price: text(entry.price_version.as_ref()),
            first_byte_us: entry.first_byte_us,
            duration_us: entry.duration_us,
        }
    }

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

impl<'a> Record<'a, Vec<Attempt<'a>>> {
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
            user: self.user.map(Cow::into_owned),
            tags: self.tags.into_owned(),
            client: self.client,
            model: texts.share_if(self.model.as_deref()),
            deployment: texts.share_if(self.deployment.as_deref()),
            stream: self.stream,
            status: self.status,
            outcome: self.outcome,
            error: texts.share_if(self.error.as_deref()),
            detail: self.detail.map(Cow::into_owned),
            attempts: self.attempt_count,
            usage: self.usage.into(),
            cost: self.cost,
            ttft_us: self.ttft_us,
            duration_us: self.duration_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            dropped: self.dropped.into_owned(),
            trace_id: self.trace_id.map(Cow::into_owned),
            snapshot: self.snapshot,
            request_body: self.request_body.map(Cow::into_owned),
            response_body: self.response_body.map(Cow::into_owned),
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

/// Writes the record of a finished request into `line`, replacing what is there.
pub(super) fn encode(line: &mut Vec<u8>, settled: &Settled) -> Result<(), serde_json::Error> {
    line.clear();
    line.extend_from_slice(&[b' '; HEAD]);
    serde_json::to_writer(&mut *line, &Record::of(settled))?;
    let (head, json) = line.split_at_mut(HEAD);
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    head[0] = b'1';
    hex(&mut head[2..10], length);
    hex(&mut head[11..19], crc32fast::hash(json));
    line.push(b'\n');
    Ok(())
}

/// Reads a line without its end. None: it is not a whole record that was written here.
pub(super) fn decode(line: &[u8], texts: &mut Texts) -> Option<(RequestEntry, Vec<AttemptEntry>)> {
    let (head, json) = line.split_at_checked(HEAD)?;
    if head[0] != b'1' || number(&head[2..10])? as usize != json.len() {
        return None;
    }
    if number(&head[11..19])? != crc32fast::hash(json) {
        return None;
    }
    let record: Record<'_, Vec<Attempt<'_>>> = serde_json::from_slice(json).ok()?;
    Some(record.into_entries(texts))
}

fn hex(digits: &mut [u8], number: u32) {
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
