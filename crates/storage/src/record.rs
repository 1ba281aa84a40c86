//! What is kept of a request, as bytes: the payload of a record in the spool, and what the database is filled from.
//!
//! In the postcard format (<https://postcard.jamesmunns.com>): the request, then the number of its attempts, then each of
//! them. The fields are those of the two structs below, in their order, and not the contract's own, so that a change there
//! cannot change the format. It can be read for ever: a field that is added makes a new format with structs of its own.

use std::net::IpAddr;

use contract::ports::{AttemptEntry, Entries, RequestEntry};
use contract::words::Usage;
use postcard::ser_flavors::Flavor;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::Word;

/// What was consumed. The counts that came later stand behind the attempts, where there are any ([`Rare`]), so that records
/// of every release have one form.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Tokens {
    /// `input`, `cached`, `cache_write`, `cache_write_long`, `audio_input`, `output`, `reasoning`, `audio_output`.
    counts: [u64; 8],
    #[serde(skip)]
    rare: Rare,
}

/// `image_input`, `image_output`, `searches`, `tools`.
type Rare = [u64; 4];

/// Text that was written as text. Whether it is UTF-8 is not looked at again: frames have a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

/// The part of the request log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(crate) struct Request<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) at_us: i64,
    pub(crate) dialect: i64,
    pub(crate) operation: i64,
    pub(crate) key: Option<[u8; 16]>,
    pub(crate) key_name: Option<Text<'a>>,
    pub(crate) org: Option<Text<'a>>,
    pub(crate) team: Option<Text<'a>>,
    pub(crate) app: Option<Text<'a>>,
    pub(crate) user: Option<Text<'a>>,
    pub(crate) tags: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) client: IpAddr,
    pub(crate) model: Option<Text<'a>>,
    pub(crate) deployment: Option<Text<'a>>,
    pub(crate) stream: bool,
    pub(crate) status: u16,
    pub(crate) outcome: i64,
    pub(crate) error: Option<Text<'a>>,
    pub(crate) detail: Option<Text<'a>>,
    pub(crate) attempts: u32,
    pub(crate) usage: Tokens,
    pub(crate) cost: Option<i64>,
    pub(crate) ttft_us: Option<u64>,
    pub(crate) duration_us: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Fields and why they were not carried.
    pub(crate) dropped: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) trace_id: Option<Text<'a>>,
    pub(crate) snapshot: u64,
    pub(crate) request_body: Option<Text<'a>>,
    pub(crate) response_body: Option<Text<'a>>,
}

/// A line of the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(crate) struct Attempt<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) at_us: i64,
    pub(crate) number: u32,
    pub(crate) deployment: Text<'a>,
    pub(crate) provider: Text<'a>,
    pub(crate) kind: Text<'a>,
    pub(crate) model: Text<'a>,
    pub(crate) outcome: i64,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<Text<'a>>,
    pub(crate) usage: Tokens,
    pub(crate) usage_source: i64,
    pub(crate) tier: Option<Text<'a>>,
    pub(crate) cost: Option<i64>,
    pub(crate) cost_kind: i64,
    pub(crate) price: Option<Text<'a>>,
    pub(crate) first_byte_us: Option<u64>,
    pub(crate) duration_us: u64,
}

/// All that is kept of one request.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) attempts: Vec<Attempt<'a>>,
}

/// Writes what is kept of a request to the end of `bytes`.
pub(crate) fn write(bytes: &mut Vec<u8>, entries: &Entries) -> postcard::Result<()> {
    put(bytes, &Request::of(&entries.request))?;
    put(bytes, &entries.attempts.len())?;
    entries.attempts.iter().try_for_each(|attempt| put(bytes, &Attempt::of(attempt)))?;
    let usages = || {
        std::iter::once(&entries.request.usage).chain(entries.attempts.iter().map(|attempt| &attempt.usage))
    };
    if usages().all(|usage| rare(usage) == Rare::default()) {
        return Ok(());
    }
    usages().try_for_each(|usage| put(bytes, &rare(usage)))
}

const fn rare(usage: &Usage) -> Rare {
    [usage.image_input, usage.image_output, usage.searches, usage.tools]
}

/// The request's id as a number, which compares faster. It is what a record begins with.
pub(crate) fn id(record: &[u8]) -> Option<u128> {
    record.first_chunk().map(|id| u128::from_be_bytes(*id))
}

