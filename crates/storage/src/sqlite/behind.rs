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
/// When that is done first: a database that another process holds must not keep this one from starting.
const FIRST_SWEEP: Duration = Duration::from_secs(60);
/// How long what could not be written waits until it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is done with the items that waited.
pub(super) trait Behind: Send {
    /// What waits.
    type Item: Send;
    /// Writes a batch and empties it, but for what is to be tried again. A database that is away costs what waited, not the
    /// process. What comes meanwhile waits.
    fn write(&mut self, batch: &mut Vec<Self::Item>) -> impl Future<Output = ()> + Send;
    /// Deletes what has come to its end.
    fn sweep(&mut self, now: Timestamp) -> impl Future<Output = ()> + Send;
}

/// Writes what waits, and deletes what has come to its end, whether anything comes or not; when it is to stop, writes what still waits.
pub(super) async fn run<B: Behind>(
    mut behind: B,
    mut waiting: mpsc::Receiver<B::Item>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut sweep = clock.sleep(FIRST_SWEEP);
    let mut again = clock.sleep(Duration::ZERO);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let left = !batch.is_empty();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = &mut sweep => {
                behind.sweep(clock.now()).await;
                sweep = clock.sleep(SWEEP);
                continue;
            }
            () = &mut again, if left => {}
            received = waiting.recv_many(&mut batch, BATCH), if !left => if received == 0 { break },
        }
        behind.write(&mut batch).await;
        if !batch.is_empty() {
            again = clock.sleep(AGAIN);
        }
    }
    waiting.close();
    while let Ok(item) = waiting.try_recv() {
        batch.push(item);
    }
    behind.write(&mut batch).await;
    if !batch.is_empty() {
        behind.write(&mut batch).await;
    }
}
