//! The life of one connection: handshake, version, then hyper until the end, the client's silence or the shutdown.

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use contract::Code;
use contract::ports::{BoxFuture, Clock};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::edge::{Listener, Shared};
use crate::entry::Entry;
use crate::pulse::{Pulse, Signal};
use crate::socket::{Channel, Link, Prefix, Version, Wire};
use crate::streams::Streams;
use crate::watchdog::{Verdict, Watchdog};

type Http1 = http1::Connection<TokioIo<Link>, Entry>;
type Http2 = http2::Connection<TokioIo<Link>, Entry, Streams>;

/// Serves one connection to its end.
pub(crate) async fn run(tcp: TcpStream, peer: IpAddr, listener: &Arc<Listener>, shared: &Arc<Shared>) {
    shared.services.telemetry.connection(true);
    let pulse = Pulse::new();
    let place = shared.connections.enter(Arc::clone(&pulse));
    let opened = tokio::select! {
        opened = open(tcp, listener, &pulse) => opened.ok(),
        () = shared.services.clock.sleep(shared.timeouts.headers.0) => None,
        () = shared.services.closing.cancelled() => None,
    };
    if let Some((channel, version, prefix)) = opened {
        serve(Link::new(channel, prefix, Arc::clone(&pulse), version), version, &pulse, |pulse| Entry {
            shared: Arc::clone(shared),
            listener: Arc::clone(listener),
            pulse,
            peer,
        })
        .await;
    }
    drop(place);
    shared.services.telemetry.connection(false);
}

/// TLS handshake, if any, and the version of HTTP.
async fn open(
    tcp: TcpStream,
    listener: &Listener,
    pulse: &Arc<Pulse>,
) -> io::Result<(Channel, Version, Prefix)> {
    let wire = Wire::new(tcp, Arc::clone(pulse));
    let mut channel = match &listener.tls {
        Some(certificates) => {
            Channel::Tls(Box::new(TlsAcceptor::from(certificates.current()).accept(wire).await?))
        }
        None => Channel::Plain(wire),
    };
    let (version, prefix) = channel.sniff().await?;
    Ok((channel, version, prefix))
}

async fn serve(link: Link, version: Version, pulse: &Arc<Pulse>, entry: impl FnOnce(Arc<Pulse>) -> Entry) {
    let entry = entry(Arc::clone(pulse));
    let shared = Arc::clone(&entry.shared);
    let care = Care {
        watchdog: Watchdog::new(shared.timeouts),
        clock: Arc::clone(&shared.services.clock),
        timer: None,
        waker: Waker::from(Arc::clone(pulse)),
        told: Signal::None,
    };
    let io = TokioIo::new(link);
    let ended = match version {
        Version::Http1 => drive(shared.http1.serve_connection(io, entry), pulse, care).await,
        // In a box, because it is twice the size of the other and would make every connection as large.
        Version::Http2 => Box::pin(drive(shared.http2.serve_connection(io, entry), pulse, care)).await,
    };
    if let Err(error) = ended {
        // hyper has answered these itself: 431 or 400.
        if error.is_parse_too_large() {
            shared.services.telemetry.edge_refused(Code::HeadersTooLarge);
        } else if error.is_parse() {
            shared.services.telemetry.edge_refused(Code::InvalidRequest);
        }
        tracing::debug!(%error, "connection ended");
    }
}

/// A hyper connection that can be told to finish.
trait Retire: Future<Output = hyper::Result<()>> {
    /// Called at `GoAway`, at `Close` and when idle too long.
    fn retire(self: Pin<&mut Self>, signal: Signal);
}

impl Retire for Http1 {
    fn retire(self: Pin<&mut Self>, signal: Signal) {
        // While draining, an idle connection stays to answer its next request with 503.
        if signal >= Signal::Close {
            self.graceful_shutdown();
        }
    }
}

impl Retire for Http2 {
    fn retire(self: Pin<&mut Self>, _: Signal) {
        self.graceful_shutdown();
    }
}

/// What looks after a connection while hyper runs it.
struct Care {
    watchdog: Watchdog,
    clock: Arc<dyn Clock>,
    timer: Option<BoxFuture<'static, ()>>,
    /// Pokes the pulse, so that the timer is polled when it has fired and not each time the socket moves.
    waker: Waker,
    told: Signal,
}

impl Care {
    /// Follows the shutdown and the watchdog; says whether to cut the connection.
    fn attend<C: Retire>(&mut self, mut conn: Pin<&mut C>, pulse: &Arc<Pulse>) -> bool {
        if pulse.signalled(Signal::Kill) {
            return true;
        }
        for signal in [Signal::GoAway, Signal::Close] {
            if pulse.signalled(signal) && self.told < signal {
                self.told = signal;
                conn.as_mut().retire(signal);
            }
        }
        let mut cx = Context::from_waker(&self.waker);
        loop {
            let step = self.watchdog.step();
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep(step));
            if timer.as_mut().poll(&mut cx).is_pending() {
                return false;
            }
            self.timer = None;
            match self.watchdog.look(pulse.state()) {
                Verdict::Fine => {}
                Verdict::Retire => conn.as_mut().retire(Signal::Close),
                Verdict::Cut(reason) => {
                    tracing::debug!(reason, "connection cut");
                    return true;
                }
            }
        }
    }
}

async fn drive<C: Retire>(conn: C, pulse: &Arc<Pulse>, mut care: Care) -> hyper::Result<()> {
    let mut conn = pin!(conn);
    let mut attached = false;
    std::future::poll_fn(|cx| {
        if !attached {
            pulse.attach(cx.waker());
            attached = true;
        }
        if pulse.take_poke() && care.attend(conn.as_mut(), pulse) {
            pulse.cut();
            return Poll::Ready(Ok(()));
        }
        conn.as_mut().poll(cx)
    })
    .await
}
