//! Scripted upstreams: providers that answer, pace, stall, tear and reset exactly as a test says.
//!
//! An [`Upstream`] listens on loopback. Each request takes the next queued [`Reply`], or the standing one. A [`Gate`] paces
//! frames by hand; an [`Exchange`] tells what was received and whether the client left. The bodies of real providers
//! are in [`crate::shapes`].

mod exchange;
mod gate;
mod reply;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use exchange::{Exchange, Fate};
pub use gate::Gate;
pub use reply::{Break, Reply};
use wire::{Played, Wire};

type Standing = Box<dyn Fn(&Exchange) -> Reply + Send>;

struct Script {
    queue: VecDeque<Reply>,
    standing: Standing,
}

struct Shared {
    script: Mutex<Script>,
    seen: watch::Sender<Vec<Exchange>>,
    connections: AtomicUsize,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A provider that does what it is told. Dropping it closes its listener and its connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl Upstream {
    /// Starts one on a free port of 127.0.0.1. Until told otherwise it answers 500 to everything.
    pub async fn start() -> Self {
        let opened = Gate::new();
        opened.open();
        Self::accepting(&opened).await
    }

    /// Starts one that accepts each connection only after one release of the gate. The kernel completes the TCP handshake
    /// before that, so a client connects and then waits.
    pub async fn accepting(gate: &Gate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let standing = |_: &Exchange| Reply::text(500, "text/plain", "no reply was scripted");
        let shared = Arc::new(Shared {
            script: Mutex::new(Script { queue: VecDeque::new(), standing: Box::new(standing) }),
            seen: watch::Sender::new(Vec::new()),
            connections: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let accept = accept(listener, gate.clone(), Arc::clone(&shared), stop.clone(), tasks.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept));
        Self { address, shared, stop }
    }

    /// An address of 127.0.0.1 that refuses connections.
    pub async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        listener.local_addr().expect("a bound socket has an address")
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues the answer to one request. Queued answers come before the standing one.
    pub fn then(&self, reply: Reply) -> &Self {
        self.shared.script().queue.push_back(reply);
        self
    }

    /// Sets the standing answer.
    pub fn always(&self, reply: Reply) -> &Self {
        self.always_with(move |_| reply.clone())
    }

    /// Sets a standing answer that depends on the request.
    pub fn always_with(&self, reply: impl Fn(&Exchange) -> Reply + Send + 'static) -> &Self {
        self.shared.script().standing = Box::new(reply);
        self
    }

    /// Every request received so far, in order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Exchange> {
        self.shared.seen.borrow().clone()
    }

    /// The request with this index (0 is the first), as soon as it has arrived in full.
    pub async fn request(&self, index: usize) -> Exchange {
        let mut seen = self.shared.seen.subscribe();
        let arrived = crate::soon("a request at the upstream", seen.wait_for(|all| all.len() > index)).await;
        arrived.expect("the upstream holds the sender")[index].clone()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    gate: Gate,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        gate.pass().await;
        let Ok((stream, _)) = listener.accept().await else { return };
        let connection = shared.connections.fetch_add(1, Ordering::AcqRel);
        let serve = serve(stream, Arc::clone(&shared), connection);
        tasks.spawn(stop.clone().run_until_cancelled_owned(serve));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, connection: usize) {
    let mut wire = Wire::new(stream);
    while let Ok(Some(request)) = wire.request().await {
        let (fate, watcher) = watch::channel(Fate::Open);
        let exchange = Exchange {
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: request.body,
            at: now(),
            connection,
            fate: watcher,
        };
        let reply = {
            let mut script = shared.script();
            script.queue.pop_front().unwrap_or_else(|| (script.standing)(&exchange))
        };
        shared.seen.send_modify(|seen| seen.push(exchange));
        let played = wire.play(reply.steps()).await;
        let at = now();
        fate.send_replace(match played {
            Played::Through => Fate::Answered(at),
            Played::Broken => Fate::Broken(at),
            Played::Gone => Fate::Gone(at),
        });
        if played != Played::Through {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests measure how fast a real connection is closed")]
fn now() -> Instant {
    Instant::now()
}
