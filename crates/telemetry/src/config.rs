//! `telemetry:` of the configuration.

use std::collections::BTreeMap;

use contract::settings::{ByteSize, Faults, SecretText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logs, spans and bodies. Metrics are always on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The log of this process, on standard error.
    pub log: LogConfig,
    /// Spans to an OpenTelemetry collector; none without an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpConfig>,
    /// What of bodies goes into the request log of the database.
    pub bodies: BodiesConfig,
}

/// The log of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How lines are written. `text` when left out.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,edge=debug`. `info` when left out.
    pub level: String,
    /// Which requests get a line. `errors` when left out: a line costs more than all metrics together, and every request
    /// is in the request log of the database anyway.
    pub requests: RequestLog,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Which requests get a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestLog {
    /// All of them.
    All,
    /// Those that were not answered in full.
    #[default]
    Errors,
    /// None of them.
    None,
}

/// Where spans go (OTLP over HTTP, protobuf).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// The collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added.
    #[schemars(extend("format" = "uri"))]
    pub endpoint: String,
    /// Headers to send along, such as a key for the collector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// The share of traces that begin here and are exported, from 0 to 1. A client's own decision in its `traceparent` goes
    /// before it. 1 when left out.
    #[serde(default = "everything")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
}

/// What of bodies is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BodiesConfig {
    /// Keep request and response bodies in the request log? They hold what users wrote: `false` when left out.
    pub log: bool,
    /// The most of each body that is kept, up to `8MiB`. `64KiB` when left out.
    pub max: ByteSize,
}

/// Request and answer stand in one record of the spool, which has a bound.
const LONGEST_BODY: ByteSize = ByteSize(8 << 20);

const fn everything() -> f64 {
    1.0
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned(), requests: RequestLog::Errors }
    }
}

impl Default for BodiesConfig {
    fn default() -> Self {
        Self { log: false, max: ByteSize(64 << 10) }
    }
}

impl OtlpConfig {
    /// All spans to this collector, without headers: what `OTEL_EXPORTER_OTLP_ENDPOINT` alone asks for.
    #[must_use]
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), headers: BTreeMap::new(), sample: everything() }
    }
}

/// Notes what the schema cannot say.
pub fn check(config: &TelemetryConfig, faults: &mut Faults) {
    if config.bodies.max > LONGEST_BODY {
        faults.add("telemetry.bodies.max", "must be at most 8MiB");
    }
    if let Err(error) = crate::logging::filter(&config.log.level) {
        faults.add("telemetry.log.level", error.to_string());
    }
    let Some(otlp) = &config.otlp else { return };
    if crate::otlp::traces_url(&otlp.endpoint).is_none() {
        faults.add("telemetry.otlp.endpoint", "must be an absolute http or https URL");
    }
    if !(0.0..=1.0).contains(&otlp.sample) {
        faults.add("telemetry.otlp.sample", "must be between 0 and 1");
    }
    for name in otlp.headers.keys().filter(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
        faults.add(format!("telemetry.otlp.headers.{name}"), "is not a header name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(json: &str) -> Vec<String> {
        let mut faults = Faults::default();
        check(&serde_json::from_str(json).unwrap(), &mut faults);
        faults.problems().iter().map(|problem| problem.path.clone()).collect()
    }

    #[test]
    fn the_default_is_sound() {
        assert_eq!(paths("{}"), [""; 0]);
        assert_eq!(paths(r#"{"log": {"level": "info,edge=debug"}}"#), [""; 0]);
        assert_eq!(paths(r#"{"otlp": {"endpoint": "http://127.0.0.1:4318", "sample": 0.5}}"#), [""; 0]);
    }

    #[test]
    fn all_faults_are_found_at_once() {
        assert_eq!(
            paths(
                r#"{"log": {"level": "edge=loud"}, "bodies": {"max": "9MiB"},
                    "otlp": {"endpoint": "collector:4318", "sample": 2, "headers": {"a b": "c"}}}"#
            ),
            [
                "telemetry.bodies.max",
                "telemetry.log.level",
                "telemetry.otlp.endpoint",
                "telemetry.otlp.sample",
                "telemetry.otlp.headers.a b"
            ]
        );
    }
}
