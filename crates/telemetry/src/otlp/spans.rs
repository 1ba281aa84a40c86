//! A settled request as spans: one for the request, one below it for each stage, one below `attempt` for each call.
//!
//! Names of attributes are those of the OpenTelemetry semantic conventions, HTTP (1.41, stable) and generative AI (1.41,
//! development); what they have no name for begins with `pathgate.`. No content of messages is exported.

use contract::ports::{AttemptEntry, Outcome, RequestEntry, Settled, Stage};
use contract::words::{Tick, UsageSource};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::identity::{SpanId, Trace, span};

/// `flags` of a span: the W3C sampled flag.
const SAMPLED: u32 = 1;

/// What the spans are about: this gateway.
pub(super) fn resource(version: &str) -> Resource {
    Resource {
        attributes: vec![text("service.name", "pathgate"), text("service.version", version)],
        ..Resource::default()
    }
}

/// All spans of one request.
pub(super) fn build(settled: &Settled, trace: &Trace) -> Vec<Span> {
    let scene = Scene { settled, trace };
    let mut spans = Vec::with_capacity(Stage::ALL.len() + 1 + settled.entries.attempts.len());
    spans.push(scene.request());
    let mut above_attempts = trace.root;
    for (stage, from, to) in settled.stages.spans(settled.start) {
        if stage == Stage::Attempt {
            above_attempts = trace.stage(stage);
        }
        spans.push(scene.span(trace.stage(stage), Some(trace.root), (from, to), stage.as_str()));
    }
    for (attempt, times) in settled.entries.attempts.iter().zip(&settled.attempt_spans) {
        spans.push(scene.attempt(attempt, *times, above_attempts));
    }
    spans
}

/// What every span of a request needs to know.
struct Scene<'a> {
    settled: &'a Settled,
    trace: &'a Trace,
}

impl Scene<'_> {
    /// Nanoseconds since 1970 at a tick of this request.
    fn at(&self, tick: Tick) -> u64 {
        let start = u64::try_from(self.settled.entries.request.at.0).unwrap_or(0).saturating_mul(1000);
        start.saturating_add(tick.0.saturating_sub(self.settled.start.0))
    }

    fn span(
        &self,
        id: SpanId,
        parent: Option<SpanId>,
        (from, to): (Tick, Tick),
        name: impl Into<String>,
    ) -> Span {
        Span {
            trace_id: self.trace.id.to_vec(),
            span_id: id.to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_vec()),
            flags: SAMPLED,
            name: name.into(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: self.at(from),
            end_time_unix_nano: self.at(to),
            ..Span::default()
        }
    }

    fn request(&self) -> Span {
        let entry = &self.settled.entries.request;
        let times = (self.settled.start, self.settled.end);
        let route = entry.dialect.path();
        let name = format!("POST {route}");
        Span {
            kind: SpanKind::Server.into(),
            attributes: request_attributes(entry, route),
            status: failed(entry.outcome).then(|| error(entry.error.as_deref())),
            ..self.span(self.trace.root, self.trace.parent, times, name)
        }
    }

    fn attempt(&self, attempt: &AttemptEntry, times: (Tick, Tick), parent: SpanId) -> Span {
        let operation = self.settled.entries.request.operation.as_str();
        let name = format!("{operation} {}", attempt.upstream_model);
        Span {
            kind: SpanKind::Client.into(),
            attributes: attempt_attributes(attempt, operation),
            status: failed(attempt.outcome).then(|| error(attempt.error.as_deref())),
            ..self.span(span(attempt.id), Some(parent), times, name)
        }
    }
}

/// `gen_ai.provider.name`: the conventions have names of their own for some of our kinds.
fn provider_name(kind: &str) -> &str {
    match kind {
        "gemini" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "watsonx" => "ibm.watsonx.ai",
        "xai" => "x_ai",
        other => other,
    }
}

fn failed(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::Interrupted)
}

fn error(code: Option<&str>) -> Status {
    Status { message: code.unwrap_or_default().to_owned(), code: StatusCode::Error.into() }
}

fn request_attributes(entry: &RequestEntry, route: &str) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("http.route", route),
        number("http.response.status_code", entry.status.into()),
        text("client.address", entry.client.to_string()),
        text("pathgate.request.id", entry.id.to_string()),
        text("pathgate.dialect", entry.dialect.as_str()),
        text("pathgate.outcome", entry.outcome.as_str()),
        flag("pathgate.stream", entry.stream),
    ];
    let optional = [
        ("error.type", entry.error.as_deref()),
        ("pathgate.model", entry.model.as_deref()),
        ("pathgate.deployment", entry.deployment.as_deref()),
        ("pathgate.key", entry.key_name.as_deref()),
        ("pathgate.org", entry.org.as_deref()),
        ("pathgate.team", entry.team.as_deref()),
        ("pathgate.app", entry.app.as_deref()),
    ];
    attributes.extend(optional.into_iter().filter_map(|(key, value)| Some(text(key, value?))));
    attributes.extend(entry.ttft_us.map(|micros| number("pathgate.time_to_first_content_us", micros)));
    attributes
}

fn attempt_attributes(attempt: &AttemptEntry, operation: &str) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", provider_name(&attempt.provider_kind)),
        text("gen_ai.request.model", &*attempt.upstream_model),
        text("pathgate.deployment", &*attempt.deployment),
        text("pathgate.attempt.id", attempt.id.to_string()),
        number("pathgate.attempt.number", attempt.number.into()),
        text("pathgate.cost.kind", attempt.cost_kind.as_str()),
    ];
    attributes.extend(attempt.status.map(|status| number("http.response.status_code", status.into())));
    attributes.extend(attempt.error.as_deref().map(|code| text("error.type", code)));
    // Exact, as a decimal: a floating-point number would round what the ledger does not.
    attributes.extend(attempt.cost.map(|cost| text("pathgate.cost.usd", cost.to_string())));
    attributes.extend(attempt.first_byte_us.map(|micros| number("pathgate.first_byte_us", micros)));
    if attempt.usage_source != UsageSource::None {
        let usage = &attempt.usage;
        let written = usage.cache_write.saturating_add(usage.cache_write_long);
        // The conventions count cached tokens within the input and reasoning within the output.
        attributes.push(number("gen_ai.usage.input_tokens", usage.input_total()));
        attributes.push(number("gen_ai.usage.output_tokens", usage.output_total()));
        let shares = [
            ("gen_ai.usage.cache_read.input_tokens", usage.cached),
            ("gen_ai.usage.cache_creation.input_tokens", written),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ];
        let shares = shares.into_iter().filter(|(_, tokens)| *tokens > 0);
        attributes.extend(shares.map(|(key, tokens)| number(key, tokens)));
    }
    attributes
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}
