//! Vectors of more inputs than a provider takes in one call: the list is cut, each piece is a call of its own, and the answers
//! are joined into the one that a longer list would have had, their usage added up.
//!
//! It works on the body as it is sent, so that what passes through is cut like what was translated. Titan, which takes no list
//! at all, is in `bedrock/vectors.rs`.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use contract::ports::{BoxFuture, Call, Phase, ProviderReply, UpstreamFailure};
use contract::words::Dialect;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use wire::{Edits, member, splice};

use crate::listing::collect_within;

/// How many of a request's calls are under way at once.
const AT_ONCE: usize = 8;
/// The longest answer that is read, and the longest that all together may make.
const LONGEST: usize = 64 << 20;
/// Where AWS counts what it bills (docs: "InvokeModel", response headers).
const COUNTED: HeaderName = HeaderName::from_static("x-amzn-bedrock-input-token-count");

// tidy: table
/// The most inputs of a call, by the documents of each kind: platform.openai.com/docs/api-reference/embeddings,
/// docs.cohere.com/reference/embed and AWS's page of Cohere's models, docs.voyageai.com/reference/embeddings-api,
/// jina.ai/embeddings (questions and answers), Mistral's refusal 3210, Model Studio's "Text embedding" (the newer models),
/// the schema of Workers AI's models, ai.google.dev/api/embeddings (`batchEmbedContents`).
const MOST: &[(&str, Dialect, usize)] = &[
    ("openai", Dialect::OpenaiEmbeddings, 2048),
    ("azure", Dialect::OpenaiEmbeddings, 2048),
    ("cohere", Dialect::CohereEmbed, 96),
    ("bedrock", Dialect::CohereEmbed, 96),
    ("voyage", Dialect::OpenaiEmbeddings, 1000),
    ("jina", Dialect::OpenaiEmbeddings, 2048),
    ("mistral", Dialect::OpenaiEmbeddings, 512),
    ("dashscope", Dialect::OpenaiEmbeddings, 10),
    ("cloudflare", Dialect::OpenaiEmbeddings, 100),
    ("gemini", Dialect::GeminiEmbed, 100),
];

/// A body's list of inputs, each as it stands.
type Inputs<'a> = (&'static str, Vec<&'a RawValue>);

/// The most inputs that an account of a kind takes in one call to a model. None: no limit is known.
pub(crate) fn most(kind: &str, dialect: Dialect, model: &str) -> Option<usize> {
    if dialect == Dialect::VertexPredict {
        // cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings, "API limits".
        let one = model.contains("gemini-embedding") || model.contains("multimodalembedding");
        return Some(if one { 1 } else { 250 });
    }
    MOST.iter().find(|(of, spoken, _)| *of == kind && *spoken == dialect).map(|(_, _, most)| *most)
}

/// Makes a call by `one`; by several where its list of inputs is longer than `most`. The first answer that is a refusal is
/// the answer; what the others consumed stands in its head, under the name that AWS has for it.
pub(crate) fn send<'a, F>(
    call: Call<'a>,
    most: Option<usize>,
    one: F,
) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>>
where
    F: Fn(Call<'a>) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> + Send + Sync + 'a,
{
    let Some(pieces) = most.and_then(|most| cut(&call, most)) else { return one(call) };
    Box::pin(async move {
        let over = AtomicBool::new(false);
        // Behind a failure none is begun; those under way are billed, so that their answers are waited for.
        let calls = stream::iter(pieces).take_while(|_| ready(!over.load(Ordering::Relaxed))).map(
            |(inputs, body)| {
                let reply = one(Call { body, ..again(&call) });
                async move { (inputs, reply.await) }
            },
        );
        let mut replies = Box::pin(calls.buffered(AT_ONCE));
        let (mut joined, mut failed) = (Joined::of(call.dialect), None);
        while let Some((inputs, reply)) = replies.next().await {
            let failure = match reply {
                Ok(reply) if reply.status.is_success() => joined.add(reply, inputs).await.err().map(Err),
                reply => Some(reply),
            };
            if let Some(failure) = failure {
                over.store(true, Ordering::Relaxed);
                failed.get_or_insert(failure);
            }
        }
        match failed {
            Some(failure) => told(failure, joined.consumed()),
            None => joined.finish(),
        }
    })
}

/// The failure of them all, which says in its head what the others consumed.
fn told(
    failure: Result<ProviderReply, UpstreamFailure>,
    tokens: u64,
) -> Result<ProviderReply, UpstreamFailure> {
    // Of an answer that is late, all that was asked counts as consumed.
    let late = |failure: &UpstreamFailure| {
        let UpstreamFailure::Timeout { phase, .. } = failure else { return false };
        !matches!(phase, Phase::Connect)
    };
    let mut reply = match failure {
        Ok(reply) => reply,
        Err(failure) if tokens == 0 || late(&failure) => return Err(failure),
        Err(failure) => {
            let says = failure.to_string();
            let body = json!({ "message": says, "error": { "message": says } }).to_string();
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            ProviderReply { status: StatusCode::BAD_GATEWAY, headers, body: body.into() }
        }
    };
    if tokens > 0 {
        reply.headers.insert(COUNTED, tokens.into());
    }
    Ok(reply)
}

/// The same call, with nothing in it.
fn again<'a>(call: &Call<'a>) -> Call<'a> {
    Call {
        dialect: call.dialect,
        model: call.model,
        stream: call.stream,
        body: VecDeque::new(),
        headers: call.headers,
        traceparent: call.traceparent,
        timeouts: call.timeouts,
    }
}

