//! Segments on SQLite: a lock inside the process is the right to touch an object.

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use super::Sqlite;
use crate::store::row::BlankRow;
use crate::store::{Blank, SegmentLock, Segments, StoreResult};

#[async_trait]
impl Segments for Sqlite {
    async fn lock_segment(&self, key: &str) -> StoreResult<Option<Box<dyn SegmentLock>>> {
        let guard = self.segments.clone().lock_owned().await;
        let live: Option<i64> = sqlx::query_scalar(
            "-- store.lock_segment
             select live from segments where key = $1",
        )
        .bind(key)
        .fetch_optional(&self.readers)
        .await?;
        let Some(live) = live else { return Ok(None) };
        let blanks: Vec<BlankRow> = sqlx::query_as(
            "-- store.lock_segment: blanks
             select \"offset\", length from blanks where segment = $1 order by \"offset\"",
        )
        .bind(key)
        .fetch_all(&self.readers)
        .await?;
        if live > 0 && blanks.is_empty() {
            return Ok(None);
        }
        let plan = BlankRow::plan(blanks, key)?;
        Ok(Some(Box::new(Lock {
            store: self.clone(),
            key: key.to_owned(),
            dead: live <= 0,
            plan,
            _guard: guard,
        })))
    }

    async fn pending_segments(&self, limit: u32) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.pending_segments
             select key from segments where live = 0
             union select distinct segment from blanks
             limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        Ok(keys)
    }

    async fn recorded_segments(&self, keys: &[String]) -> StoreResult<Vec<String>> {
        let recorded = sqlx::query_scalar(
            "-- store.recorded_segments
             select key from segments where key in (select value from json_each($1))",
        )
        .bind(json!(keys).to_string())
        .fetch_all(&self.readers)
        .await?;
        Ok(recorded)
    }
}

/// The process's lock on segments, and what one of them needs.
struct Lock {
    store: Sqlite,
    key: String,
    dead: bool,
    plan: Vec<Blank>,
    _guard: OwnedMutexGuard<()>,
}

#[async_trait]
impl SegmentLock for Lock {
    fn plan(&self) -> &[Blank] {
        &self.plan
    }

    fn is_dead(&self) -> bool {
        self.dead
    }

    async fn done(self: Box<Self>) -> StoreResult<()> {
        let (key, dead) = (self.key.clone(), self.dead);
        let offsets = json!(self.plan.iter().map(|blank| blank.offset).collect::<Vec<_>>()).to_string();
        self.store
            .write(move |connection| {
                Box::pin(async move {
                    // A blank that was noted meanwhile is not in the plan and stays.
                    sqlx::query(
                        "-- store.segment_done: blanks
                         delete from blanks
                         where segment = $1 and ($2 or \"offset\" in (select value from json_each($3)))",
                    )
                    .bind(&key)
                    .bind(dead)
                    .bind(offsets)
                    .execute(&mut *connection)
                    .await?;
                    sqlx::query(
                        "-- store.segment_done: segment
                         delete from segments where key = $1 and $2",
                    )
                    .bind(&key)
                    .bind(dead)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}
