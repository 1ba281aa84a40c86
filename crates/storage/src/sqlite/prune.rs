//! Retention of the request log: its part of the lines goes, the ledger's part stays for ever.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock;
use contract::words::Timestamp;
use sqlx::{SqliteConnection, query, query_scalar};
use tokio_util::sync::CancellationToken;

use super::Sqlite;
use super::log::first_id;

const EVERY: Duration = Duration::from_secs(3_600);
/// Lines looked at in one transaction: few enough that the spool's batches are hardly held up.
const AT_ONCE: i64 = 2_000;

const DELETE: &str = "DELETE FROM lines WHERE request >= ? AND request < ? AND number = 0";
const BLANK: &str = "UPDATE lines SET arrived_us = NULL, dialect = NULL, operation = NULL, client = NULL, stream = NULL, \
     answered = NULL, attempts = NULL, request_status = NULL, request_outcome = NULL, request_error = NULL, \
     input_total = NULL, output_total = NULL, cost_total = NULL, ttft_us = NULL, total_us = NULL, bytes_in = NULL, \
     bytes_out = NULL, snapshot = NULL, detail = NULL \
     WHERE request >= ? AND request < ? AND dialect IS NOT NULL";

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

/// Takes the log's part out of the lines before `oldest`; gives how many lost it.
async fn prune(database: &Sqlite, oldest: Timestamp) -> Result<u64, sqlx::Error> {
    let oldest = first_id(oldest).to_vec();
    let mut all = 0;
    loop {
        let mut tx = database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let start: Vec<u8> = query_scalar("SELECT request FROM log_start").fetch_one(&mut *tx).await?;
        if start >= oldest {
            // Not only when there is nothing to do: a clock that was ahead and is right again must not leave a start in the
            // future, before which nothing would be logged.
            set_start(&mut tx, &oldest).await?;
            tx.commit().await?;
            return Ok(all);
        }
        let full: Option<Vec<u8>> = query_scalar(
            "SELECT request FROM lines WHERE request >= ? AND request < ? ORDER BY request LIMIT 1 OFFSET ?",
        )
        .bind(&start)
        .bind(&oldest)
        .bind(AT_ONCE)
        .fetch_optional(&mut *tx)
        .await?;
        let end = full.as_ref().unwrap_or(&oldest);
        for statement in [DELETE, BLANK] {
            all += query(statement).bind(&start).bind(end).execute(&mut *tx).await?.rows_affected();
        }
        set_start(&mut tx, end).await?;
        tx.commit().await?;
        if full.is_none() {
            return Ok(all);
        }
    }
}

async fn set_start(tx: &mut SqliteConnection, start: &[u8]) -> Result<(), sqlx::Error> {
    query("UPDATE log_start SET request = ?").bind(start).execute(tx).await.map(drop)
}