/// The bodies of the calls that a body makes, each with how many inputs it has; none where one call is enough.
fn cut(call: &Call<'_>, most: usize) -> Option<Vec<(usize, VecDeque<Bytes>)>> {
    let places: &[&'static str] = match call.dialect {
        Dialect::OpenaiEmbeddings => &["input"],
        Dialect::CohereEmbed => &["texts", "inputs", "images"],
        Dialect::GeminiEmbed => &["requests"],
        Dialect::VertexPredict => &["instances"],
        _ => return None,
    };
    let found: Vec<_> = places.iter().filter_map(|name| Some((*name, member(&call.body, name)?))).collect();
    // Two lists are more than any of these takes: the provider is to say so.
    let [(name, value)] = found.as_slice() else { return None };
    let (name, inputs): Inputs<'_> = (*name, serde_json::from_slice(value).ok()?);
    // Cohere takes one picture a call (docs: "Embed", `images`).
    let most = if name == "images" { 1 } else { most.max(1) };
    // A list of numbers is one text in tokens.
    let tokens = inputs.first().is_some_and(|first| first.get().starts_with(|c: char| c.is_ascii_digit()));
    if inputs.len() <= most || tokens {
        return None;
    }
    let piece = |inputs: &[&RawValue]| {
        let list = serde_json::to_string(inputs).ok()?;
        let body = splice(call.body.clone(), &Edits { puts: &[(name, &list)], ..Edits::default() });
        Some((inputs.len(), body))
    };
    inputs.chunks(most).map(piece).collect()
}

/// Answers that are becoming one.
struct Joined {
    dialect: Dialect,
    /// The members of the first answer beside its vectors and counts.
    first: Option<BTreeMap<String, Box<RawValue>>>,
    /// The lists, each by the path of its members.
    lists: BTreeMap<Vec<String>, Vec<Box<RawValue>>>,
    /// The counts, by the member they are in.
    counts: Map<String, Value>,
    /// What the headers count.
    counted: Option<u64>,
    inputs: usize,
    bytes: usize,
}

impl Joined {
    fn of(dialect: Dialect) -> Self {
        Self {
            dialect,
            first: None,
            lists: BTreeMap::new(),
            counts: Map::new(),
            counted: None,
            inputs: 0,
            bytes: 0,
        }
    }

    async fn add(&mut self, reply: ProviderReply, inputs: usize) -> Result<(), UpstreamFailure> {
        let header = reply.headers.get(&COUNTED).and_then(|count| count.to_str().ok()?.parse::<u64>().ok());
        if let Some(count) = header {
            self.counted = Some(self.counted.unwrap_or(0).saturating_add(count));
        }
        let bytes = collect_within(reply.body, LONGEST - self.bytes).await?;
        self.bytes += bytes.len();
        self.take(&bytes, inputs).map_err(UpstreamFailure::Unreadable)
    }

    /// Takes an answer apart.
    fn take(&mut self, bytes: &[u8], inputs: usize) -> Result<(), String> {
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let (lists, counts): (&[&str], _) = match self.dialect {
            Dialect::OpenaiEmbeddings => (&["data"], "usage"),
            Dialect::CohereEmbed => (&["embeddings", "texts", "images"], "meta"),
            Dialect::GeminiEmbed => (&["embeddings"], "usageMetadata"),
            _ => (&["predictions"], "metadata"),
        };
        for (at, name) in lists.iter().enumerate() {
            let Some(value) = members.remove(*name) else { continue };
            self.extend(vec![(*name).to_owned()], &value, (inputs, at == 0))?;
        }
        if let Some(value) = members.remove(counts).and_then(|value| serde_json::from_str(value.get()).ok()) {
            match self.counts.get_mut(counts) {
                Some(sum) => add(sum, value),
                None => drop(self.counts.insert(counts.to_owned(), value)),
            }
        }
        self.first.get_or_insert(members);
        self.inputs += inputs;
        Ok(())
    }

