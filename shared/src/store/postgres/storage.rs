//! Storage: what owners keep, on Postgres.

use async_trait::async_trait;

use super::Postgres;
use crate::store::{Storage, StoreResult};

#[async_trait]
impl Storage for Postgres {
    async fn count_storage(&self) -> StoreResult<()> {
        sqlx::query(
            "-- store.count_storage
             with counted as (
                 select owner, sum(
                     blob_bytes + coalesce(octet_length(items), 0) + coalesce(segment_length, 0) + case
                         when files = '[]' then 0
                         else (select sum((file ->> 'bytes')::bigint) from jsonb_array_elements(files) file) end
                 )::bigint as bytes
                 from jobs group by owner
             ), gone as (
                 delete from job_storage where owner not in (select owner from counted)
             )
             insert into job_storage (owner, bytes, counted_at)
             select owner, bytes, $1 from counted
             on conflict (owner) do update set bytes = excluded.bytes, counted_at = excluded.counted_at",
        )
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn is_full(&self, owner: &str, room: u64) -> StoreResult<bool> {
        let full = sqlx::query_scalar(
            "-- store.is_full
             select coalesce(sum(bytes), 0) >= $2 from storage where owner = $1",
        )
        .bind(owner)
        .bind(i64::try_from(room).unwrap_or(i64::MAX))
        .fetch_one(&self.pool)
        .await?;
        Ok(full)
    }
}
