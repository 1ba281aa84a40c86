//! Resources: versioned JSON documents, and the number that grows with every change of any of them.

use contract::ports::{BoxFuture, Page, PageRequest, Resource, ResourceKind, ResourceStore, StoreError};
use contract::words::Timestamp;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query, query_scalar};

use super::{Sqlite, unavailable};
use crate::cursor;

/// The resource store.
#[derive(Clone, Debug)]
pub struct Resources(Sqlite);

impl Resources {
    /// The resources of this database.
    #[must_use]
    pub const fn new(database: Sqlite) -> Self {
        Self(database)
    }

    async fn one(&self, kind: ResourceKind, id: &str) -> Result<Option<Resource>, StoreError> {
        let row = query(
            "SELECT id, version, created_us, updated_us, body FROM resources WHERE kind = ? AND id = ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .fetch_optional(&self.0.reader)
        .await
        .map_err(unavailable)?;
        row.map(|row| resource(kind, &row)).transpose()
    }

    async fn page(&self, kind: ResourceKind, page: PageRequest) -> Result<Page<Resource>, StoreError> {
        let after = page.cursor.as_deref().map(cursor::decode_name).transpose()?;
        let limit = cursor::page_size(page.limit);
        let rows = query(
            "SELECT id, version, created_us, updated_us, body FROM resources \
             WHERE kind = ? AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3",
        )
        .bind(kind.as_str())
        .bind(after)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.0.reader)
        .await
        .map_err(unavailable)?;
        let more = rows.len() > limit as usize;
        let items: Vec<Resource> =
            rows.iter().take(limit as usize).map(|row| resource(kind, row)).collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| more).map(|last| cursor::encode_name(&last.id));
        Ok(Page { items, next })
    }

    async fn store(&self, mut new: Resource, expected: i64) -> Result<Resource, StoreError> {
        let body = new.body.to_string();
        let mut tx = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let stored = version(&mut tx, new.kind, &new.id).await?;
        if stored.0 != expected {
            return Err(StoreError::Conflict { stored: stored.0 });
        }
        if let Some(created) = stored.1 {
            new.created = created;
        }
        new.version = expected + 1;
        query(
            "INSERT INTO resources (kind, id, version, created_us, updated_us, body) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET version = excluded.version, updated_us = excluded.updated_us, \
             body = excluded.body",
        )
        .bind(new.kind.as_str())
        .bind(&*new.id)
        .bind(new.version)
        .bind(new.created.0)
        .bind(new.updated.0)
        .bind(body)
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        bump(&mut tx).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(new)
    }

    async fn remove(&self, kind: ResourceKind, id: &str, expected: i64) -> Result<(), StoreError> {
        let mut tx = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let (stored, _) = version(&mut tx, kind, id).await?;
        if stored != expected || stored == 0 {
            return Err(StoreError::Conflict { stored });
        }
        query("DELETE FROM resources WHERE kind = ? AND id = ?")
            .bind(kind.as_str())
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        bump(&mut tx).await?;
        tx.commit().await.map_err(unavailable)
    }
}

/// The stored version (0: nothing is) and when it was made.
async fn version(
    tx: &mut SqliteConnection,
    kind: ResourceKind,
    id: &str,
) -> Result<(i64, Option<Timestamp>), StoreError> {
    let row = query("SELECT version, created_us FROM resources WHERE kind = ? AND id = ?")
        .bind(kind.as_str())
        .bind(id)
        .fetch_optional(tx)
        .await
        .map_err(unavailable)?;
    match row {
        None => Ok((0, None)),
        Some(row) => {
            Ok((row.try_get(0).map_err(unavailable)?, Some(Timestamp(row.try_get(1).map_err(unavailable)?))))
        }
    }
}

async fn bump(tx: &mut SqliteConnection) -> Result<(), StoreError> {
    query("UPDATE revision SET number = number + 1").execute(tx).await.map_err(unavailable).map(drop)
}

fn resource(kind: ResourceKind, row: &SqliteRow) -> Result<Resource, StoreError> {
    let body: &str = row.try_get(4).map_err(unavailable)?;
    Ok(Resource {
        kind,
        id: row.try_get(0).map_err(unavailable)?,
        version: row.try_get(1).map_err(unavailable)?,
        created: Timestamp(row.try_get(2).map_err(unavailable)?),
        updated: Timestamp(row.try_get(3).map_err(unavailable)?),
        body: serde_json::from_str(body).map_err(|error| StoreError::Unavailable(error.to_string()))?,
    })
}

impl ResourceStore for Resources {
    fn get(&self, kind: ResourceKind, id: String) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        Box::pin(async move { self.one(kind, &id).await })
    }

    fn list(
        &self,
        kind: ResourceKind,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<Resource>, StoreError>> {
        Box::pin(self.page(kind, page))
    }

    fn put(
        &self,
        kind: ResourceKind,
        id: String,
        body: Value,
        expected: i64,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Resource, StoreError>> {
        let new = Resource { kind, id, version: 0, created: now, updated: now, body };
        Box::pin(self.store(new, expected))
    }

    fn delete(&self, kind: ResourceKind, id: String, expected: i64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.remove(kind, &id, expected).await })
    }

    fn revision(&self) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(async move {
            query_scalar("SELECT number FROM revision").fetch_one(&self.0.reader).await.map_err(unavailable)
        })
    }
}
