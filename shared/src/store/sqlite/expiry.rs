//! Jobs whose time is over while they wait, on SQLite.

use async_trait::async_trait;

use super::Sqlite;
use crate::job::Job;
use crate::store::row::{JobRow, job_columns};
use crate::store::{Expiry, StoreResult};

#[async_trait]
impl Expiry for Sqlite {
    async fn expire(&self, limit: u32) -> StoreResult<Vec<Job>> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                // Each half has an index of its own.
                let rows: Vec<JobRow> = sqlx::query_as(concat!(
                    "-- store.expire
                     update jobs set
                         status = 'expired', version = version + 1, changed_at = $1, finished_at = $1,
                         purge_at = $1 + json_extract(keep, '$.expired'),
                         error_code = iif(finish_by <= $1, 'finish_by_passed', 'start_by_passed'),
                         error_message = iif(finish_by <= $1, 'the job had not ended by its `finish_by`',
                                             'the job had not begun by its `start_by`')
                     where id in (
                         select id from (
                             select id from jobs where status = 'queued' and finish_by <= $1
                             order by finish_by limit $2
                         )
                         union
                         select id from (
                             select id from jobs where status = 'queued' and start_by <= $1 and started_at is null
                             order by start_by limit $2
                         )
                     )
                     returning ",
                    job_columns!()
                ))
                .bind(now)
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
                rows.into_iter().map(JobRow::job).collect()
            })
        })
        .await
    }
}
