//! Replicate: an answer is a prediction, which is waited for, or asked for until it has finished, or read from a stream at an
//! address of its own.

mod config;
mod quirks;
#[cfg(test)]
mod tests;

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Clock, ModelCard, Outbound, Phase, Provider, ProviderReply, SharedProvider, Upstream,
    UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use contract::{Body, Fault};
use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::{Edits, splice};

use crate::listing::{collect, configured};
use crate::request::{Endpoint, segment, translate};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const CANCEL_AFTER: HeaderName = HeaderName::from_static("cancel-after");

/// An account.
struct Replicate {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
}

pub(crate) fn build(
    name: &str,
    config: &Config,
    clock: &Arc<dyn Clock>,
    faults: &mut Faults,
) -> Option<SharedProvider> {
    let endpoint = Endpoint::new(name, config.account(), &quirks::FACTS, faults)?;
    Some(Arc::new(Replicate { endpoint, clock: Arc::clone(clock) }))
}

/// A prediction as far as its course is concerned.
#[derive(Deserialize)]
struct Prediction {
    #[serde(default)]
    status: String,
    error: Option<Value>,
    #[serde(default)]
    urls: Urls,
}

/// Where to go on.
#[derive(Default, Deserialize)]
struct Urls {
    get: Option<String>,
    stream: Option<String>,
    cancel: Option<String>,
}

impl Prediction {
    fn read(bytes: &[u8]) -> Result<Self, UpstreamFailure> {
        serde_json::from_slice(bytes).map_err(|error| unlike(format!("not a prediction: {error}")))
    }

    /// Why it came to nothing.
    fn failure(&self) -> String {
        let said = self.error.as_ref().and_then(Value::as_str).map(str::to_owned);
        said.unwrap_or_else(|| format!("The prediction has ended: {}.", self.status))
    }
}

/// What was begun may cost something, and is not begun again.
fn unlike(reason: String) -> UpstreamFailure {
    UpstreamFailure::Unreadable(reason)
}

/// A prediction that was begun cannot be followed. It may cost something, and is not begun again.
fn left(failure: UpstreamFailure) -> UpstreamFailure {
    match failure {
        UpstreamFailure::Timeout { phase: Phase::FirstByte | Phase::Body, .. } => failure,
        _ => unlike(format!("a prediction was begun and lost: {failure}")),
    }
}

fn refusal(status: StatusCode, message: &str) -> ProviderReply {
    let body = json!({ "error": { "message": message } }).to_string();
    ProviderReply { status, headers: HeaderMap::new(), body: Body::from(body) }
}

impl Replicate {
    /// The request that begins a prediction.
    fn request(&self, mut call: Call<'_>) -> Option<Outbound> {
        let (path, version) = match call.model.split_once(':') {
            Some((_, version)) => ("/predictions".to_owned(), Some(Value::from(version).to_string())),
            None => {
                let segments: Option<Vec<String>> = call.model.split('/').map(segment).collect();
                (format!("/models/{}/predictions", segments?.join("/")), None)
            }
        };
        if let Some(version) = &version {
            let edits = Edits { puts: &[("version", version)], ..Edits::default() };
            call.body = splice(std::mem::take(&mut call.body), &edits);
        }
        let uri = self.endpoint.url(&path, None)?;
        let (stream, total) = (call.stream, call.timeouts.total);
        let mut request = self.endpoint.post(uri, call);
        // The prediction itself is told by JSON, even where its output is streamed.
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !stream {
            request.headers.insert(PREFER, HeaderValue::from_static(quirks::WAIT));
        }
        // Nobody can be told to stop when the client hangs up, so it ends by itself.
        let cancel = format!("{}s", total.as_secs().max(5));
        request.headers.insert(CANCEL_AFTER, HeaderValue::from_str(&cancel).ok()?);
        Some(request)
    }

