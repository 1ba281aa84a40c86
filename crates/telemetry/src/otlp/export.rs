//! Sends queued traces in batches. One task, one call at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::Body;
use contract::ports::{Clock, Outbound, ProviderReply, Timeouts, Upstream, UpstreamFailure};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body::Body as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::losses::Losses;

/// Most traces in one call.
const MOST: usize = 512;
/// The longest a trace waits for others to share its call.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long to wait before the second and last try.
const SECOND_TRY: Duration = Duration::from_secs(1);
/// The most of a collector's answer that is read, which keeps the connection usable.
const MOST_ANSWER: usize = 64 << 10;
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    total: Duration::from_secs(10),
};

/// Sends what its [`Outlet`](super::Outlet) takes in.
pub struct Exporter {
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    pub(super) traces: mpsc::Receiver<Vec<Span>>,
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) losses: Arc<Losses>,
    pub(super) resource: Resource,
}

impl Exporter {
    /// Exports until `shutdown`, then what is queued by then.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let more = self.fill(&mut batch, &shutdown).await;
            while !batch.is_empty() {
                let rest = batch.split_off(batch.len().min(MOST));
                self.export(std::mem::replace(&mut batch, rest)).await;
            }
            if !more {
                return;
            }
        }
    }

    /// Waits for the first trace and then a while for more. Says whether to come again.
    async fn fill(&mut self, batch: &mut Vec<Vec<Span>>, shutdown: &CancellationToken) -> bool {
        let mut due = None;
        while batch.len() < MOST {
            let room = MOST - batch.len();
            tokio::select! {
                count = self.traces.recv_many(batch, room) => match count {
                    0 => return false,
                    _ => { due.get_or_insert_with(|| self.clock.sleep(INTERVAL)); }
                },
                () = async { if let Some(due) = &mut due { due.await } }, if due.is_some() => return true,
                () = shutdown.cancelled() => {
                    while let Ok(trace) = self.traces.try_recv() {
                        batch.push(trace);
                    }
                    return false;
                }
            }
        }
        true
    }

    async fn export(&self, traces: Vec<Vec<Span>>) {
        let count = traces.len();
        let body = Bytes::from(self.request(traces).encode_to_vec());
        let mut outcome = self.send(body.clone()).await;
        if outcome.as_ref().is_err_and(Problem::may_pass) {
            self.clock.sleep(SECOND_TRY).await;
            outcome = self.send(body).await;
        }
        if let Err(problem) = outcome {
            self.losses.spans(count);
            tracing::warn!(%problem, traces = count, "traces could not be exported");
        }
    }

    fn request(&self, traces: Vec<Vec<Span>>) -> ExportTraceServiceRequest {
        let spans = ScopeSpans {
            scope: Some(InstrumentationScope { name: "pathgate".to_owned(), ..Default::default() }),
            spans: traces.into_iter().flatten().collect(),
            ..ScopeSpans::default()
        };
        let resource = Some(self.resource.clone());
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource,
                scope_spans: vec![spans],
                ..ResourceSpans::default()
            }],
        }
    }

    async fn send(&self, body: Bytes) -> Result<(), Problem> {
        let call = Outbound {
            method: Method::POST,
            uri: self.url.clone(),
            headers: self.headers.clone(),
            body: Body::Full(body),
            timeouts: TIMEOUTS,
            untrusted: false,
            provider: None,
        };
        let ProviderReply { status, body, .. } = self.upstream.send(call).await?;
        read(body).await;
        if status.is_success() { Ok(()) } else { Err(Problem::Status(status)) }
    }
}

/// Why the collector did not take a batch.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Unreachable(#[from] UpstreamFailure),
    #[error("the collector answered {0}")]
    Status(StatusCode),
}

impl Problem {
    /// Can trying again help (OTLP/HTTP, "Failures")?
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
        }
    }
}

/// Reads a small answer to its end and forgets it.
async fn read(mut body: Body) {
    let mut count = 0;
    while count < MOST_ANSWER {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else { return };
        count += frame.data_ref().map_or(0, Bytes::len);
    }
}
