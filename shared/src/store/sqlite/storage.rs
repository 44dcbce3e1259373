//! Storage: what owners keep, on SQLite.

use async_trait::async_trait;
use serde_json::json;

use super::Sqlite;
use crate::store::{Storage, StoreResult};

#[async_trait]
impl Storage for Sqlite {
    async fn count_storage(&self) -> StoreResult<()> {
        // A reader looks at all jobs; the one writer is kept for the sums only.
        let counted: Vec<(String, i64)> = sqlx::query_as(
            "-- store.count_storage
             select owner, sum(
                 blob_bytes + coalesce(octet_length(items), 0) + coalesce(segment_length, 0) + case
                     when files = '[]' then 0
                     else (select sum(value ->> 'bytes') from json_each(files)) end
             )
             from jobs group by owner",
        )
        .fetch_all(&self.readers)
        .await?;
        let (counted, now) = (json!(counted).to_string(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.count_storage: gone
                     delete from job_storage where owner not in (select value ->> 0 from json_each($1))",
                )
                .bind(&counted)
                .execute(&mut *connection)
                .await?;
                sqlx::query(
                    "-- store.count_storage: sums
                     insert into job_storage (owner, bytes, counted_at)
                     select value ->> 0, value ->> 1, $2 from json_each($1) where true
                     on conflict (owner) do update set bytes = excluded.bytes, counted_at = excluded.counted_at",
                )
                .bind(&counted)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn is_full(&self, owner: &str, room: u64) -> StoreResult<bool> {
        let full = sqlx::query_scalar(
            "-- store.is_full
             select coalesce(sum(bytes), 0) >= $2 from storage where owner = $1",
        )
        .bind(owner)
        .bind(i64::try_from(room).unwrap_or(i64::MAX))
        .fetch_one(&self.readers)
        .await?;
        Ok(full)
    }
}
