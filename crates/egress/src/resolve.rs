//! Names to addresses. Tests, and installations with their own naming, put another resolver in.

use std::io;
use std::net::{IpAddr, SocketAddr};

use contract::ports::{BoxFuture, UpstreamFailure};

use crate::addresses::is_refused;

/// Finds the addresses of a host.
pub trait Resolve: Send + Sync {
    /// The addresses in order of preference, each with `port`.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The resolver of the operating system, asked anew for each connection: pooled connections make that rare, and it keeps
/// its own cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { tokio::net::lookup_host((host, port)).await.map(Iterator::collect) })
    }
}

/// The addresses to connect to. With `checked`, one private address among them refuses the host: a name that leads to
/// both the Internet and our network is an attack or a mistake.
pub(crate) async fn addresses(
    resolver: &dyn Resolve,
    host: &str,
    port: u16,
    checked: bool,
) -> Result<Vec<SocketAddr>, UpstreamFailure> {
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => resolver
            .resolve(host, port)
            .await
            .map_err(|error| UpstreamFailure::Connect(format!("dns: {host}: {error}")))?,
    };
    if checked && let Some(private) = found.iter().find(|address| is_refused(address.ip())) {
        return Err(UpstreamFailure::Refused(format!("{host} leads to {}", private.ip())));
    }
    if found.is_empty() {
        return Err(UpstreamFailure::Connect(format!("dns: {host}: no address")));
    }
    Ok(found)
}
