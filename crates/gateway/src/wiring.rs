//! Builds the features and hands them to each other as ports. The only place that knows who implements what.

use std::sync::Arc;

use admin::{Admin, AdminPorts, CurrentRouter, StatusSource};
use contract::ports::{Clock, Exposition, Keyring, Readiness, Recorder, Router, Telemetry};
use contract::words::{Id, IdKind};
use edge::{Certificates, Edge, EdgeError, Services};
use egress::{Client, Deps, SystemResolver};
use engine::{Handles, Instance, Pipeline, SettleTask, Tail, TailPorts};
use identity::{KeyIndex, Keys};
use metering::Limits;
use routing::Healths;
use storage::{Spool, Stores, WayIn};
use telemetry::{Exporter, Instruments, Losses, Metrics, Outlet, Sources, SpoolFigures};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Renderer;
use wire::tokens::Counter;

use crate::cli::{Exit, Failure, KeySession};
use crate::clock::SystemClock;
use crate::config::{Config, egress_settings};
use crate::discovery::Discovery;
use crate::snapshot::{Compiled, compile};

/// What runs in the background, when it stops and what it had to drop.
#[derive(Clone, Default)]
pub(crate) struct Background {
    /// Everything that was started.
    pub(crate) tasks: TaskTracker,
    /// Told to all of it at once.
    pub(crate) stop: CancellationToken,
    /// Log lines and traces that nobody took in time.
    pub(crate) losses: Arc<Losses>,
}

/// What a reload changes in place.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) keys: Arc<KeyIndex>,
    pub(crate) egress: Arc<Client>,
    pub(crate) healths: Arc<Healths>,
    pub(crate) certificates: Option<Arc<Certificates>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Storage, open.
pub(crate) struct Kept {
    pub(crate) stores: Stores,
    pub(crate) recorder: Arc<dyn Recorder>,
    /// None with `memory`.
    pub(crate) spool: Option<Spool>,
}

/// Who may call.
pub(crate) struct Identity {
    pub(crate) index: Arc<KeyIndex>,
    pub(crate) keys: Arc<Keys>,
}

/// The features, built.
pub(crate) struct Features {
    pub(crate) live: Live,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    /// Ends what streams when the process stops.
    pub(crate) closing: CancellationToken,
}

/// Opens the database and the spool and starts what tends them.
///
/// # Errors
/// Either cannot be opened.
pub(crate) async fn open_storage(
    config: &Config,
    clock: &Arc<dyn Clock>,
    background: &Background,
) -> Result<Kept, Failure> {
    let failed = |error: storage::StorageError| Failure::new(Exit::Storage, error);
    let settings = &config.storage;
    let stores = storage::open(settings).await.map_err(failed)?;
    let Background { tasks, stop, .. } = background;
    stores.keep_log_for(settings.log_retention.0, Arc::clone(clock), tasks, stop.clone());
    let sink = match stores.way_in() {
        WayIn::Direct(recorder) => return Ok(Kept { stores, recorder, spool: None }),
        WayIn::Spooled(sink) => sink,
    };
    let nowhere = || Failure::new(Exit::Storage, "storage.spool.dir is missing");
    let dir = settings.spool_dir().ok_or_else(nowhere)?;
    let spool = Spool::open(&dir, settings.spool.max_size.0).map_err(|error| failed(error.into()))?;
    spool.start(sink, Arc::clone(clock), tasks, stop.clone());
    Ok(Kept { stores, recorder: Arc::new(spool.clone()), spool: Some(spool) })
}

/// Reads the keys.
///
/// # Errors
/// The database cannot be read.
pub(crate) async fn open_identity(
    config: &Config,
    stores: &Stores,
    clock: &Arc<dyn Clock>,
) -> Result<Identity, Failure> {
    let index = Arc::new(KeyIndex::new(&config.auth, &config.keys, Arc::clone(clock)));
    let keys = Keys::new(Arc::clone(&stores.resources), Arc::clone(&index), Arc::clone(clock));
    keys.refresh().await.map_err(|error| Failure::new(Exit::Storage, error))?;
    Ok(Identity { index, keys: Arc::new(keys) })
}

/// Builds everything between the edge and storage.
///
/// # Errors
/// The configuration names something that cannot be used.
pub(crate) fn build(
    config: &Config,
    kept: &Kept,
    index: &Arc<KeyIndex>,
    clock: &Arc<dyn Clock>,
    background: &Background,
) -> Result<(Features, SettleTask), Failure> {
    let egress = open_egress(config, background)?;
    let sources = sources(&egress, kept.spool.clone(), Arc::clone(&background.losses));
    let metrics = Metrics::new(sources, env!("CARGO_PKG_VERSION"), &**clock);
    metrics.started_with(1);
    let spans = open_spans(config, &egress, clock, background)?;
    let telemetry: Arc<dyn Telemetry> =
        Arc::new(Instruments::new(Arc::clone(&metrics), config.telemetry.log.requests, spans));
    let meter = Arc::new(Limits::new(Arc::clone(clock)));
    let closing = CancellationToken::new();
    let (tail, settle) = Tail::new(TailPorts {
        meter: Arc::clone(&meter) as _,
        recorder: Arc::clone(&kept.recorder),
        telemetry: Arc::clone(&telemetry),
        clock: Arc::clone(clock),
        cut: closing.clone(),
    });
    let healths = Arc::new(Healths::default());
    let compiled: Arc<Compiled> = Arc::new(compile(config, &healths, clock)?);
    let handles = Handles {
        keyring: Arc::clone(index) as _,
        meter,
        upstream: Arc::clone(&egress) as _,
        clock: Arc::clone(clock),
        renderer: Arc::new(Renderer),
        counter: Arc::new(Counter),
        responses: kept.stores.responses(Arc::clone(clock), &background.tasks, background.stop.clone()),
        natives: kept.stores.natives(Arc::clone(clock), &background.tasks, background.stop.clone()),
        instance: instance(config, kept),
    };
    let pipeline = Arc::new(Pipeline::new(compiled.snapshot(config, 1), handles, tail));
    let discovery = Arc::new(Discovery::new(compiled, Arc::clone(&egress) as _, Arc::clone(clock)));
    let live = Live { pipeline, keys: Arc::clone(index), egress, healths, certificates: None, metrics };
    Ok((Features { live, discovery, telemetry, closing }, settle))
}

