//! The life of the edge: bind, run, drain.
//!
//! Shutdown goes in three steps: refuse new model calls with 503 and let the begun ones finish, for as long as `drain`
//! allows; let streams say that they break off, and close what is idle; cut what is left. Listeners stay open during the
//! first step, so that a client that has not yet heard of the shutdown gets an answer rather than a refused connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, Exposition, FaultRenderer, HttpService, Keyring, Llm, Readiness, Telemetry};
use contract::words::{Dialect, Id};
use contract::{Body, Fault};
use http::Response;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept;
use crate::address::{Network, Socket};
use crate::config::{ServerConfig, TimeoutConfig};
use crate::cors::Cors;
use crate::head::HeadLimits;
use crate::load::Load;
use crate::pulse::{Connections, Signal};
use crate::streams::Streams;
use crate::table::Target;
use crate::tls::{Certificates, TlsError};

/// Connections the kernel keeps for us until we accept them.
const BACKLOG: u32 = 1024;
/// Most requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 256;
/// How long closing takes at most once nothing is waited for.
const CLOSING: Duration = Duration::from_secs(1);
/// The heap hyper's HTTP/1 parser needs for more header fields than these is paid for by every request.
const FREE_FIELDS: usize = 100;
/// The read buffer of a connection grows to this at most, or to the largest head, which must fit into it. hyper's own cap is
/// 400 KiB, which a few hundred clients with large bodies would fill and keep.
const READ_BUFFER: usize = 128 << 10;

/// What is behind the edge.
pub struct Services {
    /// Model calls.
    pub llm: Arc<dyn Llm>,
    /// `/admin/v1`. A request carries its [`Id`] and the client's [`IpAddr`](std::net::IpAddr) as extensions.
    pub admin: Arc<dyn HttpService>,
    /// Writes faults in the caller's dialect.
    pub renderer: Arc<dyn FaultRenderer>,
    /// `/readyz`.
    pub readiness: Arc<dyn Readiness>,
    /// `/metrics`.
    pub exposition: Arc<dyn Exposition>,
    /// Keys, for `/metrics` where it is not open.
    pub keyring: Arc<dyn Keyring>,
    /// Connections and refusals are counted there.
    pub telemetry: Arc<dyn Telemetry>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled by the edge when answers that have begun are waited for no longer. Listeners and half-open connections go
    /// then; what streams has a moment to say so.
    pub closing: CancellationToken,
}

/// Why the edge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Everything.
    All,
    /// All but the admin API and metrics.
    Data,
    /// The admin API and metrics.
    Admin,
}

impl Surface {
    pub(crate) const fn has(self, target: Target<'_>) -> bool {
        match target {
            Target::Healthz | Target::Readyz => true,
            Target::Llm(_)
            | Target::Models(..)
            | Target::Shown(_)
            | Target::Stored(..)
            | Target::Fixed(..) => !matches!(self, Self::Admin),
            Target::Metrics | Target::Admin => !matches!(self, Self::Data),
        }
    }
}

/// What the connections of one listener need to know of it.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) surface: Surface,
    pub(crate) tls: Option<Arc<Certificates>>,
}

impl Listener {
    pub(crate) const fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) services: Arc<Services>,
    pub(crate) load: Arc<Load>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) tracker: TaskTracker,
    pub(crate) timeouts: TimeoutConfig,
    pub(crate) head_limits: HeadLimits,
    pub(crate) max_body: u64,
    pub(crate) trusted: Vec<Network>,
    pub(crate) cors: Option<Cors>,
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Builder<Streams>,
}

impl Shared {
    fn new(config: &ServerConfig, services: Services) -> Self {
        let tracker = TaskTracker::new();
        let head_limits = HeadLimits {
            size: usize::try_from(config.max_header_size.0).unwrap_or(usize::MAX),
            fields: config.max_headers,
        };
        let streams = Streams {
            tracker: tracker.clone(),
            clock: Arc::clone(&services.clock),
            stall: config.timeouts.write_stall.0,
        };
        Self {
            services: Arc::new(services),
            load: Load::new(config.max_concurrent_requests, config.max_connections),
            connections: Arc::default(),
            tracker,
            timeouts: config.timeouts,
            head_limits,
            max_body: config.max_body.0,
            trusted: config.trusted_proxies.clone(),
            cors: Cors::new(&config.cors),
            http1: http1_builder(head_limits),
            http2: http2_builder(head_limits, streams, config.timeouts.keep_alive.0),
        }
    }

