//! The life of the process: open, build, listen, wait for a signal, drain, write out, close.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock;
use identity::FirstKeys;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::banner::{self, Places};
use crate::cli::{Exit, Failure, Setup};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::reload::Reloader;
use crate::wiring::{self, Background, EdgeParts, Features, Identity, Kept};

/// How long entries may take from the spool to the database at the end; what is left is moved after the next start.
const FLUSH: Duration = Duration::from_secs(5);
/// How long background work may take to end.
const GOODBYE: Duration = Duration::from_secs(3);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Something cannot be opened, bound or built.
pub(crate) fn run(setup: Setup) -> Result<(), Failure> {
    let background = Background::default();
    let log = telemetry::init_logging(&setup.config.telemetry.log, Arc::clone(&background.losses));
    let _log = log.map_err(|error| Failure::new(Exit::BadConfiguration, error))?;
    allow_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("pathgate").build()?;
    runtime.block_on(serve(setup, background))
}

/// Every connection is an open file: takes as many as the system lets this process have. The usual 1,024 are soon used up.
fn allow_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%error, "the limit on open files stays as it is");
    }
}

async fn serve(setup: Setup, background: Background) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let config = setup.config.clone();
    let kept = wiring::open_storage(&config, &clock, &background).await?;
    let identity = wiring::open_identity(&config, &kept.stores, &clock).await?;
    let (features, settle) = wiring::build(&config, &kept, &identity.index, &clock, &background)?;

    let settled = CancellationToken::new();
    let settle = background.tasks.spawn(settle.run(settled.clone().cancelled_owned()));
    let pipeline = Arc::clone(&features.live.pipeline);
    pipeline.resume().await;
    background.tasks.spawn(Arc::clone(&pipeline).tend(background.stop.clone()));
    let running = start(&config, setup, (&kept, &identity, features), (&clock, &background)).await?;

    let shutdown = CancellationToken::new();
    listen_for_signals(&background, shutdown.clone(), running.hangup)?;
    let cut = running.edge.run(shutdown).await;
    if cut > 0 {
        warn!(connections = cut, "connections were cut because their answers did not end in time");
    }
    pipeline.close().await;
    settled.cancel();
    // A panic in the settle task has been logged where it happened.
    let _ = settle.await;
    close(&kept, &clock, &background).await;
    Ok(())
}

/// Listeners that are bound, and the way to ask for a reload.
struct Running {
    edge: edge::Edge,
    hangup: Arc<Notify>,
}

async fn start(
    config: &Config,
    setup: Setup,
    (kept, identity, mut features): (&Kept, &Identity, Features),
    (clock, background): (&Arc<dyn Clock>, &Background),
) -> Result<Running, Failure> {
    let status = Arc::new(StatusSlot::default());
    let admin = wiring::open_admin(kept, identity, &features.live.pipeline, Arc::clone(&status) as _);
    let parts = EdgeParts { admin, keyring: Arc::clone(&identity.index) as _, clock: Arc::clone(clock) };
    let edge = wiring::open_edge(config, &features, parts)?;
    features.live.certificates = edge.certificates();

    greet(config, identity, &edge).await?;
    identity.keys.watch(&background.tasks, background.stop.clone());
    background.tasks.spawn(Arc::clone(&features.discovery).run(background.stop.clone()));
    let reloader = Reloader::new(features.live, features.discovery, Arc::clone(clock), setup);
    let reloader = Arc::new(reloader);
    status.fill(Arc::clone(&reloader));
    let hangup = Arc::new(Notify::new());
    background.tasks.spawn(reloader.run(Arc::clone(&hangup), background.stop.clone()));
    info!(addresses = ?edge.addresses(), admin = ?edge.admin_address(), version = env!("CARGO_PKG_VERSION"), "listening");
    Ok(Running { edge, hangup })
}

/// Prints where things are and, at the first start, its keys; only what was printed counts as given out.
async fn greet(config: &Config, identity: &Identity, edge: &edge::Edge) -> Result<(), Failure> {
    let first = identity.keys.bootstrap().await;
    let first: Option<FirstKeys> = first.map_err(|error| Failure::new(Exit::Storage, error))?;
    let Some(data) = edge.addresses().first().copied() else { return Ok(()) };
    let places = Places {
        scheme: if config.server.tls.is_some() { "https" } else { "http" },
        data,
        admin: edge.admin_address().unwrap_or(data),
        anonymous: config.auth.anonymous,
    };
    banner::print(&mut io::stdout(), &places, first.as_ref())?;
    if let Some(keys) = &first {
        identity.keys.confirm(keys).await.map_err(|error| Failure::new(Exit::Storage, error))?;
    }
    Ok(())
}

fn listen_for_signals(
    background: &Background,
    shutdown: CancellationToken,
    hangup: Arc<Notify>,
) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reload = signal(SignalKind::hangup())?;
    let stop = background.stop.clone();
    background.tasks.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = reload.recv() => hangup.notify_one(),
                () = stop.cancelled() => return,
            }
        }
        info!("draining: answers that have begun will be finished");
        shutdown.cancel();
    });
    Ok(())
}

async fn close(kept: &Kept, clock: &Arc<dyn Clock>, background: &Background) {
    if let Some(spool) = &kept.spool
        && !spool.flush(FLUSH, &**clock).await
    {
        warn!("the database did not take all entries; the spool keeps them for the next start");
    }
    background.stop.cancel();
    background.tasks.close();
    tokio::select! {
        () = background.tasks.wait() => {}
        () = clock.sleep(GOODBYE) => warn!("background work did not end in time"),
    }
    kept.stores.close().await;
    info!("stopped");
}

/// The admin API is built before what it tells about; this holds the place.
#[derive(Default)]
struct StatusSlot(std::sync::OnceLock<Arc<Reloader>>);

impl StatusSlot {
    fn fill(&self, reloader: Arc<Reloader>) {
        // Filled once, at start.
        let _ = self.0.set(reloader);
    }
}

impl admin::StatusSource for StatusSlot {
    fn status(&self) -> admin::GatewayStatus {
        match self.0.get() {
            Some(reloader) => reloader.status(),
            None => admin::GatewayStatus {
                version: env!("CARGO_PKG_VERSION"),
                started: contract::words::Timestamp::default(),
                snapshot: 1,
                reload: None,
            },
        }
    }
}
