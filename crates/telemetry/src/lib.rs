//! What is told about requests once they are over: metrics, the log, and spans.
//!
//! Everything here is fed from `contract`'s `Telemetry` port with finished facts, so that a feature that is off costs
//! nothing and none of it can slow a request down: counters are atomics, logs and spans go through bounded queues that
//! drop and count. Bodies and keys never pass through here. Look next at [`Instruments`].

mod config;
mod instruments;
mod logging;
mod losses;
mod metrics;
mod otlp;
#[cfg(test)]
mod settled;

pub use config::{BodiesConfig, LogConfig, LogFormat, OtlpConfig, RequestLog, TelemetryConfig, check};
pub use instruments::Instruments;
pub use logging::{LogError, LogGuard, init as init_logging};
pub use losses::Losses;
pub use metrics::{Metrics, Sources, SpoolFigures, metrics_reference};
pub use otlp::{Exporter, ExporterError, Outlet};
