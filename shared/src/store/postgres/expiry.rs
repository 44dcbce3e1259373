//! Jobs whose time is over while they wait, on Postgres.

use async_trait::async_trait;

use super::Postgres;
use crate::job::Job;
use crate::store::row::{JobRow, job_columns};
use crate::store::{Expiry, StoreResult};

#[async_trait]
impl Expiry for Postgres {
    async fn expire(&self, limit: u32) -> StoreResult<Vec<Job>> {
        // Each half has an index of its own. What another statement holds just now is looked at again the next time.
        let rows: Vec<JobRow> = sqlx::query_as(concat!(
            "-- store.expire
             with late as (
                 (select id from jobs where status = 'queued' and finish_by <= $1 order by finish_by limit $2)
                 union
                 (
                     select id from jobs where status = 'queued' and start_by <= $1 and started_at is null
                     order by start_by limit $2
                 )
             ), held as (
                 select id from jobs
                 where id in (select id from late) and status = 'queued'
                     and (finish_by <= $1 or (start_by <= $1 and started_at is null))
                 order by id for update skip locked
             )
             update jobs set
                 status = 'expired', version = version + 1, changed_at = $1, finished_at = $1,
                 purge_at = $1 + (keep ->> 'expired')::bigint * interval '1 microsecond',
                 error_code = case when finish_by <= $1 then 'finish_by_passed' else 'start_by_passed' end,
                 error_message = case when finish_by <= $1 then 'the job had not ended by its `finish_by`'
                                 else 'the job had not begun by its `start_by`' end
             where id in (select id from held)
             returning ",
            job_columns!()
        ))
        .bind(self.now())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(JobRow::job).collect()
    }
}