    /// A request to an address that a prediction named, if that is the service's own.
    fn follow(&self, method: Method, address: &str) -> Result<Outbound, UpstreamFailure> {
        let uri: Uri = address.parse().map_err(|_| unlike("a prediction names no address".to_owned()))?;
        let host = uri.host().unwrap_or_default();
        let within = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if host != self.endpoint.host() && !quirks::DOMAINS.iter().any(|domain| within(domain)) {
            return Err(unlike(format!("a prediction goes on at {host}, which is another's")));
        }
        Ok(self.endpoint.ask(method, uri))
    }

    /// The answer to a call. A prediction that goes on when nobody waits for it any more is told to stop.
    async fn answer(
        &self,
        request: Outbound,
        stream: bool,
        upstream: &dyn Upstream,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let mut going = None;
        let answer = match stream {
            true => self.stream(request, upstream, &mut going).await,
            false => self.whole(request, upstream, &mut going).await,
        };
        if let Some(request) = going.and_then(|address| self.follow(Method::POST, &address).ok()) {
            // It ends by itself where this does not arrive.
            upstream.send(request).await.ok();
        }
        answer
    }

    /// Waits for a whole answer. `going`: where to stop the prediction, as long as it goes on.
    async fn whole(
        &self,
        request: Outbound,
        upstream: &dyn Upstream,
        going: &mut Option<String>,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let (began, timeouts) = (self.clock.tick(), request.timeouts);
        let mut reply = upstream.send(request).await?;
        loop {
            if !reply.status.is_success() {
                return Ok(reply);
            }
            let bytes = collect(reply.body).await?;
            let prediction = Prediction::read(&bytes)?;
            *going = None;
            match prediction.status.as_str() {
                "starting" | "processing" => {}
                "succeeded" => {
                    return Ok(ProviderReply { status: StatusCode::OK, body: Body::from(bytes), ..reply });
                }
                _ => return Ok(refusal(StatusCode::BAD_GATEWAY, &prediction.failure())),
            }
            *going = prediction.urls.cancel;
            if self.clock.tick().since(began) >= timeouts.total {
                return Err(UpstreamFailure::Timeout { phase: Phase::FirstByte, after: timeouts.total });
            }
            let address =
                prediction.urls.get.ok_or_else(|| unlike("a prediction without an address".to_owned()))?;
            let request = Outbound { timeouts, ..self.follow(Method::GET, &address)? };
            self.clock.sleep(quirks::EVERY).await;
            reply = upstream.send(request).await.map_err(left)?;
        }
    }

    /// Opens the stream of an answer. `going`: where to stop the prediction, unless its stream was opened.
    async fn stream(
        &self,
        request: Outbound,
        upstream: &dyn Upstream,
        going: &mut Option<String>,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let timeouts = request.timeouts;
        let reply = upstream.send(request).await?;
        if !reply.status.is_success() {
            return Ok(reply);
        }
        let prediction = Prediction::read(&collect(reply.body).await?)?;
        *going = prediction.urls.cancel;
        let Some(address) = prediction.urls.stream else {
            let says = "This model's output cannot be streamed. Ask for a whole answer.";
            return Ok(refusal(StatusCode::BAD_REQUEST, says));
        };
        let mut request = Outbound { timeouts, ..self.follow(Method::GET, &address)? };
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let reply = upstream.send(request).await.map_err(left)?;
        if reply.status.is_success() {
            *going = None;
        }
        Ok(reply)
    }
}

impl Provider for Replicate {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        (client.operation() == Operation::Chat).then_some(Dialect::ReplicatePredictions)
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, &quirks::QUIRKS)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let stream = call.stream;
        match self.request(call) {
            Some(request) => Box::pin(self.answer(request, stream, upstream)),
            None => {
                let says = "the model's name cannot stand in a URL".to_owned();
                Box::pin(ready(Err(UpstreamFailure::Build(says))))
            }
        }
    }

    /// Replicate lists all models of the world, few of which converse; what the price book knows is offered.
    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(ready(Ok(configured(&self.endpoint.models))))
    }
}