/// The name of this instance is its spool's, which one process owns at a time; without one it shares its store with nobody.
fn instance(config: &Config, kept: &Kept) -> Instance {
    let id = kept.spool.as_ref().map_or_else(|| Id::new(IdKind::Instance), Spool::instance);
    Instance { name: id.to_string().into(), lease: config.storage.response_lease.0 }
}

/// Starts the export of spans, when there is a collector. What is queued at the end is sent before the process goes.
fn open_spans(
    config: &Config,
    egress: &Arc<Client>,
    clock: &Arc<dyn Clock>,
    background: &Background,
) -> Result<Option<Outlet>, Failure> {
    let Some(collector) = config.collector() else { return Ok(None) };
    let Background { tasks, stop, losses } = background;
    let (upstream, clock) = (Arc::clone(egress) as _, Arc::clone(clock));
    let made = Exporter::new(&collector, upstream, clock, Arc::clone(losses), env!("CARGO_PKG_VERSION"));
    let (outlet, exporter) = made.map_err(|error| Failure::new(Exit::BadConfiguration, error))?;
    tasks.spawn(exporter.run(stop.clone()));
    Ok(Some(outlet))
}

fn open_egress(config: &Config, background: &Background) -> Result<Arc<Client>, Failure> {
    let (settings, tls) = egress_settings(config);
    let deps = Deps {
        tasks: background.tasks.clone(),
        stop: background.stop.clone(),
        resolver: Arc::new(SystemResolver),
    };
    Client::new(&settings, tls, deps).map_err(|error| Failure::new(Exit::BadConfiguration, error))
}

fn sources(egress: &Arc<Client>, spool: Option<Spool>, losses: Arc<Losses>) -> Sources {
    use contract::ports::Upstream as _;

    let egress = Arc::clone(egress);
    Sources {
        pools: Box::new(move || egress.pools()),
        spool: Box::new(move || {
            let depth = spool.as_ref().map(Spool::depth).unwrap_or_default();
            SpoolFigures {
                waiting_records: depth.waiting_records,
                waiting_bytes: depth.waiting_bytes,
                recorded: depth.recorded,
                drained: depth.drained,
                failures: depth.failures,
            }
        }),
        losses,
    }
}

/// Binds the listeners.
///
/// # Errors
/// An address cannot be bound, or the certificate cannot be used.
pub(crate) fn open_edge(config: &Config, features: &Features, services: EdgeParts) -> Result<Edge, Failure> {
    let services = Services {
        llm: Arc::clone(&features.live.pipeline) as _,
        admin: services.admin,
        renderer: Arc::new(Renderer),
        readiness: Arc::new(Ready),
        exposition: Arc::clone(&features.live.metrics) as Arc<dyn Exposition>,
        keyring: services.keyring,
        telemetry: Arc::clone(&features.telemetry),
        clock: services.clock,
        closing: features.closing.clone(),
    };
    Edge::bind(&config.server, services).map_err(|error| match error {
        EdgeError::Bind { .. } => Failure::new(Exit::CannotBind, error),
        EdgeError::Tls(_) => Failure::new(Exit::BadConfiguration, error),
    })
}

/// What the edge needs that is not among the features.
pub(crate) struct EdgeParts {
    pub(crate) admin: Arc<Admin>,
    pub(crate) keyring: Arc<dyn Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The admin API.
pub(crate) fn open_admin(
    kept: &Kept,
    identity: &Identity,
    pipeline: &Arc<Pipeline>,
    status: Arc<dyn StatusSource>,
) -> Arc<Admin> {
    let pipeline = Arc::clone(pipeline);
    let router: CurrentRouter = Arc::new(move || Arc::clone(&pipeline.snapshot().router) as Arc<dyn Router>);
    Arc::new(Admin::new(AdminPorts {
        keyring: Arc::clone(&identity.index) as _,
        keys: Arc::clone(&identity.keys) as _,
        router,
        log: Arc::clone(&kept.stores.log),
        ledger: Arc::clone(&kept.stores.ledger),
        status,
    }))
}

/// Listeners open once everything they need is there, so an instance that can be asked is ready; the edge itself says no
/// while it drains.
struct Ready;

impl Readiness for Ready {
    fn ready(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Opens the database for the key commands.
///
/// # Errors
/// The database cannot be opened, or is in the memory of another process.
pub(crate) fn open_keys(config: &Config) -> Result<KeySession, Failure> {
    if matches!(config.storage.database(), Ok(storage::Database::Memory)) {
        let message = "storage.database is `memory`: its keys can only be managed through the admin API";
        return Err(Failure::new(Exit::Storage, message));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keys = runtime.block_on(async {
        let stores = storage::open(&config.storage).await;
        let stores = stores.map_err(|error| Failure::new(Exit::Storage, error))?;
        open_identity(config, &stores, &clock).await.map(|identity| identity.keys)
    })?;
    Ok(KeySession { runtime, keys, clock })
}
