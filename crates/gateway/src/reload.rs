//! A changed configuration, put in without a restart: on SIGHUP and when a file changes. A bad one is refused as a whole and
//! the old one keeps serving.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin::{GatewayStatus, Reload, StatusSource};
use contract::ports::Clock;
use contract::words::Timestamp;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cli::{Failure, Setup, load_setup};
use crate::config::Config;
use crate::discovery::Discovery;
use crate::snapshot::compile;
use crate::wiring::{Live, egress_settings};

/// Editors write a file in several steps: changes are waited out for this long.
const SETTLE: Duration = Duration::from_millis(150);

/// Puts new configurations in and remembers how that went.
pub(crate) struct Reloader {
    live: Live,
    discovery: Arc<Discovery>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    version: AtomicU64,
    current: Mutex<Setup>,
    last: Mutex<Option<Reload>>,
}

impl Reloader {
    pub(crate) fn new(live: Live, discovery: Arc<Discovery>, clock: Arc<dyn Clock>, setup: Setup) -> Self {
        Self {
            live,
            discovery,
            started: clock.now(),
            clock,
            version: AtomicU64::new(1),
            current: Mutex::new(setup),
            last: Mutex::new(None),
        }
    }

    /// Reloads on SIGHUP and on changes of the files, until told to stop.
    pub(crate) async fn run(self: Arc<Self>, hangup: Arc<Notify>, stop: CancellationToken) {
        let changed = Arc::new(Notify::new());
        let mut watch = Watch::new(Arc::clone(&changed));
        loop {
            watch.follow(&self.files());
            tokio::select! {
                () = hangup.notified() => {}
                () = changed.notified() => self.clock.sleep(SETTLE).await,
                () = stop.cancelled() => return,
            }
            self.reload();
        }
    }

    /// Everything whose change is a change of the configuration.
    fn files(&self) -> BTreeSet<PathBuf> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files: BTreeSet<PathBuf> = current.secret_files.iter().cloned().collect();
        files.extend(current.file.clone());
        if let Some(tls) = &current.config.server.tls {
            files.extend([tls.cert.clone(), tls.key.clone()]);
        }
        files
    }

    fn reload(&self) {
        if let Some(certificates) = &self.live.certificates {
            match certificates.reload_if_changed() {
                Ok(true) => info!("the certificate was read again"),
                Ok(false) => {}
                Err(failure) => {
                    error!(error = %failure, "the new certificate cannot be used; the old one stays");
                }
            }
        }
        let result = self.take_in();
        let at = self.clock.now();
        self.live.metrics.reloaded(result.as_ref().ok().copied());
        match &result {
            Ok(version) => info!(snapshot = version, "the configuration was reloaded"),
            Err(failure) => error!("the new configuration is refused and the old one stays:\n{failure}"),
        }
        let outcome = Reload { at, error: result.err().map(|failure| failure.message) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// Loads, compiles and only then swaps; gives the version of the snapshot now in force.
    fn take_in(&self) -> Result<u64, Failure> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let setup = load_setup(current.file.clone(), current.overrides.clone())?;
        let config = &setup.config;
        let compiled = Arc::new(compile(config, &self.live.healths)?);
        let (settings, tls) = egress_settings(config);
        self.live
            .egress
            .reconfigure(&settings, tls)
            .map_err(|failure| Failure::new(crate::cli::Exit::BadConfiguration, failure))?;
        warn_about_restart(&current.config, config);
        self.live.keys.replace_file_keys(&config.auth, &config.keys);
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        self.live.pipeline.swap(compiled.snapshot(config, version));
        self.discovery.replace(compiled);
        *current = setup;
        Ok(version)
    }
}

/// What is read only at start is said to be so, not ignored in silence.
fn warn_about_restart(before: &Config, after: &Config) {
    let restart = |what: &str| warn!("a change of `{what}` takes effect at the next start");
    if before.server != after.server {
        restart("server");
    }
    if before.storage != after.storage {
        restart("storage");
    }
    if before.telemetry.log != after.telemetry.log || before.telemetry.otlp != after.telemetry.otlp {
        restart("telemetry.log and telemetry.otlp");
    }
}

impl StatusSource for Reloader {
    fn status(&self) -> GatewayStatus {
        GatewayStatus {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            snapshot: self.version.load(Ordering::Relaxed),
            reload: self.last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Watches the folders of files: editors and secret stores replace files rather than write them.
struct Watch {
    watcher: Option<notify::RecommendedWatcher>,
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    fn new(changed: Arc<Notify>) -> Self {
        let files: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let known = Arc::clone(&files);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            // Kubernetes swaps a `..data` link beside the files it mounts.
            let ours = |path: &PathBuf| known.contains(path) || path.ends_with("..data");
            if !event.kind.is_access() && event.paths.iter().any(ours) {
                changed.notify_one();
            }
        });
        let watcher = watcher
            .map_err(|failure| warn!(error = %failure, "files cannot be watched; reload with SIGHUP"))
            .ok();
        Self { watcher, files, folders: BTreeSet::new() }
    }

    fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let absolute: BTreeSet<PathBuf> =
            files.iter().filter_map(|file| std::path::absolute(file).ok()).collect();
        for folder in absolute.iter().filter_map(|file| file.parent()) {
            if self.folders.insert(folder.to_owned()) {
                follow_folder(watcher, folder);
            }
        }
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = absolute;
    }
}

fn follow_folder(watcher: &mut notify::RecommendedWatcher, folder: &Path) {
    if let Err(failure) = watcher.watch(folder, RecursiveMode::NonRecursive) {
        warn!(folder = %folder.display(), error = %failure, "this folder cannot be watched; reload with SIGHUP");
    }
}
