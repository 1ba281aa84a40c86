//! What is kept of a request, as bytes: the payload of a record in the spool, and what the database is filled from.
//!
//! In the postcard format (<https://postcard.jamesmunns.com>): the request, then the number of its attempts, then each of
//! them. The fields are those of the two structs below, in their order, and not the contract's own, so that a change there
//! cannot change the format. It can be read for ever: a field that is added makes a new format with structs of its own.

use std::net::IpAddr;

use contract::ports::{AttemptEntry, Entries, RequestEntry};
use contract::words::Usage;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::words::Word;

/// `input`, `cached`, `cache_write`, `cache_write_long`, `audio_input`, `output`, `reasoning`, `audio_output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens([u64; 8]);

/// The part of the request log.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) at_us: i64,
    pub(crate) dialect: i64,
    pub(crate) operation: i64,
    pub(crate) key: Option<[u8; 16]>,
    pub(crate) key_name: Option<&'a str>,
    pub(crate) org: Option<&'a str>,
    pub(crate) team: Option<&'a str>,
    pub(crate) app: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    pub(crate) tags: Vec<(&'a str, &'a str)>,
    pub(crate) client: IpAddr,
    pub(crate) model: Option<&'a str>,
    pub(crate) deployment: Option<&'a str>,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    pub(crate) outcome: i64,
    pub(crate) error: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
    pub(crate) attempts: u32,
    pub(crate) usage: Tokens,
    pub(crate) cost: Option<i64>,
    pub(crate) ttft_us: Option<u64>,
    pub(crate) duration_us: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) dropped: Vec<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) snapshot: u64,
    pub(crate) request_body: Option<&'a str>,
    pub(crate) response_body: Option<&'a str>,
}

/// A line of the ledger.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) at_us: i64,
    pub(crate) number: u32,
    pub(crate) deployment: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) model: &'a str,
    pub(crate) outcome: i64,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'a str>,
    pub(crate) usage: Tokens,
    pub(crate) usage_source: i64,
    pub(crate) tier: Option<&'a str>,
    pub(crate) cost: Option<i64>,
    pub(crate) cost_kind: i64,
    pub(crate) price: Option<&'a str>,
    pub(crate) first_byte_us: Option<u64>,
    pub(crate) duration_us: u64,
}

/// All that is kept of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) attempts: Vec<Attempt<'a>>,
}

/// Writes what is kept of a request to the end of `bytes`.
pub(crate) fn write(bytes: &mut Vec<u8>, entries: &Entries) -> postcard::Result<()> {
    put(bytes, &Request::of(&entries.request))?;
    put(bytes, &entries.attempts.len())?;
    entries.attempts.iter().try_for_each(|attempt| put(bytes, &Attempt::of(attempt)))
}

/// The request's id as a number, which compares faster. It is what a record begins with.
pub(crate) fn id(record: &[u8]) -> Option<u128> {
    record.first_chunk().map(|id| u128::from_be_bytes(*id))
}

impl<'a> Record<'a> {
    pub(crate) fn read(record: &'a [u8]) -> postcard::Result<Self> {
        let (request, rest) = postcard::take_from_bytes(record)?;
        let (count, mut rest) = postcard::take_from_bytes::<usize>(rest)?;
        let mut attempts = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            let (attempt, after) = postcard::take_from_bytes(rest)?;
            attempts.push(attempt);
            rest = after;
        }
        Ok(Self { request, attempts })
    }
}

/// Appends one value in the postcard format.
pub(crate) fn put(bytes: &mut Vec<u8>, value: &impl Serialize) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Onto(bytes))
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

impl<'a> Request<'a> {
    fn of(entry: &'a RequestEntry) -> Self {
        Self {
            id: *entry.id.bytes(),
            at_us: entry.at.0,
            dialect: entry.dialect.number(),
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
            usage: Tokens::of(&entry.usage),
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
            usage: Tokens::of(&entry.usage),
            usage_source: entry.usage_source.number(),
            tier: entry.service_tier.as_deref(),
            cost: entry.cost.map(|cost| cost.0),
            cost_kind: entry.cost_kind.number(),
            price: entry.price_version.as_deref(),
            first_byte_us: entry.first_byte_us,
            duration_us: entry.duration_us,
        }
    }
}

impl Tokens {
    const fn of(usage: &Usage) -> Self {
        Self([
            usage.input,
            usage.cached,
            usage.cache_write,
            usage.cache_write_long,
            usage.audio_input,
            usage.output,
            usage.reasoning,
            usage.audio_output,
        ])
    }

    pub(crate) const fn usage(self) -> Usage {
        let [input, cached, cache_write, cache_write_long, audio_input, output, reasoning, audio_output] =
            self.0;
        Usage { input, cached, cache_write, cache_write_long, audio_input, output, reasoning, audio_output }
    }
}
