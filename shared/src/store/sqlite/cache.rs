//! Kept answers, on SQLite.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::cache::CacheKey;
use crate::clock::Timestamp;
use crate::store::row::{CachedRow, cache_key};
use crate::store::{Cache, KeptAt, NewKept, StoreResult};

#[async_trait]
impl Cache for Sqlite {
    async fn cached(&self, asked: &[(String, CacheKey)]) -> StoreResult<Vec<((String, CacheKey), KeptAt)>> {
        let asked: Vec<_> = asked.iter().map(|(owner, key)| json!([owner, hex::encode(key.0)])).collect();
        let rows: Vec<CachedRow> = sqlx::query_as(
            "-- store.cached
             select c.owner, c.key, c.answer, c.object, c.\"offset\", c.length
             from json_each($1) a cross join cached c on c.owner = a.value ->> 0 and c.key = unhex(a.value ->> 1)
             where c.expires_at > $2",
        )
        .bind(json!(asked).to_string())
        .bind(self.now())
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(CachedRow::kept).collect()
    }

    async fn keep_cached(&self, answers: &[NewKept], life: Duration) -> StoreResult<Vec<CacheKey>> {
        let (answers, until) = (encode(answers), self.now().plus(life));
        self.write(move |connection| {
            Box::pin(async move {
                let kept: Vec<Vec<u8>> = sqlx::query_scalar(
                    "-- store.keep_cached
                     insert into cached (owner, key, bytes, expires_at, answer, object, \"offset\", length)
                     select value ->> 'owner', unhex(value ->> 'key'), value ->> 'bytes', $1, value ->> 'answer',
                            value ->> 'object', value ->> 'offset', value ->> 'length'
                     from json_each($2) where true
                     on conflict do nothing
                     returning key",
                )
                .bind(until)
                .bind(answers)
                .fetch_all(connection)
                .await?;
                kept.into_iter().map(cache_key).collect()
            })
        })
        .await
    }

    async fn expire_cached(&self, limit: u32) -> StoreResult<u64> {
        let now: Timestamp = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query_scalar(
                    "-- store.expire_cached
                     delete from cached where rowid in (
                         select rowid from cached where expires_at <= $1 order by expires_at limit $2
                     )
                     returning object",
                )
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
                throw_away(connection, gone).await
            })
        })
        .await
    }

    async fn trim_cached(&self, most: u64, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query_scalar(
                    "-- store.trim_cached
                     delete from cached where rowid in (
                         select id from (
                             select id, sum(bytes) over (order by expires_at, owner, key) - bytes as before
                             from (select rowid as id, * from cached order by expires_at, owner, key limit $2)
                         ) where before < (select sum(bytes) from cached) - $1
                     )
                     returning object",
                )
                .bind(i64::try_from(most).unwrap_or(i64::MAX))
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
                throw_away(connection, gone).await
            })
        })
        .await
    }

    async fn forget_cached(&self, owner: &str, limit: u32) -> StoreResult<u64> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let gone = sqlx::query_scalar(
                    "-- store.forget_cached
                     delete from cached where rowid in (select rowid from cached where owner = $1 limit $2)
                     returning object",
                )
                .bind(owner)
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
                throw_away(connection, gone).await
            })
        })
        .await
    }

    async fn named_cached(&self, objects: &[String]) -> StoreResult<Vec<String>> {
        let named = sqlx::query_scalar(
            "-- store.named_cached
             select distinct object from cached where object in (select value from json_each($1))",
        )
        .bind(json!(objects).to_string())
        .fetch_all(&self.readers)
        .await?;
        Ok(named)
    }
}

/// Answers as `json_each` reads them.
fn encode(answers: &[NewKept]) -> String {
    let rows: Vec<_> = answers
        .iter()
        .map(|one| {
            let (answer, place) = match &one.at {
                KeptAt::Row(answer) => (Some(answer), None),
                KeptAt::Object { key, offset, length } => (None, Some((key, offset, length))),
            };
            json!({
                "owner": one.owner,
                "key": hex::encode(one.key.0),
                "bytes": one.at.bytes(),
                "answer": answer,
                "object": place.map(|(key, ..)| key),
                "offset": place.map(|(_, offset, _)| offset),
                "length": place.map(|(.., length)| length),
            })
        })
        .collect();
    json!(rows).to_string()
}

/// Objects of forgotten answers become garbage, unless others stand in them. Answers how many answers those were.
async fn throw_away(connection: &mut SqliteConnection, gone: Vec<Option<String>>) -> StoreResult<u64> {
    let count = gone.len() as u64;
    let objects: Vec<String> = gone.into_iter().flatten().collect();
    if !objects.is_empty() {
        sqlx::query(
            "-- store.throw_away_cached
             insert into garbage (key)
             select distinct value from json_each($1) where not exists (select 1 from cached where object = value)
             on conflict do nothing",
        )
        .bind(json!(objects).to_string())
        .execute(connection)
        .await?;
    }
    Ok(count)
}
