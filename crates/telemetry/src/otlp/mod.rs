//! Spans of finished requests to an OpenTelemetry collector, by OTLP over HTTP with protobuf bodies.
//!
//! Spans are built from the facts of a settled request, not while it runs: what is off costs nothing, and what is on costs
//! the client nothing. The calls go out through the `Upstream` port like any other. Look next at [`spans`] for what a trace
//! holds.

mod export;
mod identity;
mod spans;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ports::{Clock, Settled, Upstream};
use http::header::{CONTENT_TYPE, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;

pub use export::Exporter;

use crate::config::OtlpConfig;
use crate::losses::Losses;
use identity::Sampler;

/// Traces that wait for the next export.
const QUEUE: usize = 2048;

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The endpoint is not a URL.
    #[error("telemetry.otlp.endpoint: {0} is not an absolute http or https URL")]
    Endpoint(String),
    /// A header cannot be sent.
    #[error("telemetry.otlp.headers.{0}: not a header")]
    Header(String),
}

/// The way into the exporter.
#[derive(Clone)]
pub struct Outlet {
    queue: mpsc::Sender<Vec<Span>>,
    sampler: Sampler,
    losses: Arc<Losses>,
}

impl Outlet {
    /// Queues the trace of a request if it is to be exported; when the queue is full it is dropped and counted.
    pub fn offer(&self, settled: &Settled) {
        let trace = identity::Trace::of(settled);
        if !self.sampler.wants(&trace) {
            return;
        }
        let Ok(place) = self.queue.try_reserve() else { return self.losses.spans(1) };
        place.send(spans::build(settled, &trace));
    }
}

impl Exporter {
    /// An exporter to be run, and the way into it. `version` is that of the gateway.
    ///
    /// # Errors
    /// The endpoint or a header is malformed.
    pub fn new(
        config: &OtlpConfig,
        upstream: Arc<dyn Upstream>,
        clock: Arc<dyn Clock>,
        losses: Arc<Losses>,
        version: &str,
    ) -> Result<(Outlet, Self), ExporterError> {
        let url =
            traces_url(&config.endpoint).ok_or_else(|| ExporterError::Endpoint(config.endpoint.clone()))?;
        let headers = headers(config)?;
        let (queue, traces) = mpsc::channel(QUEUE);
        let sampler = Sampler::new(config.sample);
        let outlet = Outlet { queue, sampler, losses: Arc::clone(&losses) };
        Ok((
            outlet,
            Self { url, headers, traces, upstream, clock, losses, resource: spans::resource(version) },
        ))
    }
}

/// Where traces go: `/v1/traces` below the endpoint (OTLP/HTTP request, "OTEL_EXPORTER_OTLP_ENDPOINT").
pub(crate) fn traces_url(endpoint: &str) -> Option<Uri> {
    let url: Uri = format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse().ok()?;
    let scheme = url.scheme_str()?;
    (["http", "https"].contains(&scheme) && url.host().is_some_and(|host| !host.is_empty())).then_some(url)
}

fn headers(config: &OtlpConfig) -> Result<HeaderMap, ExporterError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in &config.headers {
        let wrong = || ExporterError::Header(name.clone());
        let key: HeaderName = name.parse().map_err(|_| wrong())?;
        let value: Result<HeaderValue, InvalidHeaderValue> = value.reveal().expose().parse();
        let mut value = value.map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}
