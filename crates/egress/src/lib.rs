//! The one HTTP client: every outgoing call of every crate goes through [`Client`], the [`contract::ports::Upstream`] port.
//!
//! It owns pools, phase timeouts, TLS, proxies, DNS and the refusal of private addresses. It follows no redirects,
//! decompresses nothing, keeps no cookies and never tries a call again once a byte of it may have left: those are
//! decisions of its callers. Read [`Client`] for one call from start to end, `pool` for how connections are kept,
//! `dial` for how they are made.

mod addresses;
mod alarm;
mod body;
mod client;
mod config;
mod connection;
mod dial;
mod error;
mod pool;
mod proxy;
mod resolve;
mod target;
mod tls;
mod tunnel;

#[cfg(test)]
mod tests;

pub use client::{Client, Deps};
pub use config::{EgressConfig, ProviderTls, ProxyConfig, check};
pub use error::EgressError;
pub use resolve::{Resolve, SystemResolver};
