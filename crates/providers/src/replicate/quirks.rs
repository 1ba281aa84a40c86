//! Facts about Replicate. Source: replicate.com/docs/reference/http, .../topics/predictions/create-a-prediction.

use std::time::Duration;

use wire::Quirks;

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "replicate",
    base_url: Some("https://api.replicate.com/v1"),
    version: Some("v1"),
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &[],
};

/// The service's own domains: a prediction names addresses in them to go on at. Streams of text are at machines of
/// `replicate.net` (…/topics/predictions/streaming: `https://stream-….svc.….c.replicate.net/v1/streams/…`).
pub(super) const DOMAINS: &[&str] = &["replicate.com", "replicate.delivery", "replicate.net"];

/// As long as the service holds a request open for the result, in seconds.
pub(super) const WAIT: &str = "wait=60";
/// How often it is asked for a result that took longer.
pub(super) const EVERY: Duration = Duration::from_millis(1000);

pub(super) const QUIRKS: Quirks = Quirks { developer_as_system: true, ..Quirks::NONE };
