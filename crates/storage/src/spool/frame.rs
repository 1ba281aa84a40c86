//! One record of the spool: a frame of bytes that says by itself where it begins and whether it is whole.
//!
//! ```text
//! offset 0   "PGR1": here a record of format 1 begins
//!        4   length of the payload in bytes, u32, little endian
//!        8   CRC-32 (IEEE) of the payload, u32, little endian
//!       12   the payload in the postcard format (https://postcard.jamesmunns.com): the request, then the number of its
//!            attempts, then each of them
//!   behind   a line end, so that a record never ends in a zero: what has not been written yet is zeros
//! ```
//! The fields are those of the two structs below, in their order, and not the contract's own, so that a change there cannot
//! change the format. It can be read for ever: a field that is added makes a format 2 with structs of its own.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use contract::ports::{AttemptEntry, Entries, RequestEntry};
use contract::words::{Dialect, Id, IdKind, NanoUsd, Timestamp, Usage};
use memchr::memmem;
use postcard::ser_flavors::Flavor;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::words::Word;

const MAGIC: [u8; 4] = *b"PGR1";
/// Length of what stands before the payload.
const HEAD: usize = 12;
/// What stands behind it.
const END: u8 = b'\n';
/// A frame said to be longer is not one of ours: bodies in the log are capped far below.
const LONGEST: usize = 64 << 20;

/// `input`, `cached`, `cache_write`, `cache_write_long`, `audio_input`, `output`, `reasoning`, `audio_output`.
type Tokens = [u64; 8];

#[derive(Serialize, Deserialize)]
struct Request<'a> {
    id: [u8; 16],
    at_us: i64,
    dialect: &'a str,
    operation: i64,
    key: Option<[u8; 16]>,
    key_name: Option<&'a str>,
    org: Option<&'a str>,
    team: Option<&'a str>,
    app: Option<&'a str>,
    user: Option<&'a str>,
    tags: Vec<(&'a str, &'a str)>,
    client: IpAddr,
    model: Option<&'a str>,
    deployment: Option<&'a str>,
    stream: bool,
    status: u16,
    outcome: i64,
    error: Option<&'a str>,
    detail: Option<&'a str>,
    attempts: u32,
    usage: Tokens,
    cost: Option<i64>,
    ttft_us: Option<u64>,
    duration_us: u64,
    bytes_in: u64,
    bytes_out: u64,
    dropped: Vec<&'a str>,
    trace_id: Option<&'a str>,
    snapshot: u64,
    request_body: Option<&'a str>,
    response_body: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Attempt<'a> {
    id: [u8; 16],
    at_us: i64,
    number: u32,
    deployment: &'a str,
    provider: &'a str,
    kind: &'a str,
    model: &'a str,
    outcome: i64,
    status: Option<u16>,
    error: Option<&'a str>,
    usage: Tokens,
    usage_source: i64,
    tier: Option<&'a str>,
    cost: Option<i64>,
    cost_kind: i64,
    price: Option<&'a str>,
    first_byte_us: Option<u64>,
    duration_us: u64,
}

/// Writes a record into `frame`, replacing what is there. False: it cannot be written, as it is longer than 4 GiB.
pub(super) fn encode(frame: &mut Vec<u8>, entries: &Entries) -> bool {
    frame.clear();
    frame.extend_from_slice(&[0; HEAD]);
    if payload(frame, entries).is_err() {
        return false;
    }
    let (head, payload) = frame.split_at_mut(HEAD);
    let Ok(length) = u32::try_from(payload.len()) else { return false };
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.push(END);
    true
}

fn payload(frame: &mut Vec<u8>, entries: &Entries) -> postcard::Result<()> {
    put(frame, &Request::of(&entries.request))?;
    put(frame, &entries.attempts.len())?;
    entries.attempts.iter().try_for_each(|attempt| put(frame, &Attempt::of(attempt)))
}

fn put(frame: &mut Vec<u8>, value: &impl Serialize) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Onto(frame))
}

/// Lets postcard write to the end of a buffer.
struct Onto<'a>(&'a mut Vec<u8>);

impl Flavor for Onto<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// What stands at the beginning of some bytes.
pub(super) enum Found {
    /// A record and the length of its frame.
    Record(Arc<Entries>, usize),
    /// A record, if the bytes that are missing follow.
    Part,
    /// Nothing of ours, for this many bytes.
    Torn(usize),
}

/// Looks at the beginning of `bytes`, which are not empty. `last`: no more bytes follow.
pub(super) fn find(bytes: &[u8], last: bool, texts: &mut Texts) -> Found {
    let part = || if last { torn(bytes) } else { Found::Part };
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        let begun = bytes.iter().zip(&MAGIC).all(|(one, other)| one == other);
        return if begun { part() } else { torn(bytes) };
    };
    let length = number(&head[4..8]) as usize;
    if head[..4] != MAGIC || length > LONGEST {
        return torn(bytes);
    }
    let Some((payload, end)) = rest.get(..=length).map(|rest| rest.split_at(length)) else { return part() };
    if end != [END] || number(&head[8..]) != crc32fast::hash(payload) {
        return torn(bytes);
    }
    match decode(payload, texts) {
        Some(entries) => Found::Record(Arc::new(entries), HEAD + length + 1),
        None => torn(bytes),
    }
}

