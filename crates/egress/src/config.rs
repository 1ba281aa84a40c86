//! Settings of the client. Proxies may come from the environment: the caller reads it and fills [`ProxyConfig`] in.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use contract::settings::{Faults, SecretText, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{proxy, tls};

/// How outgoing calls are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EgressConfig {
    /// Close a connection that was idle for this long. Keep it below the 75 s after which many servers close it
    /// themselves, so that calls rarely meet a connection that is being closed.
    pub idle_timeout: Span,
    /// Most idle connections kept for one provider and host.
    pub max_idle: usize,
    /// Offer HTTP/2 to servers that speak TLS.
    pub http2: bool,
    /// Trust the public certificate authorities that Mozilla lists.
    pub public_roots: bool,
    /// Trust the certificate authorities of the operating system.
    pub native_roots: bool,
    /// Trust the certificate authorities in these PEM files as well.
    pub ca_files: Vec<PathBuf>,
    /// Proxies for outgoing calls.
    pub proxy: ProxyConfig,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Span(Duration::from_secs(60)),
            max_idle: 256,
            http2: true,
            public_roots: true,
            native_roots: false,
            ca_files: Vec::new(),
            proxy: ProxyConfig::default(),
        }
    }
}

/// Proxies, with the meaning of the environment variables of the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// For `http://` targets: `http://[user:password@]host[:port]`. Requests go in absolute form.
    pub http: Option<SecretText>,
    /// For `https://` targets: `http://[user:password@]host[:port]`. A CONNECT tunnel is asked for.
    pub https: Option<SecretText>,
    /// Targets that are reached directly: names (subdomains included; `.name` means subdomains only), addresses,
    /// networks such as `10.0.0.0/8`, each with an optional `:port`, separated by commas; `*` means all.
    /// `localhost` and loopback addresses never go through a proxy.
    pub no_proxy: Option<String>,
}

/// Notes what [`crate::Client::new`] would refuse, all at once: proxies, certificates. Reads files, calls nobody.
pub fn check(config: &EgressConfig, providers: &HashMap<String, ProviderTls>, faults: &mut Faults) {
    proxy::check(&config.proxy, faults);
    tls::check(config, providers, faults);
}

/// TLS of one provider, where it differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderTls {
    /// Trust only the certificate authorities in this PEM file.
    pub ca_file: Option<PathBuf>,
    /// Present the certificate chain in this PEM file.
    pub client_cert: Option<PathBuf>,
    /// The key of `client_cert`, PEM.
    pub client_key: Option<PathBuf>,
}
