//! Every metric there is, as a table: the exposition and `schema/metrics.md` are both made from it.

use std::fmt::Write;

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// Which family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Requests,
    RequestDuration,
    StageDuration,
    FirstContent,
    InFlight,
    Attempts,
    FirstByte,
    Tokens,
    Cost,
    CostUnknown,
    Connections,
    EdgeRefused,
    UpstreamConnections,
    UpstreamConnectionsOpened,
    SpoolWaitingRecords,
    SpoolWaitingBytes,
    SpoolRecorded,
    SpoolDrained,
    SpoolFailures,
    RecordsFailed,
    ConfigReloads,
    ConfigSnapshot,
    LogLinesLost,
    TracesLost,
    Build,
    ResidentMemory,
    Cpu,
    Started,
    OpenFiles,
}

/// One family.
pub(super) struct Family {
    pub(super) name: Name,
    pub(super) kind: Kind,
    /// Without unit and without what the kind adds.
    pub(super) stem: &'static str,
    pub(super) unit: Option<&'static str>,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

const fn family(
    name: Name,
    kind: Kind,
    (stem, unit): (&'static str, Option<&'static str>),
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind, stem, unit, labels, help }
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

// tidy: table
pub(super) const FAMILIES: &[Family] = &[
    family(
        Name::Requests,
        Kind::Counter,
        ("pathgate_requests", None),
        &["dialect", "model", "status", "outcome"],
        "Finished requests. `model` is the deployment that answered, `none` if none did, `other` if it has no series of its own; `status` is what the client got; `outcome` is answered, refused, failed, client_gone, interrupted or cancelled.",
    ),
    family(
        Name::RequestDuration,
        Kind::Histogram,
        ("pathgate_request_duration", SECONDS),
        &[],
        "From the head of a request to the end of its answer.",
    ),
    family(
        Name::StageDuration,
        Kind::Histogram,
        ("pathgate_stage_duration", SECONDS),
        &["stage"],
        "How long each stage of the request path took: authenticate, admit, assemble, inspect_input, lookup, attempt, inspect_output, settle.",
    ),
    family(
        Name::FirstContent,
        Kind::Histogram,
        ("pathgate_time_to_first_content", SECONDS),
        &[],
        "From the head of a request to the first content of its answer.",
    ),
    family(
        Name::InFlight,
        Kind::Gauge,
        ("pathgate_requests_in_flight", None),
        &[],
        "Requests that have arrived and are not finished.",
    ),
    family(
        Name::Attempts,
        Kind::Counter,
        ("pathgate_attempts", None),
        &["provider", "deployment", "outcome", "code"],
        "Calls to deployments. `deployment` is `other` for what only a client named (`provider/model`) until it has answered once, and beyond 1,000 deployments; `provider` is always the real one. `code` is the fault's code, empty without one; `schema/errors.md` lists them.",
    ),
    family(
        Name::FirstByte,
        Kind::Histogram,
        ("pathgate_upstream_first_byte", SECONDS),
        &["deployment"],
        "From a call to the head of the upstream's response.",
    ),
    family(
        Name::Tokens,
        Kind::Counter,
        ("pathgate_tokens", None),
        &["deployment", "kind"],
        "Tokens consumed. `kind` is input (neither cached nor written to a cache), cached, cache_write, output or reasoning (a share of output).",
    ),
    family(
        Name::Cost,
        Kind::Counter,
        ("pathgate_cost", Some("usd")),
        &["deployment"],
        "What attempts cost, where the price is known. The ledger is exact; this is rounded to a floating-point number.",
    ),
    family(
        Name::CostUnknown,
        Kind::Counter,
        ("pathgate_cost_unknown", None),
        &["deployment"],
        "Attempts that consumed something whose price is unknown.",
    ),
    family(
        Name::Connections,
        Kind::Gauge,
        ("pathgate_connections_open", None),
        &[],
        "Connections of clients.",
    ),
    family(
        Name::EdgeRefused,
        Kind::Counter,
        ("pathgate_edge_refused", None),
        &["code"],
        "Requests and connections refused before they reached the request path.",
    ),
    family(
        Name::UpstreamConnections,
        Kind::Gauge,
        ("pathgate_upstream_connections", None),
        &["provider", "state"],
        "Connections to upstreams. `state` is busy or idle.",
    ),
    family(
        Name::UpstreamConnectionsOpened,
        Kind::Counter,
        ("pathgate_upstream_connections_opened", None),
        &["provider"],
        "Connections opened to upstreams.",
    ),
    family(
        Name::SpoolWaitingRecords,
        Kind::Gauge,
        ("pathgate_spool_waiting_records", None),
        &[],
        "Finished requests that the database does not have yet.",
    ),
    family(
        Name::SpoolWaitingBytes,
        Kind::Gauge,
        ("pathgate_spool_waiting", BYTES),
        &[],
        "Size of the spool's part that the database does not have yet.",
    ),
    family(
        Name::SpoolRecorded,
        Kind::Counter,
        ("pathgate_spool_recorded", None),
        &[],
        "Finished requests the spool took.",
    ),
    family(
        Name::SpoolDrained,
        Kind::Counter,
        ("pathgate_spool_drained", None),
        &[],
        "Finished requests the database took from the spool.",
    ),
    family(
        Name::SpoolFailures,
        Kind::Counter,
        ("pathgate_spool_failures", None),
        &[],
        "Batches the database did not take; they are tried again.",
    ),
    family(
        Name::RecordsFailed,
        Kind::Counter,
        ("pathgate_records_failed", None),
        &[],
        "Finished requests that could not be recorded. Anything but 0 means lost ledger entries.",
    ),
    family(
        Name::ConfigReloads,
        Kind::Counter,
        ("pathgate_config_reloads", None),
        &["result"],
        "Times the configuration was read again. `result` is applied or refused.",
    ),
    family(
        Name::ConfigSnapshot,
        Kind::Gauge,
        ("pathgate_config_snapshot", None),
        &[],
        "Version of the configuration in force.",
    ),
    family(
        Name::LogLinesLost,
        Kind::Counter,
        ("pathgate_log_lines_lost", None),
        &[],
        "Log lines dropped because they could not be written fast enough.",
    ),
    family(
        Name::TracesLost,
        Kind::Counter,
        ("pathgate_traces_lost", None),
        &[],
        "Traces dropped because the collector did not take them, or not fast enough.",
    ),
    family(Name::Build, Kind::Info, ("pathgate_build", None), &["version"], "This build."),
    family(
        Name::ResidentMemory,
        Kind::Gauge,
        ("process_resident_memory", BYTES),
        &[],
        "Resident memory (Linux only).",
    ),
    family(Name::Cpu, Kind::Counter, ("process_cpu", SECONDS), &[], "User and system CPU time (Linux only)."),
    family(
        Name::Started,
        Kind::Gauge,
        ("process_start_time", SECONDS),
        &[],
        "When the process started, in seconds since 1970.",
    ),
    family(
        Name::OpenFiles,
        Kind::Gauge,
        ("process_open_fds", None),
        &[],
        "Open file descriptors (Linux only).",
    ),
];

impl Family {
    /// The name of its samples; of histograms, what `_bucket`, `_sum` and `_count` are added to.
    fn full_name(&self) -> String {
        let mut name = self.stem.to_owned();
        if let Some(unit) = self.unit {
            name.push('_');
            name.push_str(unit);
        }
        name.push_str(match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        });
        name
    }
}

/// `schema/metrics.md`.
#[must_use]
pub fn metrics_reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         `GET /metrics`, in the OpenMetrics text format. Generated from `crates/telemetry/src/metrics/catalogue.rs`; names\n\
         and labels are part of the public interface and do not change.\n\n\
         | metric | kind | labels | what it says |\n|---|---|---|---|\n",
    );
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing into a string cannot fail.
        writeln!(text, "| `{}` | {kind} | {} | {} |", family.full_name(), labels.join(" "), family.help).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_listed_once_and_documented() {
        let reference = metrics_reference();
        for (at, family) in FAMILIES.iter().enumerate() {
            assert!(FAMILIES[..at].iter().all(|other| other.name != family.name), "{}", family.stem);
            assert!(family.help.ends_with('.'), "{}", family.stem);
            assert!(!family.help.contains('|'), "{} would break the table", family.stem);
            assert!(reference.contains(&format!("| `{}` |", family.full_name())), "{}", family.stem);
        }
        assert!(reference.contains("| `pathgate_cost_usd_total` | counter | `deployment` |"), "{reference}");
    }
}