    /// Adds a list, or the lists in an object, to what was at its place. Vectors are as many as the inputs.
    fn extend(
        &mut self,
        place: Vec<String>,
        value: &RawValue,
        (inputs, vectors): (usize, bool),
    ) -> Result<(), String> {
        if value.get().starts_with('{') && place.len() == 1 {
            let kinds: BTreeMap<String, &RawValue> =
                serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
            for (kind, list) in kinds {
                if list.get().starts_with('[') {
                    self.extend(place.iter().cloned().chain([kind]).collect(), list, (inputs, vectors))?;
                }
            }
            return Ok(());
        }
        if value.get() == "null" {
            return Ok(());
        }
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        if vectors && items.len() != inputs {
            return Err(format!("{} vectors for {inputs} inputs", items.len()));
        }
        let mut items = items.into_iter().map(RawValue::to_owned).collect::<Vec<_>>();
        if self.dialect == Dialect::OpenaiEmbeddings {
            items = items
                .iter()
                .enumerate()
                .map(|(at, item)| numbered(item, at, self.inputs))
                .collect::<Result<_, _>>()?;
        }
        self.lists.entry(place).or_default().append(&mut items);
        Ok(())
    }

    /// The answer to all, as it is written.
    fn body(self) -> Result<Bytes, UpstreamFailure> {
        let broken = |error: serde_json::Error| UpstreamFailure::Unreadable(error.to_string());
        let mut members = self.first.unwrap_or_default();
        let mut within: BTreeMap<String, BTreeMap<String, Vec<Box<RawValue>>>> = BTreeMap::new();
        for (place, list) in self.lists {
            match place.as_slice() {
                [name] => drop(members.insert(name.clone(), to_raw_value(&list).map_err(broken)?)),
                [name, kind] => drop(within.entry(name.clone()).or_default().insert(kind.clone(), list)),
                _ => {}
            }
        }
        for (name, kinds) in within {
            members.insert(name, to_raw_value(&kinds).map_err(broken)?);
        }
        for (name, counts) in self.counts {
            members.insert(name, to_raw_value(&counts).map_err(broken)?);
        }
        Ok(serde_json::to_vec(&members).map_err(broken)?.into())
    }

    /// The tokens of the answers that came.
    fn consumed(self) -> u64 {
        let (counted, dialect) = (self.counted, self.dialect);
        let facts = || wire::reply_facts(dialect, &self.body().ok()?).ok()?.usage;
        counted.or_else(|| facts().map(|usage| usage.input_total())).unwrap_or_default()
    }

    /// The answer to all.
    fn finish(self) -> Result<ProviderReply, UpstreamFailure> {
        let counted = self.counted;
        let body = self.body()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, body.len().into());
        if let Some(count) = counted {
            headers.insert(COUNTED, count.into());
        }
        Ok(ProviderReply { status: StatusCode::OK, headers, body: body.into() })
    }
}

/// An entry with its number in the whole list: its own number counts from the piece's beginning.
fn numbered(item: &RawValue, at: usize, before: usize) -> Result<Box<RawValue>, String> {
    let told = |error: serde_json::Error| error.to_string();
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(item.get()).map_err(told)?;
    let own = members.get("index").and_then(|index| index.get().parse::<usize>().ok());
    let index = own.unwrap_or(at).saturating_add(before);
    members.insert("index".to_owned(), to_raw_value(&index).map_err(told)?);
    to_raw_value(&members).map_err(told)
}

/// Adds counts to counts: numbers are summed, lists joined, of anything else the first stays.
fn add(sum: &mut Value, more: Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, value) in more {
                match sum.get_mut(&name) {
                    Some(sum) => add(sum, value),
                    None => drop(sum.insert(name, value)),
                }
            }
        }
        (Value::Array(sum), Value::Array(more)) => sum.extend(more),
        (sum @ Value::Number(_), Value::Number(more)) => {
            let both = sum.as_u64().zip(more.as_u64()).map(|(sum, more)| sum.saturating_add(more).into());
            let close = || Some((sum.as_f64()? + more.as_f64()?).into());
            if let Some(both) = both.or_else(close) {
                *sum = both;
            }
        }
        (sum @ Value::Null, more) => *sum = more,
        _ => {}
    }
}
