//! The two tasks behind a spool: one moves records to the database, one makes them survive power loss.

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, StoreError};
use tokio_util::sync::CancellationToken;

use super::reader::{Chunk, Reader};
use super::{Inner, SpoolError};
use crate::batch::Sink;

/// Records wait this long at most for more to share a transaction with.
const GATHER: Duration = Duration::from_millis(250);
/// Unsynced records wait this long at most.
const SYNC_EVERY: Duration = Duration::from_millis(100);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why a batch did not get through.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Moves records to the database until `stop`.
pub(super) async fn drain(
    spool: Arc<Inner>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut reader = Reader::default();
    let mut wait = FIRST_WAIT;
    loop {
        let moved = move_all(&spool, &mut reader, &*sink).await;
        let pause = match moved {
            Ok(()) => {
                if spool.drain_state(true) {
                    tracing::info!("spool: the database takes entries again");
                }
                wait = FIRST_WAIT;
                GATHER
            }
            Err(error) => {
                if spool.drain_state(false) {
                    tracing::warn!(%error, "spool: the database does not take entries; they are kept until it does");
                }
                let pause = wait;
                wait = (wait * 2).min(LONGEST_WAIT);
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = spool.hurry.notified() => {}
            () = clock.sleep(pause) => {}
        }
    }
}

/// Moves what is there, batch by batch. After a failure the same records are read again.
async fn move_all(spool: &Arc<Inner>, reader: &mut Reader, sink: &dyn Sink) -> Result<(), DrainError> {
    loop {
        let chunk = next(spool, reader).await?;
        if chunk.bytes == 0 {
            return Ok(());
        }
        if chunk.torn > 0 {
            tracing::warn!(places = chunk.torn, "spool: what was not written whole is left out");
        }
        let Chunk { batch, next, torn, bytes, caught_up } = chunk;
        let records = batch.len() as u64;
        if records > 0 {
            sink.append(batch).await?;
        }
        spool.moved(next, records, torn, bytes).map_err(SpoolError::Io)?;
        // What came meanwhile waits for company: small batches are dear.
        if caught_up {
            return Ok(());
        }
    }
}

/// Reads on a thread where blocking is allowed.
async fn next(spool: &Arc<Inner>, reader: &mut Reader) -> Result<Chunk, SpoolError> {
    let mut owned = take(reader);
    let spool = Arc::clone(spool);
    let work = move || {
        let chunk = spool.next_chunk(&mut owned);
        (owned, chunk)
    };
    let (owned, chunk) =
        tokio::task::spawn_blocking(work).await.map_err(|error| SpoolError::Io(error.into()))?;
    *reader = owned;
    chunk.map_err(SpoolError::Io)
}

/// Makes what was recorded survive power loss, a tenth of a second after it was written at the latest, until `stop`.
pub(super) async fn sync(spool: Arc<Inner>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        let stopped = stop.run_until_cancelled(clock.sleep(SYNC_EVERY)).await.is_none();
        let inner = Arc::clone(&spool);
        match tokio::task::spawn_blocking(move || inner.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "spool: records cannot be made to survive power loss"),
            Err(error) => tracing::warn!(%error, "spool: the thread that syncs failed"),
        }
        if stopped {
            return;
        }
    }
}
