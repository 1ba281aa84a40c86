//! Keys made or revoked by the CLI or another process take effect here within about a second.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::StoreError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Keys;

/// How often the store is asked whether anything changed.
const EVERY: Duration = Duration::from_secs(1);

impl Keys {
    /// Starts the task that re-reads the stored keys whenever the store's revision changes, until `stop`. While the store
    /// is away, the keys known so far stay in effect.
    pub fn watch(self: &Arc<Self>, tasks: &TaskTracker, stop: CancellationToken) {
        let keys = Arc::clone(self);
        tasks.spawn(async move {
            let _stopped = stop.run_until_cancelled(keys.follow()).await;
        });
    }

    async fn follow(&self) {
        let mut away = false;
        loop {
            self.clock.sleep(EVERY).await;
            match self.catch_up().await {
                Ok(()) if away => {
                    away = false;
                    tracing::info!("the stored keys can be read again");
                }
                Ok(()) => {}
                // Said once for each outage, not every second.
                Err(error) if !away => {
                    away = true;
                    tracing::warn!(%error, "the stored keys cannot be read: those known so far stay in effect");
                }
                Err(_) => {}
            }
        }
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        let revision = self.store.revision().await?;
        let shown = *self.shown.lock().await;
        if shown == Some(revision) { Ok(()) } else { self.refresh().await }
    }
}
