//! The settings that all kinds of accounts have, written once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::ports::Timeouts;
use contract::settings::{SecretText, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::price::PriceConfig;

/// How long each phase of a call may take; what is missing has the usual length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeoutConfig {
    /// DNS, TCP and TLS together. Usually 5s.
    pub connect: Option<Span>,
    /// From the request sent to the response head. Usually 2m.
    pub first_byte: Option<Span>,
    /// Between two chunks of a response. Usually 1m.
    pub idle: Option<Span>,
    /// The whole attempt. Usually 10m.
    pub total: Option<Span>,
}

impl TimeoutConfig {
    /// The limits, complete.
    #[must_use]
    pub fn limits(&self) -> Timeouts {
        let usual = Timeouts::default();
        let or = |given: Option<Span>, usual| given.map_or(usual, |span| span.0);
        Timeouts {
            connect: or(self.connect, usual.connect),
            first_byte: or(self.first_byte, usual.first_byte),
            idle: or(self.idle, usual.idle),
            total: or(self.total, usual.total),
        }
    }
}

/// TLS to this provider, where it differs from the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Trust only the certificate authorities in this PEM file.
    pub ca_file: Option<PathBuf>,
    /// Present the certificate chain in this PEM file.
    pub client_cert: Option<PathBuf>,
    /// The private key of `client_cert`, PEM.
    pub client_key: Option<PathBuf>,
}

/// The settings that all kinds have, borrowed from the configuration of one.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The credential.
    pub api_key: Option<&'a SecretText>,
    /// Where the API is.
    pub base_url: Option<&'a str>,
    /// Headers sent with every call.
    pub headers: &'a BTreeMap<String, SecretText>,
    /// Where it runs.
    pub region: Option<&'a str>,
    /// Limits of a call.
    pub timeouts: &'a TimeoutConfig,
    /// TLS.
    pub tls: &'a TlsConfig,
    /// Models to list instead of asking.
    pub models: &'a [String],
    /// Prices by upstream model name, before those of the price book.
    pub prices: &'a BTreeMap<String, PriceConfig>,
}

impl Account<'static> {
    /// Nothing configured.
    #[must_use]
    pub(crate) fn none() -> Self {
        static HEADERS: BTreeMap<String, SecretText> = BTreeMap::new();
        static PRICES: BTreeMap<String, PriceConfig> = BTreeMap::new();
        static TIMEOUTS: TimeoutConfig =
            TimeoutConfig { connect: None, first_byte: None, idle: None, total: None };
        static TLS: TlsConfig = TlsConfig { ca_file: None, client_cert: None, client_key: None };
        Self {
            api_key: None,
            base_url: None,
            headers: &HEADERS,
            region: None,
            timeouts: &TIMEOUTS,
            tls: &TLS,
            models: &[],
            prices: &PRICES,
        }
    }
}

/// Declares the settings of a kind: the common ones and its own. Flattening one struct into another would let unknown
/// fields pass, so the fields are written out by this macro instead.
macro_rules! account_config {
    ($(#[$about:meta])* { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Config {
            /// The credential.
            pub api_key: Option<contract::settings::SecretText>,
            /// Where the API is.
            pub base_url: Option<String>,
            /// Headers sent with every call.
            #[serde(default)]
            pub headers: std::collections::BTreeMap<String, contract::settings::SecretText>,
            /// Where it runs, for routing by region; any name.
            pub region: Option<String>,
            /// How long each phase of a call may take.
            #[serde(default)]
            pub timeouts: crate::account::TimeoutConfig,
            /// TLS, where it differs from the rest.
            #[serde(default)]
            pub tls: crate::account::TlsConfig,
            /// Models to list, for upstreams that cannot be asked or offer too many. Other models can still be called.
            #[serde(default)]
            pub models: Vec<String>,
            /// Prices by upstream model name; they win over the price book.
            #[serde(default)]
            pub prices: std::collections::BTreeMap<String, crate::price::PriceConfig>,
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Config {
            /// The settings that all kinds have.
            pub(crate) fn account(&self) -> crate::account::Account<'_> {
                crate::account::Account {
                    api_key: self.api_key.as_ref(),
                    base_url: self.base_url.as_deref(),
                    headers: &self.headers,
                    region: self.region.as_deref(),
                    timeouts: &self.timeouts,
                    tls: &self.tls,
                    models: &self.models,
                    prices: &self.prices,
                }
            }
        }
    };
}

pub(crate) use account_config;
