//! Retention of the request log. The ledger is never pruned.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock;
use contract::words::Timestamp;
use sqlx::query;
use tokio_util::sync::CancellationToken;

use super::Sqlite;
use super::log::first_id;

const EVERY: Duration = Duration::from_secs(3_600);
/// Lines deleted in one transaction: few enough that the spool's batches are hardly held up.
const AT_ONCE: i64 = 2_000;

/// Deletes old lines now and once an hour until `stop`.
pub(crate) async fn prune_for_ever(
    database: Sqlite,
    retention: Duration,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let age = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let oldest = Timestamp(clock.now().0.saturating_sub(age));
        match stop.run_until_cancelled(prune(&database, oldest)).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(lines)) => tracing::info!(lines, "request log: old lines deleted"),
            Some(Err(error)) => {
                tracing::warn!(%error, "request log: old lines cannot be deleted, trying again in an hour");
            }
        }
        if stop.run_until_cancelled(clock.sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

async fn prune(database: &Sqlite, oldest: Timestamp) -> Result<u64, sqlx::Error> {
    let mut all = 0;
    loop {
        let done = query(
            "DELETE FROM request_lines WHERE id IN (SELECT id FROM request_lines WHERE id < ? ORDER BY id LIMIT ?)",
        )
        .bind(&first_id(oldest)[..])
        .bind(AT_ONCE)
        .execute(&database.writer)
        .await?
        .rows_affected();
        all += done;
        if done < AT_ONCE.unsigned_abs() {
            return Ok(all);
        }
    }
}
