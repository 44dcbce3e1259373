//! Cancelling many jobs at once, on SQLite.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::Sqlite;
use super::jobs::narrow;
use crate::job::Job;
use crate::store::row::{JobRow, job_columns};
use crate::store::{Filter, Recall, StoreResult};

#[async_trait]
impl Recall for Sqlite {
    async fn cancel_all(&self, owner: &str, filter: &Filter, limit: u32) -> StoreResult<Vec<Job>> {
        let (owner, filter, now) = (owner.to_owned(), filter.clone(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let mut query = QueryBuilder::<sqlx::Sqlite>::new(
                    "-- store.cancel_all
                     with moment as (select ",
                );
                query.push_bind(now);
                query.push(concat!(
                    " as now)
                     update jobs set ",
                    cancelled!("(select now from moment)"),
                    " where id in (
                         select id from jobs where status in ('queued', 'running') and not cancel_requested and owner = "
                ));
                query.push_bind(owner);
                narrow(&mut query, &filter);
                query.push(" order by id limit ").push_bind(i64::from(limit));
                query.push(concat!(") returning ", job_columns!()));
                let rows: Vec<JobRow> = query.build_query_as().fetch_all(connection).await?;
                rows.into_iter().map(JobRow::job).collect()
            })
        })
        .await
    }

    async fn cancel_queue(&self, model: &str, limit: u32) -> StoreResult<Vec<Job>> {
        let (model, now) = (model.to_owned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let rows: Vec<JobRow> = sqlx::query_as(concat!(
                    "-- store.cancel_queue
                     update jobs set ",
                    cancelled!("$1"),
                    " where id in (select id from jobs where model = $2 and status = 'queued' order by id limit $3)
                     returning ",
                    job_columns!()
                ))
                .bind(now)
                .bind(model)
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
                rows.into_iter().map(JobRow::job).collect()
            })
        })
        .await
    }
}