impl<'a> Record<'a> {
    /// None: this release cannot read it, which it says in the log.
    pub(crate) fn read(record: &'a [u8]) -> Option<Self> {
        Self::parse(record)
            .inspect_err(|error| tracing::error!(%error, "spool: a record that cannot be read is left out"))
            .ok()
    }

    fn parse(record: &'a [u8]) -> postcard::Result<Self> {
        let (mut request, rest) = postcard::take_from_bytes::<Request<'_>>(record)?;
        let (count, mut rest) = postcard::take_from_bytes::<usize>(rest)?;
        let mut attempts = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            let (attempt, after) = postcard::take_from_bytes::<Attempt<'_>>(rest)?;
            attempts.push(attempt);
            rest = after;
        }
        if !rest.is_empty() {
            (request.usage.rare, rest) = postcard::take_from_bytes(rest)?;
            for attempt in &mut attempts {
                (attempt.usage.rare, rest) = postcard::take_from_bytes(rest)?;
            }
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
            key_name: Text::of(entry.key_name.as_deref()),
            org: Text::of(entry.org.as_deref()),
            team: Text::of(entry.team.as_deref()),
            app: Text::of(entry.app.as_deref()),
            user: Text::of(entry.user.as_deref()),
            tags: entry.tags.iter().map(|(key, value)| (Text::from(key), Text::from(value))).collect(),
            client: entry.client,
            model: Text::of(entry.model.as_deref()),
            deployment: Text::of(entry.deployment.as_deref()),
            stream: entry.stream,
            status: entry.status,
            outcome: entry.outcome.number(),
            error: Text::of(entry.error.as_deref()),
            detail: Text::of(entry.detail.as_deref()),
            attempts: entry.attempts,
            usage: Tokens::of(&entry.usage),
            cost: entry.cost.map(|cost| cost.0),
            ttft_us: entry.ttft_us,
            duration_us: entry.duration_us,
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            dropped: entry
                .dropped
                .iter()
                .map(|lost| (Text::from(&lost.field), Text::from(&lost.reason)))
                .collect(),
            trace_id: Text::of(entry.trace_id.as_deref()),
            snapshot: entry.snapshot,
            request_body: Text::of(entry.request_body.as_deref()),
            response_body: Text::of(entry.response_body.as_deref()),
        }
    }
}

impl<'a> Attempt<'a> {
    fn of(entry: &'a AttemptEntry) -> Self {
        Self {
            id: *entry.id.bytes(),
            at_us: entry.at.0,
            number: entry.number,
            deployment: Text::from(&entry.deployment),
            provider: Text::from(&entry.provider),
            kind: Text::from(&entry.provider_kind),
            model: Text::from(&entry.upstream_model),
            outcome: entry.outcome.number(),
            status: entry.status,
            error: Text::of(entry.error.as_deref()),
            usage: Tokens::of(&entry.usage),
            usage_source: entry.usage_source.number(),
            tier: Text::of(entry.service_tier.as_deref()),
            cost: entry.cost.map(|cost| cost.0),
            cost_kind: entry.cost_kind.number(),
            price: Text::of(entry.price_version.as_deref()),
            first_byte_us: entry.first_byte_us,
            duration_us: entry.duration_us,
        }
    }
}

impl<'a> Text<'a> {
    const fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    fn of(text: Option<&'a str>) -> Option<Self> {
        text.map(Self::from)
    }
}

impl Serialize for Text<'_> {
    /// As postcard writes a text, which is as it writes bytes.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(from).map(Text)
    }
}

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl Tokens {
    const fn of(usage: &Usage) -> Self {
        let counts = [
            usage.input,
            usage.cached,
            usage.cache_write,
            usage.cache_write_long,
            usage.audio_input,
            usage.output,
            usage.reasoning,
            usage.audio_output,
        ];
        Self { counts, rare: rare(usage) }
    }

    pub(crate) const fn usage(self) -> Usage {
        let [input, cached, cache_write, cache_write_long, audio_input, output, reasoning, audio_output] =
            self.counts;
        let [image_input, image_output, searches, tools] = self.rare;
        Usage {
            input,
            cached,
            cache_write,
            cache_write_long,
            audio_input,
            image_input,
            output,
            reasoning,
            audio_output,
            image_output,
            searches,
            tools,
            // It has become the cost.
            charged: None,
            cached_audio: 0,
            partial: false,
        }
    }
}
