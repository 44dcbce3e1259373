//! What is forgotten in time, on Postgres.

use async_trait::async_trait;

use super::Postgres;
use crate::id::JobId;
use crate::store::workers::FORMER_WORKERS;
use crate::store::{Retention, StoreResult};

#[async_trait]
impl Retention for Postgres {
    async fn purge(&self, limit: u32) -> StoreResult<u64> {
        let purged: i64 = sqlx::query_scalar(
            "-- store.purge
             with gone as (
                 delete from jobs where id in (
                     select id from jobs where purge_at <= $1 order by purge_at limit $2 for update skip locked
                 )
                 returning segment, blobs, files
             ), orphans as (
                 insert into garbage (key)
                 select jsonb_array_elements_text(blobs) from gone
                 union select jsonb_array_elements(files) ->> 'key' from gone
                 on conflict do nothing
             ), dead as (
                 select segment, count(*) as jobs from gone where segment is not null group by segment order by segment
             ), counted as (
                 update segments set live = live - dead.jobs from dead where segments.key = dead.segment
             ), keys as (
                 delete from idempotency where expires_at <= $1
             ), former as (
                 delete from workers where state in ('retired', 'dead') and expires_at <= $3
             )
             select count(*) from gone",
        )
        .bind(self.now())
        .bind(i64::from(limit))
        .bind(self.now().minus(FORMER_WORKERS))
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(purged).unwrap_or(0))
    }

    async fn garbage(&self, limit: u32) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.garbage
             select key from garbage order by key limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }

    async fn forget_garbage(&self, keys: &[String]) -> StoreResult<()> {
        sqlx::query(
            "-- store.forget_garbage
             delete from garbage where key = any($1)",
        )
        .bind(keys)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn named_objects(&self, ids: &[JobId]) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.named_objects
             select jsonb_array_elements_text(blobs) from jobs where id = any($1)
             union all
             select jsonb_array_elements(files) ->> 'key' from jobs where id = any($1)",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }
}
