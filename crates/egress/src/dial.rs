//! How a connection is made: DNS, TCP, perhaps a proxy, perhaps TLS. The caller bounds the time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::UpstreamFailure;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::proxy::ProxyRules;
use crate::resolve::{Resolve, addresses};
use crate::target::{Form, Target};
use crate::tls::TlsSet;
use crate::tunnel;

/// How long an address may keep us waiting before the next one is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Keeps quiet connections alive in the tables of NATs and firewalls: reasoning models send nothing for minutes.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// A connection on which HTTP can begin.
pub(crate) struct Dialled {
    pub(crate) wire: Wire,
    pub(crate) form: Form,
}

pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Everything a new connection depends on; replaced as a whole when the configuration changes.
pub(crate) struct Dialer {
    pub(crate) tls: TlsSet,
    pub(crate) proxies: ProxyRules,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Dialer {
    /// Connects. With `checked`, to exactly an address that was found to be public.
    pub(crate) async fn dial(
        &self,
        target: &Target,
        provider: Option<&str>,
        checked: bool,
    ) -> Result<Dialled, UpstreamFailure> {
        let (stream, form) = self.reach(target, checked).await?;
        if !target.tls {
            return Ok(Dialled { wire: Wire::Plain(stream), form });
        }
        let failed = |error: &dyn std::fmt::Display| {
            UpstreamFailure::Connect(format!("tls: {}: {error}", target.authority))
        };
        let name = ServerName::try_from(target.host().to_owned()).map_err(|error| failed(&error))?;
        let connector = TlsConnector::from(self.tls.of(provider));
        let stream = connector.connect(name, stream).await.map_err(|error| failed(&error))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let form = if http2 { Form::Pseudo } else { form };
        Ok(Dialled { wire: Wire::Tls(Box::new(stream)), form })
    }

    async fn reach(&self, target: &Target, checked: bool) -> Result<(TcpStream, Form), UpstreamFailure> {
        let resolver = &*self.resolver;
        let host = target.host_header()?;
        let Some(proxy) = self.proxies.pick(target) else {
            let found = addresses(resolver, target.host(), target.port(), checked).await?;
            return Ok((connect(&found).await?, Form::Origin(host)));
        };
        // The proxy would resolve a name itself, so a checked target is named to it by the address that was checked.
        let place = if checked {
            let found = addresses(resolver, target.host(), target.port(), true).await?;
            found.first().map(ToString::to_string).unwrap_or_default()
        } else {
            format!("{}:{}", target.authority.host(), target.port())
        };
        let found = addresses(resolver, &proxy.host, proxy.port, false).await?;
        let mut stream = connect(&found).await?;
        if !target.tls && !checked {
            return Ok((stream, Form::Absolute(host, proxy.credentials.clone())));
        }
        tunnel::open(&mut stream, &place, proxy.credentials.as_ref())
            .await
            .map_err(|error| UpstreamFailure::Connect(format!("proxy {}: {error}", proxy.host)))?;
        Ok((stream, Form::Origin(host)))
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, UpstreamFailure> {
    let stream = race(addresses).await.map_err(|(address, error)| {
        UpstreamFailure::Connect(match address {
            Some(address) => format!("tcp: {address}: {error}"),
            None => format!("tcp: {error}"),
        })
    })?;
    let tuned = stream.set_nodelay(true).and_then(|()| {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)
    });
    tuned.map_err(|error| UpstreamFailure::Connect(format!("tcp: {error}")))?;
    Ok(stream)
}

/// Tries the addresses, families in turn, each a little after the one before; the first connection wins (RFC 8305).
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, (Option<SocketAddr>, io::Error)> {
    let mut waiting = alternated(addresses).into_iter();
    let mut racing = FuturesUnordered::new();
    let mut failure = (None, io::Error::from(io::ErrorKind::AddrNotAvailable));
    loop {
        if let Some(address) = waiting.next() {
            racing.push(async move { (address, TcpStream::connect(address).await) });
        }
        let ended = if waiting.len() == 0 {
            racing.next().await
        } else {
            tokio::select! {
                ended = racing.next() => ended,
                () = sleep(STAGGER) => continue,
            }
        };
        match ended {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((address, Err(error))) => failure = (Some(address), error),
            None => return Err(failure),
        }
    }
}

/// The families in turn, beginning with that of the first address.
fn alternated(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = Vec::with_capacity(addresses.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        match (preferred.next(), other.next()) {
            (None, None) => return order,
            (one, two) => order.extend(one.into_iter().chain(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::alternated;

    #[test]
    fn families_take_turns() {
        let parse = |text: &str| text.parse().unwrap();
        let given = ["[2606::1]:1", "[2606::2]:1", "[2606::3]:1", "1.1.1.1:1"].map(parse);
        let order = ["[2606::1]:1", "1.1.1.1:1", "[2606::2]:1", "[2606::3]:1"].map(parse);
        assert_eq!(alternated(&given), order);
    }
}
