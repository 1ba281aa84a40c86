//! The whole configuration: each crate defines its own section, this composes them and lets each check itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use contract::ports::Clock;
use contract::settings::{Faults, check_format};
use contract::words::Timestamp;
use egress::{EgressConfig, ProviderTls};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::provider_configs;
use crate::clock::SystemClock;
use crate::environment;

/// Where spans go when the file does not say (OpenTelemetry, "General SDK Configuration").
const COLLECTOR_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Everything that can be set. Every setting has a default; an empty file is a valid one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Pathgate configuration")]
pub(crate) struct Config {
    /// Listeners, caps and time limits of the way in.
    pub(crate) server: edge::ServerConfig,
    /// Where keys, the ledger and the request log are kept.
    pub(crate) storage: storage::StorageConfig,
    /// Who may call, and as what.
    pub(crate) auth: identity::AuthConfig,
    /// Upstream accounts by name. The name is the first part of a full model name: `name/upstream-model`.
    #[schemars(extend("propertyNames" = name()))]
    pub(crate) providers: BTreeMap<String, providers::ProviderConfig>,
    /// Model names of your own, and where requests for them go.
    #[schemars(extend("propertyNames" = name()))]
    pub(crate) models: BTreeMap<String, routing::ModelConfig>,
    /// Virtual keys that live in this file; they cannot be changed elsewhere.
    pub(crate) keys: Vec<identity::KeyConfig>,
    /// Prices of models beside or instead of the built-in ones.
    pub(crate) prices: metering::PricesConfig,
    /// Logs, traces and metrics.
    pub(crate) telemetry: telemetry::TelemetryConfig,
    /// How calls to upstreams are made.
    pub(crate) egress: egress::EgressConfig,
}

/// Names stand in URLs, headers, metrics and model names, so they are kept plain.
fn name() -> serde_json::Value {
    serde_json::json!({ "format": "name", "pattern": "^[A-Za-z0-9._-]+$" })
}

impl Config {
    /// The collector of spans: that of the file, or else the one the environment names.
    pub(crate) fn collector(&self) -> Option<telemetry::OtlpConfig> {
        let named = || environment::variable(COLLECTOR_VARIABLE).filter(|endpoint| !endpoint.is_empty());
        self.telemetry.otlp.clone().or_else(|| named().map(telemetry::OtlpConfig::to))
    }

    /// One line on what it holds.
    pub(crate) fn summary(&self) -> String {
        let count = |number: usize, word: &str| match number {
            1 => format!("1 {word}"),
            _ => format!("{number} {word}s"),
        };
        format!(
            "{}, {}, {}",
            count(self.providers.len(), "provider"),
            count(self.models.len(), "model"),
            count(self.keys.len(), "key")
        )
    }
}

/// What the schema cannot say, section by section.
pub(crate) fn check(config: &Config, faults: &mut Faults) {
    edge::check(&config.server, faults);
    config.storage.validate("storage", faults);
    identity::check(&config.auth, config.server.is_loopback(), faults);
    identity::check_keys(&config.keys, &config.auth, faults);
    let accounts = provider_configs(config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for (name, account) in &accounts {
        // Building calls nobody; it is how a kind says what it needs.
        drop(providers::build(name, account, &clock, faults));
    }
    let names: BTreeSet<&str> = accounts.iter().map(|(name, _)| name.as_str()).collect();
    routing::check(&config.models, &names, faults);
    telemetry::check(&config.telemetry, faults);
    // The files that are named are tried as they will be used: `serve` would refuse them at start.
    let (settings, tls) = egress_settings(config);
    egress::check(&settings, &tls, faults);
    if let Some(Err(error)) = config.prices.file.as_deref().map(metering::PriceBook::load) {
        faults.add("prices.file", error.to_string());
    }
}

/// The client's settings with the proxies of the environment, and the TLS of providers that have their own.
pub(crate) fn egress_settings(config: &Config) -> (EgressConfig, HashMap<String, ProviderTls>) {
    let mut settings = config.egress.clone();
    let variable = |names: [&str; 2]| {
        names.into_iter().find_map(|name| environment::variable(name).filter(|text| !text.is_empty()))
    };
    let proxy = &mut settings.proxy;
    let secret = contract::settings::SecretText::new;
    proxy.http = proxy.http.take().or_else(|| variable(["http_proxy", "HTTP_PROXY"]).map(secret));
    proxy.https = proxy.https.take().or_else(|| variable(["https_proxy", "HTTPS_PROXY"]).map(secret));
    proxy.no_proxy = proxy.no_proxy.take().or_else(|| variable(["no_proxy", "NO_PROXY"]));
    let tls = provider_configs(config).into_iter().filter_map(|(name, provider)| {
        let providers::TlsConfig { ca_file, client_cert, client_key } = provider.account().tls.clone();
        let own = ProviderTls { ca_file, client_cert, client_key };
        (own != ProviderTls::default()).then_some((name, own))
    });
    let tls = tls.collect();
    (settings, tls)
}

/// Every file that a configuration names, but for those that secrets came from.
pub(crate) fn files(config: &Config) -> Vec<PathBuf> {
    let (settings, providers) = egress_settings(config);
    let listen = config.server.tls.iter().flat_map(|tls| [tls.cert.clone(), tls.key.clone()]);
    let providers = providers.into_values().flat_map(|tls| [tls.ca_file, tls.client_cert, tls.client_key]);
    listen.chain(config.prices.file.clone()).chain(settings.ca_files).chain(providers.flatten()).collect()
}

/// Checks a text against a `format` of the schema, so that all wrong texts are told at once.
///
/// # Errors
/// What the text is not, to follow "`text` is".
pub(crate) fn check_text(format: &str, text: &str) -> Result<(), String> {
    match format {
        "socket-address" => text.parse::<edge::Socket>().map(drop).map_err(|error| error.to_string()),
        "ip-network" => text.parse::<edge::Network>().map(drop).map_err(|error| error.to_string()),
        "date-time" => text
            .parse::<Timestamp>()
            .map(drop)
            .map_err(|_| "not a time: write RFC 3339, such as 2030-01-31T12:00:00Z".to_owned()),
        "name" => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            match !text.is_empty() && text.bytes().all(plain) {
                true => Ok(()),
                false => Err("not a name: write letters, digits, `.`, `_` and `-`".to_owned()),
            }
        }
        other => check_format(other, text).map_err(|error| error.to_string()),
    }
}
