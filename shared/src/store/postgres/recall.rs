//! Cancelling many jobs at once, on Postgres.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::Postgres;
use super::jobs::narrow;
use crate::job::Job;
use crate::store::row::{JobRow, job_columns};
use crate::store::{Filter, Recall, StoreResult};

#[async_trait]
impl Recall for Postgres {
    async fn cancel_all(&self, owner: &str, filter: &Filter, limit: u32) -> StoreResult<Vec<Job>> {
        let mut query = QueryBuilder::<sqlx::Postgres>::new(
            "-- store.cancel_all
             with moment as (select ",
        );
        query.push_bind(self.now());
        query.push(
            "::timestamptz as now), wanted as (
                 select id from jobs where status in ('queued', 'running') and not cancel_requested and owner = ",
        );
        query.push_bind(owner);
        narrow(&mut query, filter);
        query.push(" order by id limit ").push_bind(i64::from(limit));
        query.push(concat!(
            " for update)
             update jobs set ",
            cancelled!("$1"),
            " where id in (select id from wanted) returning ",
            job_columns!()
        ));
        let rows: Vec<JobRow> = query.build_query_as().fetch_all(&self.pool).await?;
        rows.into_iter().map(JobRow::job).collect()
    }

    async fn cancel_queue(&self, model: &str, limit: u32) -> StoreResult<Vec<Job>> {
        let rows: Vec<JobRow> = sqlx::query_as(concat!(
            "-- store.cancel_queue
             with wanted as (
                 select id from jobs where model = $2 and status = 'queued' order by id limit $3 for update
             )
             update jobs set ",
            cancelled!("$1"),
            " where id in (select id from wanted) returning ",
            job_columns!()
        ))
        .bind(self.now())
        .bind(model)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(JobRow::job).collect()
    }
}
