//! Stores that hold what they keep in memory and write it behind the request: the task that writes.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock;
use contract::words::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Items written in one transaction.
const BATCH: usize = 100;
/// How often what has come to its end is deleted.
const SWEEP: Duration = Duration::from_secs(3_600);

/// What is done with the items that waited.
pub(super) trait Behind: Send {
    /// What waits.
    type Item: Send;
    /// Writes a batch and empties it. A database that is away costs what waited, not the process.
    fn write(&mut self, batch: &mut Vec<Self::Item>) -> impl Future<Output = ()> + Send;
    /// Deletes what has come to its end.
    fn sweep(&mut self, now: Timestamp) -> impl Future<Output = ()> + Send;
}

/// Writes what waits, and deletes what has come to its end; when it is to stop, writes what still waits.
pub(super) async fn run<B: Behind>(
    mut behind: B,
    mut waiting: mpsc::Receiver<B::Item>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut next_sweep = clock.now();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = stop.run_until_cancelled(waiting.recv_many(&mut batch, BATCH)).await;
        if received.is_none() {
            waiting.close();
            while let Ok(item) = waiting.try_recv() {
                batch.push(item);
            }
        }
        behind.write(&mut batch).await;
        if received.unwrap_or_default() == 0 {
            return;
        }
        let now = clock.now();
        if now >= next_sweep {
            next_sweep = now.plus(SWEEP);
            behind.sweep(now).await;
        }
    }
}