/// Up to where the next record may begin.
fn torn(bytes: &[u8]) -> Found {
    Found::Torn(memmem::find(&bytes[1..], &MAGIC).map_or(bytes.len(), |at| at + 1))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn decode(payload: &[u8], texts: &mut Texts) -> Option<Entries> {
    let (request, rest) = postcard::take_from_bytes::<Request<'_>>(payload).ok()?;
    let (count, mut rest) = postcard::take_from_bytes::<usize>(rest).ok()?;
    let mut attempts = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let (attempt, after) = postcard::take_from_bytes::<Attempt<'_>>(rest).ok()?;
        attempts.push(attempt.entry(texts)?);
        rest = after;
    }
    Some(Entries { request: request.entry(texts)?, attempts })
}

impl<'a> Request<'a> {
    fn of(entry: &'a RequestEntry) -> Self {
        Self {
            id: *entry.id.bytes(),
            at_us: entry.at.0,
            dialect: entry.dialect.as_str(),
            operation: entry.operation.number(),
            key: entry.key.map(|key| *key.bytes()),
            key_name: entry.key_name.as_deref(),
            org: entry.org.as_deref(),
            team: entry.team.as_deref(),
            app: entry.app.as_deref(),
            user: entry.user.as_deref(),
            tags: entry.tags.iter().map(|(key, value)| (&**key, &**value)).collect(),
            client: entry.client,
            model: entry.model.as_deref(),
            deployment: entry.deployment.as_deref(),
            stream: entry.stream,
            status: entry.status,
            outcome: entry.outcome.number(),
            error: entry.error.as_deref(),
            detail: entry.detail.as_deref(),
            attempts: entry.attempts,
            usage: tokens(&entry.usage),
            cost: entry.cost.map(|cost| cost.0),
            ttft_us: entry.ttft_us,
            duration_us: entry.duration_us,
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            dropped: entry.dropped.iter().map(|field| &**field).collect(),
            trace_id: entry.trace_id.as_deref(),
            snapshot: entry.snapshot,
            request_body: entry.request_body.as_deref(),
            response_body: entry.response_body.as_deref(),
        }
    }

    fn entry(self, texts: &mut Texts) -> Option<RequestEntry> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let dialect: StrDeserializer<'_, WordError> = self.dialect.into_deserializer();
        Some(RequestEntry {
            id: Id::from_parts(IdKind::Request, self.id),
            at: Timestamp(self.at_us),
            dialect: Dialect::deserialize(dialect).ok()?,
            operation: Word::of(self.operation)?,
            key: self.key.map(|key| Id::from_parts(IdKind::Key, key)),
            key_name: texts.share_if(self.key_name),
            org: texts.share_if(self.org),
            team: texts.share_if(self.team),
            app: texts.share_if(self.app),
            user: owned(self.user),
            tags: self.tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            client: self.client,
            model: texts.share_if(self.model),
            deployment: texts.share_if(self.deployment),
            stream: self.stream,
            status: self.status,
            outcome: Word::of(self.outcome)?,
            error: texts.share_if(self.error),
            detail: owned(self.detail),
            attempts: self.attempts,
            usage: usage(self.usage),
            cost: self.cost.map(NanoUsd),
            ttft_us: self.ttft_us,
            duration_us: self.duration_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            dropped: self.dropped.iter().map(|field| (*field).to_owned()).collect(),
            trace_id: owned(self.trace_id),
            snapshot: self.snapshot,
            request_body: owned(self.request_body),
            response_body: owned(self.response_body),
        })
    }
}

impl<'a> Attempt<'a> {
    fn of(entry: &'a AttemptEntry) -> Self {
        Self {
            id: *entry.id.bytes(),
            at_us: entry.at.0,
            number: entry.number,
            deployment: &entry.deployment,
            provider: &entry.provider,
            kind: &entry.provider_kind,
            model: &entry.upstream_model,
            outcome: entry.outcome.number(),
            status: entry.status,
            error: entry.error.as_deref(),
            usage: tokens(&entry.usage),
            usage_source: entry.usage_source.number(),
            tier: entry.service_tier.as_deref(),
            cost: entry.cost.map(|cost| cost.0),
            cost_kind: entry.cost_kind.number(),
            price: entry.price_version.as_deref(),
            first_byte_us: entry.first_byte_us,
            duration_us: entry.duration_us,
        }
    }

    fn entry(self, texts: &mut Texts) -> Option<AttemptEntry> {
        Some(AttemptEntry {
            id: Id::from_parts(IdKind::Attempt, self.id),
            at: Timestamp(self.at_us),
            number: self.number,
            deployment: texts.share(self.deployment),
            provider: texts.share(self.provider),
            provider_kind: texts.share(self.kind),
            upstream_model: texts.share(self.model),
            outcome: Word::of(self.outcome)?,
            status: self.status,
            error: texts.share_if(self.error),
            usage: usage(self.usage),
            usage_source: Word::of(self.usage_source)?,
            service_tier: texts.share_if(self.tier),
            cost: self.cost.map(NanoUsd),
            cost_kind: Word::of(self.cost_kind)?,
            price_version: texts.share_if(self.price),
            first_byte_us: self.first_byte_us,
            duration_us: self.duration_us,
        })
    }
}

const fn tokens(usage: &Usage) -> Tokens {
    [
        usage.input,
        usage.cached,
        usage.cache_write,
        usage.cache_write_long,
        usage.audio_input,
        usage.output,
        usage.reasoning,
        usage.audio_output,
    ]
}

const fn usage(tokens: Tokens) -> Usage {
    let [input, cached, cache_write, cache_write_long, audio_input, output, reasoning, audio_output] = tokens;
    Usage { input, cached, cache_write, cache_write_long, audio_input, output, reasoning, audio_output }
}

/// Shares texts that repeat from record to record, such as the names of models.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

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
