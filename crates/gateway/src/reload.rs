//! A changed configuration, put in without a restart: on SIGHUP and when a file changes. A bad one is refused as a whole and
//! the old one keeps serving.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use admin::{GatewayStatus, Reload, StatusSource};
use contract::ports::Clock;
use contract::words::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cli::{Exit, Failure, Setup, load_setup};
use crate::config::{Config, egress_settings};
use crate::discovery::Discovery;
use crate::environment::{Looks, look_at};
use crate::snapshot::compile;
use crate::wiring::Live;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a file is left alone after a change was seen.
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
        let mut seen = self.current().looks.clone();
        loop {
            tokio::select! {
                () = hangup.notified() => {}
                () = self.clock.sleep(LOOK) => {
                    if look_again(&seen) == seen {
                        continue;
                    }
                    // Editors write a file in several steps: wait for the last.
                    self.clock.sleep(SETTLE).await;
                }
                () = stop.cancelled() => return,
            }
            // Whatever is read now, each file was looked at before: what changes meanwhile is seen as a change next time.
            let before = look_again(&seen);
            self.reload();
            seen = self.current().looks.clone();
            for (path, look) in before {
                seen.entry(path).and_modify(|seen| *seen = look);
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Setup> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload(&self) {
        let result = self.certificate().and_then(|()| self.take_in());
        let at = self.clock.now();
        self.live.metrics.reloaded(result.as_ref().ok().copied());
        match &result {
            Ok(version) => info!(snapshot = version, "the configuration was reloaded"),
            Err(failure) => error!("the new configuration is refused and the old one stays:\n{failure}"),
        }
        let outcome = Reload { at, error: result.err().map(|failure| failure.message) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// Reads the certificate again if its files have changed.
    fn certificate(&self) -> Result<(), Failure> {
        let Some(certificates) = &self.live.certificates else { return Ok(()) };
        let changed = certificates.reload_if_changed();
        if changed.map_err(|failure| Failure::new(Exit::BadConfiguration, failure))? {
            info!("the certificate was read again");
        }
        Ok(())
    }

    /// Loads, compiles and only then swaps; gives the version of the snapshot now in force.
    fn take_in(&self) -> Result<u64, Failure> {
        let mut current = self.current();
        let setup = load_setup(current.file.clone(), current.overrides.clone())?;
        let config = &setup.config;
        let compiled = Arc::new(compile(config, &self.live.healths, &self.clock)?);
        let (settings, tls) = egress_settings(config);
        self.live
            .egress
            .reconfigure(&settings, tls)
            .map_err(|failure| Failure::new(Exit::BadConfiguration, failure))?;
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

fn look_again(seen: &Looks) -> Looks {
    seen.keys().map(|path| (path.clone(), look_at(path))).collect()
}
