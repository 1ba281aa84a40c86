//! What the engine and the edge report to: metrics always, the log and the spans as configured.

use std::sync::Arc;
use std::time::Duration;

use contract::Code;
use contract::ports::{Outcome, RecordError, Settled, Telemetry};

use crate::config::RequestLog;
use crate::metrics::Metrics;
use crate::otlp::Outlet;

/// The `Telemetry` of the gateway.
pub struct Instruments {
    metrics: Arc<Metrics>,
    requests: RequestLog,
    spans: Option<Outlet>,
}

impl Instruments {
    /// Puts the parts together.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>, requests: RequestLog, spans: Option<Outlet>) -> Self {
        Self { metrics, requests, spans }
    }
}

impl Telemetry for Instruments {
    fn arrived(&self) {
        self.metrics.arrived();
    }

    fn first_content(&self, after: Duration) {
        self.metrics.first_content(after);
    }

    fn settled(&self, settled: &Settled) {
        self.metrics.settled(settled);
        let wanted = match self.requests {
            RequestLog::All => true,
            RequestLog::Errors => settled.entries.request.outcome != Outcome::Answered,
            RequestLog::None => false,
        };
        if wanted {
            write_line(settled);
        }
        if let Some(spans) = &self.spans {
            spans.offer(settled);
        }
    }

    fn connection(&self, opened: bool) {
        self.metrics.connection(opened);
    }

    fn edge_refused(&self, code: Code) {
        self.metrics.edge_refused(code);
    }

    fn record_failed(&self, _: &RecordError) {
        self.metrics.record_failed();
    }
}

/// One line for one request. The event is `request`; bodies and the end user's name stay out of it.
fn write_line(settled: &Settled) {
    let request = &settled.entries.request;
    tracing::info!(
        target: "pathgate::request",
        request = %request.id,
        status = request.status,
        outcome = request.outcome.as_str(),
        error = request.error.as_deref(),
        detail = request.detail.as_deref(),
        dialect = request.dialect.as_str(),
        model = request.model.as_deref(),
        deployment = request.deployment.as_deref(),
        key = request.key_name.as_deref(),
        client = %request.client,
        stream = request.stream,
        attempts = request.attempts,
        input_tokens = request.usage.input_total(),
        output_tokens = request.usage.output_total(),
        cost_usd = request.cost.map(tracing::field::display),
        ttft_us = request.ttft_us,
        duration_us = request.duration_us,
        trace = request.trace_id.as_deref(),
        "request"
    );
}
