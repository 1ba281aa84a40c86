//! Lists of models: what a provider offers is what it listed, and clients of every dialect see the same names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use contract::Body;
use contract::ports::{
    BoxFuture, Clock, ModelCard, Outbound, PoolState, ProviderReply, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Tick, Timestamp};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::checks::Verdict;
use crate::corpus::Exchange;

/// The dialects that have lists of their own shape.
pub(crate) const SHAPES: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate, Dialect::OllamaChat];

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

/// No list waits for anything.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn tick(&self) -> Tick {
        Tick(0)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// The dialect in which a provider reports what is wrong.
pub(crate) fn dialect(provider: &str) -> Dialect {
    match provider {
        "anthropic" => Dialect::AnthropicMessages,
        "gemini" | "vertex" => Dialect::GeminiGenerate,
        "ollama" => Dialect::OllamaChat,
        "cohere" => Dialect::CohereChat,
        _ => Dialect::OpenaiChat,
    }
}

/// Reads the list as the gateway does and shows it to clients; a reason where it does not ask for one.
pub(crate) fn listed(exchange: &Exchange, client: Dialect) -> Result<Verdict, &'static str> {
    match offered(exchange) {
        Ok(None) => Err("a kind whose models are known without asking"),
        Ok(Some(cards)) => Ok(shown(exchange, cards, client)),
        Err(reason) => Ok(Err(reason)),
    }
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

fn offered(exchange: &Exchange) -> Result<Option<Vec<ModelCard>>, String> {
    let build = |kind: &str| {
        let config = json!({"kind": kind, "base_url": "http://upstream.test/v1", "api_key": "k"});
        let config = serde_json::from_value(config).ok()?;
        let clock: Arc<dyn Clock> = Arc::new(Still);
        providers::build("p", &config, &clock, &mut Faults::default())
    };
    let provider = build(&exchange.provider).or_else(|| build("openai-compatible"));
    let provider = provider.ok_or("no such provider can be configured")?;
    let upstream = Recorded { answer: exchange.body.clone().into(), asked: AtomicBool::new(false) };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let cards = runtime.block_on(provider.discover(&upstream)).map_err(|error| error.to_string())?;
    Ok(upstream.asked.into_inner().then_some(cards))
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
