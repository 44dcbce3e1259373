//! Another life for jobs that have ended without success, on Postgres.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::Postgres;
use super::jobs::narrow;
use crate::clock::micros;
use crate::job::{Job, STEP};
use crate::store::row::{JobRow, job_columns};
use crate::store::{Again, Filter, Revival, StoreResult};

#[async_trait]
impl Revival for Postgres {
    async fn retry_all(
        &self,
        owner: &str,
        filter: &Filter,
        again: Again,
        limit: u32,
    ) -> StoreResult<Vec<Job>> {
        let mut query = QueryBuilder::<sqlx::Postgres>::new(
            "-- store.retry_all
             with new as (select ",
        );
        query.push_bind(self.now());
        query.push("::timestamptz as now, ").push_bind(again.start_by);
        query.push("::timestamptz as start_by, ").push_bind(again.finish_by);
        query.push("::timestamptz as finish_by, ").push_bind(micros(STEP));
        query.push(
            "::bigint as step), wanted as (
                 select id, segment, segment_offset, segment_length, files from jobs
                 where status in ('failed', 'cancelled', 'expired') and bulk is null and not exists (
                     -- a model that its owner does not see
                     select 1 from registry_models m where m.name = jobs.model and m.owner not in ('', jobs.owner)
                 ) and finished_at <= ",
        );
        query.push_bind(again.ended_by).push(" and owner = ").push_bind(owner);
        narrow(&mut query, filter);
        query.push(" order by id limit ").push_bind(i64::from(limit));
        query.push(concat!(
            " for update), orphans as (
                 insert into garbage (key)
                 select distinct jsonb_array_elements(files) ->> 'key' from wanted
                 on conflict do nothing
             ), left_behind as (
                 insert into blanks (segment, \"offset\", length)
                 select segment, segment_offset, segment_length from wanted where segment is not null
                 on conflict do nothing
             ), dead as (
                 select segment, count(*) as jobs from wanted where segment is not null group by segment order by segment
             ), counted as (
                 update segments set live = live - dead.jobs from dead where segments.key = dead.segment
             )
             update jobs set
                 status = 'queued', version = version + 1, changed_at = $1, available_at = $1, published_at = null,
                 parked = false, start_by = $2, finish_by = $3,
                 -- job::rank
                 rank = least(
                     $1 - priority * $4 * interval '1 microsecond',
                     case when coalesce($2, $3) is not null
                         then greatest(least($2, $3), $1) - 10 * $4 * interval '1 microsecond' end
                 ),
                 failures = 0, losses = 0, suspects = null, cancel_requested = false, waiters = '[]',
                 succeeded = 0, failed = 0, worker = null, started_at = null, finished_at = null, purge_at = null,
                 error_code = null, error_message = null, segment = null, segment_offset = null, segment_length = null,
                 files = '[]', timings = null
             where id in (select id from wanted)
             returning ",
            job_columns!()
        ));
        let rows: Vec<JobRow> = query.build_query_as().fetch_all(&self.pool).await?;
        rows.into_iter().map(JobRow::job).collect()
    }
}
