//! Kept answers, on Postgres.

use std::time::Duration;

use async_trait::async_trait;

use super::Postgres;
use super::jobs::column;
use crate::cache::CacheKey;
use crate::store::row::{CachedRow, cache_key};
use crate::store::{Cache, KeptAt, NewKept, StoreResult};

/// Removes the rows that `$which` selects. An object in which no other answer stands becomes garbage; what two at once
/// leave of one is found by the sweep.
macro_rules! forgotten {
    ($name:literal, $which:literal) => {
        concat!(
            "-- store.",
            $name,
            "
             with gone as (
                 delete from cached c using (",
            $which,
            ") as w where c.owner = w.owner and c.key = w.key
                 returning c.object
             ), orphans as (
                 insert into garbage (key)
                 select object from gone where object is not null
                 group by object having count(*) = (select count(*) from cached c where c.object = gone.object)
                 on conflict do nothing
             )
             select count(*) from gone"
        )
    };
}

#[async_trait]
impl Cache for Postgres {
    async fn cached(&self, asked: &[(String, CacheKey)]) -> StoreResult<Vec<((String, CacheKey), KeptAt)>> {
        let rows: Vec<CachedRow> = sqlx::query_as(
            "-- store.cached
             select c.* from unnest($1::text[], $2::bytea[]) as a (owner, key) cross join lateral (
                 -- row by row, since a plan that was made while the table was small would read all of it
                 select owner, key, answer, object, \"offset\", length from cached
                 where owner = a.owner and key = a.key and expires_at > $3
                 offset 0
             ) as c",
        )
        .bind(column(asked, |(owner, _)| owner.as_str()))
        .bind(column(asked, |(_, key)| key.0.to_vec()))
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(CachedRow::kept).collect()
    }

    async fn keep_cached(&self, answers: &[NewKept], life: Duration) -> StoreResult<Vec<CacheKey>> {
        let kept: Vec<Vec<u8>> = sqlx::query_scalar(
            "-- store.keep_cached
             insert into cached (owner, key, bytes, expires_at, answer, object, \"offset\", length)
             select owner, key, bytes, $1, answer, object, \"offset\", length
             from unnest($2::text[], $3::bytea[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
                 as t (owner, key, bytes, answer, object, \"offset\", length)
             -- in one order, so that two at once do not wait for each other
             order by owner, key
             on conflict do nothing
             returning key",
        )
        .bind(self.now().plus(life))
        .bind(column(answers, |one| one.owner.as_str()))
        .bind(column(answers, |one| one.key.0.to_vec()))
        .bind(column(answers, |one| one.at.bytes().cast_signed()))
        .bind(column(answers, |one| match &one.at {
            KeptAt::Row(answer) => Some(answer.as_str()),
            KeptAt::Object { .. } => None,
        }))
        .bind(column(answers, |one| match &one.at {
            KeptAt::Row(_) => None,
            KeptAt::Object { key, .. } => Some(key.as_str()),
        }))
        .bind(column(answers, |one| match &one.at {
            KeptAt::Row(_) => None,
            KeptAt::Object { offset, .. } => Some(offset.cast_signed()),
        }))
        .bind(column(answers, |one| match &one.at {
            KeptAt::Row(_) => None,
            KeptAt::Object { length, .. } => Some(length.cast_signed()),
        }))
        .fetch_all(&self.pool)
        .await?;
        kept.into_iter().map(cache_key).collect()
    }

    async fn expire_cached(&self, limit: u32) -> StoreResult<u64> {
        let gone: i64 = sqlx::query_scalar(forgotten!(
            "expire_cached",
            "select owner, key from cached where expires_at <= $1 order by expires_at limit $2 for update skip locked"
        ))
        .bind(self.now())
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        Ok(gone.cast_unsigned())
    }

    async fn trim_cached(&self, most: u64, limit: u32) -> StoreResult<u64> {
        let gone: i64 = sqlx::query_scalar(forgotten!(
            "trim_cached",
            "select owner, key from (
                 select owner, key, sum(bytes) over (order by expires_at, owner, key) - bytes as before
                 from (select * from cached order by expires_at, owner, key limit $2) as oldest
             ) as o where before < (select sum(bytes) from cached) - $1"
        ))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        Ok(gone.cast_unsigned())
    }

    async fn forget_cached(&self, owner: &str, limit: u32) -> StoreResult<u64> {
        let gone: i64 = sqlx::query_scalar(forgotten!(
            "forget_cached",
            "select owner, key from cached where owner = $1 limit $2 for update skip locked"
        ))
        .bind(owner)
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        Ok(gone.cast_unsigned())
    }

    async fn named_cached(&self, objects: &[String]) -> StoreResult<Vec<String>> {
        let named = sqlx::query_scalar(
            "-- store.named_cached
             select distinct object from cached where object = any($1)",
        )
        .bind(objects)
        .fetch_all(&self.pool)
        .await?;
        Ok(named)
    }
}
