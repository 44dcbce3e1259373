//! How much waits, on SQLite.

use async_trait::async_trait;

use super::Sqlite;
use crate::store::row::LoadRow;
use crate::store::{Load, Loads, StoreResult};

#[async_trait]
impl Loads for Sqlite {
    async fn loads(&self) -> StoreResult<Vec<Load>> {
        let rows: Vec<LoadRow> = sqlx::query_as(
            "-- store.loads
             select model, class, owner, key, jobs, cost from loads where jobs > 0",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(LoadRow::load).collect()
    }

    /// They are counted in place; what has come to nothing is forgotten.
    async fn fold_loads(&self) -> StoreResult<u64> {
        self.write(|connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.fold_loads: forget
                     delete from loads where jobs = 0 and cost = 0",
                )
                .execute(connection)
                .await?;
                Ok(0)
            })
        })
        .await
    }
}
