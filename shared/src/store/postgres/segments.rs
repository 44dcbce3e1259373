//! Segments on Postgres: the row's lock is the right to touch the object.

use async_trait::async_trait;
use sqlx::Transaction;

use super::Postgres;
use crate::store::row::BlankRow;
use crate::store::{Blank, SegmentLock, Segments, StoreResult};

#[async_trait]
impl Segments for Postgres {
    async fn lock_segment(&self, key: &str) -> StoreResult<Option<Box<dyn SegmentLock>>> {
        let mut transaction = self.pool.begin().await?;
        let live: Option<i64> = sqlx::query_scalar(
            "-- store.lock_segment
             select live from segments where key = $1 for update",
        )
        .bind(key)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(live) = live else { return Ok(None) };
        let blanks: Vec<BlankRow> = sqlx::query_as(
            "-- store.lock_segment: blanks
             select \"offset\", length from blanks where segment = $1 order by \"offset\"",
        )
        .bind(key)
        .fetch_all(&mut *transaction)
        .await?;
        if live > 0 && blanks.is_empty() {
            return Ok(None);
        }
        let plan = BlankRow::plan(blanks, key)?;
        Ok(Some(Box::new(Lock { transaction, key: key.to_owned(), dead: live <= 0, plan })))
    }

    async fn pending_segments(&self, limit: u32) -> StoreResult<Vec<String>> {
        let keys = sqlx::query_scalar(
            "-- store.pending_segments
             select key from segments where live = 0
             union select distinct segment from blanks
             limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }

    async fn recorded_segments(&self, keys: &[String]) -> StoreResult<Vec<String>> {
        let recorded = sqlx::query_scalar(
            "-- store.recorded_segments
             select key from segments where key = any($1)",
        )
        .bind(keys)
        .fetch_all(&self.pool)
        .await?;
        Ok(recorded)
    }
}

/// A transaction that holds the segment's row.
struct Lock {
    transaction: Transaction<'static, sqlx::Postgres>,
    key: String,
    dead: bool,
    plan: Vec<Blank>,
}

#[async_trait]
impl SegmentLock for Lock {
    fn plan(&self) -> &[Blank] {
        &self.plan
    }

    fn is_dead(&self) -> bool {
        self.dead
    }

    async fn done(mut self: Box<Self>) -> StoreResult<()> {
        // A blank that was noted meanwhile is not in the plan and stays.
        sqlx::query(
            "-- store.segment_done: blanks
             delete from blanks where segment = $1 and ($2 or \"offset\" = any($3))",
        )
        .bind(&self.key)
        .bind(self.dead)
        .bind(self.plan.iter().map(|blank| blank.offset.cast_signed()).collect::<Vec<_>>())
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "-- store.segment_done: segment
             delete from segments where key = $1 and $2",
        )
        .bind(&self.key)
        .bind(self.dead)
        .execute(&mut *self.transaction)
        .await?;
        self.transaction.commit().await?;
        Ok(())
    }
}