    /// The answer to a request that is refused here.
    pub(crate) fn fault(&self, dialect: Dialect, fault: &Fault, id: Id) -> Response<Body> {
        self.services.telemetry.edge_refused(fault.code());
        self.services.renderer.render(dialect, fault, id)
    }
}

/// hyper's flush aggregation stays off: it lifts the cap on buffered writes, so that a slow reader would make us hold
/// whatever its upstream sends.
fn http1_builder(limits: HeadLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The watchdog times heads without a timer per request.
    builder.header_read_timeout(None).max_header_size(limits.size.saturating_mul(2));
    if limits.fields > FREE_FIELDS {
        builder.max_headers(limits.fields);
    }
    builder.max_buf_size(limits.size.saturating_mul(2).max(READ_BUFFER));
    builder
}

fn http2_builder(limits: HeadLimits, streams: Streams, keep_alive: Duration) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.size.saturating_mul(2)).unwrap_or(u32::MAX))
        .max_concurrent_streams(MOST_STREAMS)
        // Finds clients that went away without closing; the watchdog sees to idle ones.
        .keep_alive_interval(keep_alive)
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Bound listeners, not yet accepting.
pub struct Edge {
    shared: Arc<Shared>,
    listeners: Vec<(TcpListener, Arc<Listener>)>,
    certificates: Option<Arc<Certificates>>,
    drain: Duration,
}

impl Edge {
    /// Reads the certificate and binds every address. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The certificate cannot be used or an address cannot be listened on.
    pub fn bind(config: &ServerConfig, services: Services) -> Result<Self, EdgeError> {
        let certificates = config.tls.as_ref().map(Certificates::load).transpose()?.map(Arc::new);
        let data = if config.admin_listen.is_some() { Surface::Data } else { Surface::All };
        let wanted = config.listen.0.iter().map(|address| (*address, data));
        let wanted = wanted.chain(config.admin_listen.iter().map(|address| (*address, Surface::Admin)));
        let mut listeners = Vec::new();
        for (Socket(address), surface) in wanted {
            let (listener, address) =
                listen(address).map_err(|source| EdgeError::Bind { address, source })?;
            let tls = certificates.clone();
            listeners.push((listener, Arc::new(Listener { address, surface, tls })));
        }
        let shared = Arc::new(Shared::new(config, services));
        Ok(Self { shared, listeners, certificates, drain: config.drain.0 })
    }

    /// The addresses model calls are taken at, with the ports the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses_of(|surface| surface != Surface::Admin)
    }

    /// The address of the admin listener, when there is one of its own.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.addresses_of(|surface| surface == Surface::Admin).first().copied()
    }

    fn addresses_of(&self, wanted: impl Fn(Surface) -> bool) -> Vec<SocketAddr> {
        let listeners = self.listeners.iter().map(|(_, listener)| listener);
        listeners.filter(|listener| wanted(listener.surface)).map(|listener| listener.address).collect()
    }

    /// The certificate, for whoever watches its files; none without TLS.
    #[must_use]
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.certificates.clone()
    }

    /// Serves until `shutdown`, then drains. Returns the number of connections that had to be cut.
    pub async fn run(self, shutdown: CancellationToken) -> usize {
        let shared = self.shared;
        for (socket, listener) in self.listeners {
            shared.tracker.spawn(accept::run(socket, listener, Arc::clone(&shared)));
        }
        shutdown.cancelled().await;
        drain(&shared, self.drain).await
    }
}

async fn drain(shared: &Shared, limit: Duration) -> usize {
    let clock = &shared.services.clock;
    shared.load.drain();
    shared.connections.signal(Signal::GoAway);
    tokio::select! {
        () = shared.load.quiet() => {}
        () = clock.sleep(limit) => tracing::warn!("answers still running after the drain time are cut off"),
    }
    shared.services.closing.cancel();
    shared.connections.signal(Signal::Close);
    shared.tracker.close();
    let cut = tokio::select! {
        () = shared.tracker.wait() => 0,
        () = clock.sleep(CLOSING) => shared.connections.count(),
    };
    shared.connections.signal(Signal::Kill);
    tokio::select! {
        () = shared.tracker.wait() => {}
        () = clock.sleep(CLOSING) => {}
    }
    cut
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for connections of the last run to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
