//! How much waits, on Postgres.

use async_trait::async_trait;

use super::Postgres;
use crate::store::loads::FOLDED;
use crate::store::row::LoadRow;
use crate::store::{Load, Loads, StoreResult};

#[async_trait]
impl Loads for Postgres {
    async fn loads(&self) -> StoreResult<Vec<Load>> {
        let rows: Vec<LoadRow> = sqlx::query_as(
            "-- store.loads
             select model, class, owner, key, sum(jobs)::bigint as jobs, sum(cost)::bigint as cost
             from (select * from loads union all select * from load_changes) as known
             group by model, class, owner, key having sum(jobs) > 0",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(LoadRow::load).collect()
    }

    async fn fold_loads(&self) -> StoreResult<u64> {
        let folded: i64 = sqlx::query_scalar(
            "-- store.fold_loads
             with gone as (
                 delete from load_changes where ctid = any (array(
                     select ctid from load_changes limit $1 for update skip locked
                 ))
                 returning *
             ), folded as (
                 insert into loads as l
                 select model, class, owner, key, sum(jobs), sum(cost) from gone
                 group by model, class, owner, key order by model, class, owner, key
                 on conflict (model, class, owner, key) do update
                     set jobs = l.jobs + excluded.jobs, cost = l.cost + excluded.cost
             )
             select count(*) from gone",
        )
        .bind(FOLDED)
        .fetch_one(&self.pool)
        .await?;
        if folded > 0 {
            sqlx::query(
                "-- store.fold_loads: forget
                 delete from loads where jobs = 0 and cost = 0",
            )
            .execute(&self.pool)
            .await?;
        }
        Ok(folded.cast_unsigned())
    }
}
