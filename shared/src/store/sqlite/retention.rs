//! What is forgotten in time, on SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{Sqlite, ids};
use crate::id::JobId;
use crate::store::workers::FORMER_WORKERS;
use crate::store::{Retention, StoreResult};

#[async_trait]
impl Retention for Sqlite {
    async fn purge(&self, limit: u32) -> StoreResult<u64> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let gone: Vec<JobId> = sqlx::query_scalar(
                    "-- store.purge
                     select id from jobs where purge_at <= $1 order by purge_at limit $2",
                )
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
                remove(connection, &ids(gone.iter().map(|id| id.0))).await?;
                sqlx::query(
                    "-- store.purge: keys
                     delete from idempotency where expires_at <= $1",
                )
                .bind(now)
                .execute(&mut *connection)
                .await?;
                sqlx::query(
                    "-- store.purge: workers
                     delete from workers where state in ('retired', 'dead') and expires_at <= $1",
                )
                .bind(now.minus(FORMER_WORKERS))
                .execute(connection)
                .await?;
                Ok(gone.len() as u64)
            })
        })
        .await
    }

    async fn garbage(&self, limit: u32) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.garbage
             select key from garbage order by key limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        Ok(keys)
    }

    async fn forget_garbage(&self, keys: &[String]) -> StoreResult<()> {
        let keys = serde_json::json!(keys).to_string();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.forget_garbage
                     delete from garbage where key in (select value from json_each($1))",
                )
                .bind(keys)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn named_objects(&self, among: &[JobId]) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.named_objects
             select b.value from jobs j, json_each(j.blobs) b where j.id in (select unhex(value) from json_each($1))
             union all
             select f.value ->> 'key' from jobs j, json_each(j.files) f
             where j.id in (select unhex(value) from json_each($1))",
        )
        .bind(ids(among.iter().map(|id| id.0)))
        .fetch_all(&self.readers)
        .await?;
        Ok(keys)
    }
}

/// Removes jobs with all that is theirs: their objects become garbage, their segments count them no longer.
pub(super) async fn remove(connection: &mut SqliteConnection, gone: &str) -> StoreResult<()> {
    sqlx::query(
        "-- store.remove: garbage
         insert into garbage (key)
         select b.value from jobs j, json_each(j.blobs) b where j.id in (select unhex(value) from json_each($1))
         union
         select f.value ->> 'key' from jobs j, json_each(j.files) f
         where j.id in (select unhex(value) from json_each($1))
         on conflict do nothing",
    )
    .bind(gone)
    .execute(&mut *connection)
    .await?;
    leave_segments(&mut *connection, gone).await?;
    sqlx::query(
        "-- store.remove: jobs
         delete from jobs where id in (select unhex(value) from json_each($1))",
    )
    .bind(gone)
    .execute(connection)
    .await?;
    Ok(())
}

/// Segments count these jobs no longer.
pub(super) async fn leave_segments(connection: &mut SqliteConnection, jobs: &str) -> StoreResult<()> {
    sqlx::query(
        "-- store.leave_segments
         update segments set live = live - dead.jobs
         from (
             select segment, count(*) as jobs from jobs
             where id in (select unhex(value) from json_each($1)) and segment is not null group by segment
         ) as dead
         where segments.key = dead.segment",
    )
    .bind(jobs)
    .execute(connection)
    .await?;
    Ok(())
}
