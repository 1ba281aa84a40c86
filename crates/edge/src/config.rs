//! `server:` of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use contract::settings::{ByteSize, Faults, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Listen, Network, Socket};
use crate::tls;

/// Where requests come in and how much of them. Changing anything but the certificate files needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Where to listen. `127.0.0.1:8080` when left out.
    pub listen: Listen,
    /// A listener of its own for the admin API and `/metrics`, which then leave the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<Socket>,
    /// Speak TLS on every listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Proxies whose `x-forwarded-for` (or `forwarded`, when that is missing) is believed.
    pub trusted_proxies: Vec<Network>,
    /// Browsers of which origins may call the API. None when left out.
    pub cors: CorsConfig,
    /// The largest request body. `32MiB` when left out.
    pub max_body: ByteSize,
    /// The largest request head. `64KiB` when left out.
    pub max_header_size: ByteSize,
    /// Most headers in a request. 100 when left out; more cost an allocation per request.
    pub max_headers: usize,
    /// Most connections open at once; further ones get 503 and are closed. 10000 when left out.
    pub max_connections: usize,
    /// Most model calls at once; further ones get 503. 2000 when left out.
    pub max_concurrent_requests: usize,
    /// How long clients may take.
    pub timeouts: TimeoutConfig,
    /// How long answers that have begun may still run at shutdown. `20s` when left out, which with what follows
    /// stays below the 30 s that orchestrators usually wait.
    pub drain: Span,
}

/// Certificate and key. Both files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file: the certificate, then its issuers.
    pub cert: PathBuf,
    /// A PEM file: the private key.
    pub key: PathBuf,
}

/// Cross-origin requests of browsers (WHATWG Fetch, "CORS protocol").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Origins such as `https://chat.example.com`; `*` is all of them.
    pub origins: Vec<String>,
    /// How long a browser may remember the answer to a preflight. `10m` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
}

/// How long clients may take. Each limit is kept to within a quarter of the shortest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutConfig {
    /// TLS handshake; also the head of a request, from its first byte on (of the first request: from the connection on).
    /// `10s` when left out.
    pub headers: Span,
    /// The body of a request. One that arrives with at least 16 KiB/s may take longer. `60s` when left out.
    pub body: Span,
    /// How long a connection may idle between two requests. `75s` when left out.
    pub keep_alive: Span,
    /// How long a client may take nothing of an answer that is ready for it. `60s` when left out.
    pub write_stall: Span,
    /// How long a stream may be silent before its client is sent a sign of life, such as a comment or a ping. `0s`: for ever.
    /// `15s` when left out.
    pub silence: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: Listen(vec![Socket(([127, 0, 0, 1], 8080).into())]),
            admin_listen: None,
            tls: None,
            trusted_proxies: Vec::new(),
            cors: CorsConfig::default(),
            max_body: ByteSize(32 << 20),
            max_header_size: ByteSize(64 << 10),
            max_headers: 100,
            max_connections: 10_000,
            max_concurrent_requests: 2_000,
            timeouts: TimeoutConfig::default(),
            drain: Span(Duration::from_secs(20)),
        }
    }
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        let seconds = |count| Span(Duration::from_secs(count));
        Self {
            headers: seconds(10),
            body: seconds(60),
            keep_alive: seconds(75),
            write_stall: seconds(60),
            silence: seconds(15),
        }
    }
}

impl ServerConfig {
    /// Does every listener that takes model calls take them from this machine only?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.listen.0.iter().all(|socket| socket.0.ip().is_loopback())
    }
}

/// Notes what the schema cannot say.
pub fn check(config: &ServerConfig, faults: &mut Faults) {
    if config.listen.0.is_empty() {
        faults.add("server.listen", "name at least one address");
    }
    let counts = [
        ("max_headers", config.max_headers),
        ("max_connections", config.max_connections),
        ("max_concurrent_requests", config.max_concurrent_requests),
    ];
    for (name, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
        faults.add(format!("server.{name}"), "must be at least 1");
    }
    if !(1 << 10..=1 << 20).contains(&config.max_header_size.0) {
        faults.add("server.max_header_size", "must be between 1KiB and 1MiB");
    }
    if config.max_body.0 == 0 {
        faults.add("server.max_body", "must be at least 1B");
    }
    let timeouts = config.timeouts;
    let spans = [
        ("headers", timeouts.headers),
        ("body", timeouts.body),
        ("keep_alive", timeouts.keep_alive),
        ("write_stall", timeouts.write_stall),
    ];
    for (name, _) in spans.into_iter().filter(|(_, span)| span.0.is_zero()) {
        faults.add(format!("server.timeouts.{name}"), "must be longer than nothing");
    }
    if let Some(files) = &config.tls {
        tls::check(files, faults);
    }
    for (at, origin) in config.cors.origins.iter().enumerate() {
        if origin != "*" && (!origin.contains("://") || origin.ends_with('/')) {
            faults.add(
                format!("server.cors.origins[{at}]"),
                "write scheme and host without a trailing slash, such as https://chat.example.com, or *",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_and_sound() {
        let config: ServerConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, ServerConfig::default());
        assert!(config.is_loopback());
        let mut faults = Faults::default();
        check(&config, &mut faults);
        assert!(faults.is_empty(), "{faults}");
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(serde_json::from_str::<ServerConfig>(r#"{"lisen": "127.0.0.1:1"}"#).is_err());
        assert!(serde_json::from_str::<ServerConfig>(r#"{"timeouts": {"header": "1s"}}"#).is_err());
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let config: ServerConfig = serde_json::from_str(
            r#"{"listen": [], "max_headers": 0, "max_header_size": "1B", "max_body": "0B",
                "timeouts": {"body": "0s"}, "cors": {"origins": ["*", "example.com", "https://a.example/"]}}"#,
        )
        .unwrap();
        let mut faults = Faults::default();
        check(&config, &mut faults);
        let paths: Vec<_> = faults.problems().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "server.listen",
                "server.max_headers",
                "server.max_header_size",
                "server.max_body",
                "server.timeouts.body",
                "server.cors.origins[1]",
                "server.cors.origins[2]",
            ]
        );
    }
}
