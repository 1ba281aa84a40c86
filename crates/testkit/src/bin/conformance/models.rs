//! Lists of models: what a provider offers is what it listed, and clients of every dialect see the same names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use contract::Body;
use contract::ports::{
    BoxFuture, ModelCard, Outbound, PoolState, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::words::Dialect;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::accounts::{self, Account};
use crate::checks::Verdict;
use crate::corpus::Exchange;

/// The dialects that have lists of their own shape.
pub(crate) const SHAPES: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate, Dialect::OllamaChat];

/// How SDKs are asked for them.
pub(crate) const CALLS: &[(Dialect, &str)] = &[
    (Dialect::OpenaiChat, "openai.models"),
    (Dialect::AnthropicMessages, "anthropic.models"),
    (Dialect::GeminiGenerate, "gemini.models"),
    (Dialect::OllamaChat, "ollama.models"),
];

/// An upstream that has one answer.
struct Recorded {
    answer: Bytes,
    asked: AtomicBool,
}

impl Upstream for Recorded {
    fn send(&self, _: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        self.asked.store(true, Ordering::Relaxed);
        let body = Body::from(self.answer.clone());
        let reply = ProviderReply { status: StatusCode::OK, headers: HeaderMap::new(), body };
        Box::pin(std::future::ready(Ok(reply)))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

/// Reads the list as the gateway does and shows it to clients.
pub(crate) fn listed(exchange: &Exchange, client: Dialect) -> Verdict {
    offered(exchange).and_then(|cards| shown(exchange, cards, client))
}

/// The names that clients are to see.
pub(crate) fn expected(exchange: &Exchange) -> Vec<String> {
    let mut names: Vec<String> =
        offered(exchange).unwrap_or_default().iter().map(|card| card.name.to_string()).collect();
    names.sort();
    names
}

/// An account that asks for the list, of the provider's kind if that asks for one.
pub(crate) fn account(at: usize, exchange: &Exchange, upstream: &str) -> Option<Account> {
    let kind = kind(exchange)?;
    Account::listing(at, kind, upstream)
}

fn shown(exchange: &Exchange, cards: Vec<ModelCard>, client: Dialect) -> Verdict {
    let body: Value = serde_json::from_slice(&exchange.body).map_err(|error| error.to_string())?;
    let theirs = names(&body);
    if let Some(card) = cards.iter().find(|card| !theirs.contains(&*card.name)) {
        return Err(format!("'{}' is offered and was not listed", card.name));
    }
    if cards.is_empty() {
        return Err("nothing is offered".to_owned());
    }
    let cards: Vec<Arc<ModelCard>> = cards.into_iter().map(Arc::new).collect();
    let shown: Value =
        serde_json::from_slice(&wire::models(client, &cards)).map_err(|error| error.to_string())?;
    let (shown, ours) = (names(&shown), cards.iter().map(|card| &*card.name).collect::<BTreeSet<_>>());
    if shown == ours { Ok(()) } else { Err(format!("{} models instead of {}", shown.len(), ours.len())) }
}

fn offered(exchange: &Exchange) -> Result<Vec<ModelCard>, String> {
    let kind = kind(exchange).ok_or("no kind asks for such a list")?;
    asked(exchange, kind)?.ok_or_else(|| "nothing was asked".to_owned())
}

/// The kind that asks: the provider's own, if its models are not known without.
fn kind(exchange: &Exchange) -> Option<&str> {
    let kinds = [accounts::kind_of(&exchange.provider), "openai-compatible"];
    kinds.into_iter().find(|kind| !matches!(asked(exchange, kind), Ok(None)))
}

fn asked(exchange: &Exchange, kind: &str) -> Result<Option<Vec<ModelCard>>, String> {
    let config = json!({"kind": kind, "base_url": "http://upstream.test/v1", "api_key": "k"});
    let Some(provider) = accounts::build(&config) else { return Ok(None) };
    let upstream = Recorded { answer: exchange.body.clone().into(), asked: AtomicBool::new(false) };
    // On a thread of its own, as the one that asks may be a runtime's.
    let cards = std::thread::scope(|scope| scope.spawn(|| discovered(&provider, &upstream)).join());
    let cards = cards.map_err(|_| "a panic".to_owned())??;
    Ok(upstream.asked.into_inner().then_some(cards))
}

fn discovered(provider: &SharedProvider, upstream: &Recorded) -> Result<Vec<ModelCard>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(provider.discover(upstream)).map_err(|error| error.to_string())
}

/// The names in a list, whatever its shape.
fn names(body: &Value) -> BTreeSet<&str> {
    let list = [&body["data"], &body["models"], body].into_iter().find_map(Value::as_array);
    let entries = list.into_iter().flatten();
    entries
        .filter_map(|model| model["id"].as_str().or_else(|| model["name"].as_str()))
        .map(|name| name.trim_start_matches("models/"))
        .collect()
}
