//! Attempts on Postgres: claimed, settled, released.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::types::Json;

use super::Postgres;
use super::jobs::column;
use crate::clock::micros;
use crate::id::{JobId, WorkerId};
use crate::job::{Claimed, Ending, Settlement};
use crate::store::row::{ClaimRow, SettledRow, claim_columns};
use crate::store::{Attempts, NewSegment, Settled, StoreResult};

#[async_trait]
impl Attempts for Postgres {
    async fn claim(&self, worker: WorkerId, ids: &[JobId]) -> StoreResult<Vec<Claimed>> {
        let rows: Vec<ClaimRow> = sqlx::query_as(concat!(
            "-- store.claim
             with alive as (
                 select id from workers where id = $1 and state = 'live' and expires_at > $3 for share
             ), granted as (
                 -- a job that is not marked as handed over is not to run yet, whatever message came
                 select id from jobs
                 where id = any($2) and status = 'queued' and published_at is not null and exists (select 1 from alive)
                     -- nor is one whose time is over, or whose queue is paused
                     and (finish_by is null or finish_by > $3)
                     and (start_by is null or start_by > $3 or started_at is not null)
                     and not exists (select 1 from queues q where q.model = jobs.model and q.paused_at is not null)
                 order by id for update
             )
             update jobs set
                 status = 'running', version = version + 1, changed_at = $3, attempt = attempt + 1, worker = $1, started_at = $3,
                 published_at = null
             where id in (select id from granted)
             returning ",
            claim_columns!()
        ))
        .bind(worker)
        .bind(ids)
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| row.claimed(worker)).collect()
    }

    async fn settle(
        &self,
        worker: WorkerId,
        settlements: &[Settlement],
        segment: Option<&NewSegment>,
    ) -> StoreResult<Vec<Settled>> {
        let rows: Vec<SettledRow> = sqlx::query_as(
            "-- store.settle
             with ended as (
                 select * from unnest(
                     $3::uuid[], $4::int[], $5::text[], $6::int[], $7::int[], $8::bigint[], $9::bigint[], $10::jsonb[],
                     $11::jsonb[], $12::text[], $13::text[], $14::bigint[]
                 ) as t (
                     id, attempt, status, succeeded, failed, \"offset\", length, files,
                     timings, error_code, error_message, delay
                 )
             ), alive as (
                 select id from workers where id = $1 and state in ('live', 'draining') and expires_at > $2 for share
             ), held as (
                 -- a job that was asked to stop is not tried again, nor is one whose time is over
                 select j.id, case
                     when e.status = 'queued' and j.cancel_requested then 'cancelled'
                     when e.status = 'queued' and j.finish_by <= $2 then 'expired'
                     else e.status end as status
                 from jobs j join ended e on e.id = j.id and e.attempt = j.attempt
                 where j.worker = $1 and j.status = 'running' and exists (select 1 from alive)
                 order by j.id for update of j
             ), settled as (
                 update jobs j set
                     status = h.status,
                     version = version + 1,
                     changed_at = $2,
                     succeeded = e.succeeded,
                     failed = e.failed,
                     failures = failures + (e.error_code is not null)::int,
                     suspects = case when h.status = 'queued' then suspects end,
                     worker = case when h.status <> 'queued' then worker end,
                     available_at = case when h.status = 'queued' then $2 + e.delay * interval '1 microsecond'
                                    else available_at end,
                     parked = h.status = 'queued',
                     finished_at = case when h.status <> 'queued' then $2 end,
                     purge_at = case when h.status <> 'queued' then $2 + (keep ->> h.status)::bigint * interval '1 microsecond' end,
                     error_code = case when h.status = 'expired' then 'finish_by_passed' else e.error_code end,
                     error_message = case when h.status = 'expired' then 'the job had not ended by its `finish_by`'
                                     else e.error_message end,
                     segment = case when e.length is not null then $15 end,
                     segment_offset = e.\"offset\",
                     segment_length = e.length,
                     files = e.files,
                     timings = e.timings
                 from ended e, held h
                 where j.id = e.id and j.id = h.id
                 returning j.id, j.status, j.version, j.finished_at, j.purge_at, j.waiters, j.attempt, j.started_at,
                           e.error_code, e.error_message, j.segment, j.timings
             ), recorded as (
                 insert into segments (key, worker, bytes, live, created_at)
                 select $15, $1, $16, count(*), $2 from settled where segment is not null having count(*) > 0
             ), refused as (
                 -- what a stale settlement wrote beside the others must not outlive the job's deletion
                 insert into blanks (segment, \"offset\", length)
                 select $15, \"offset\", length from ended
                 where length is not null and id not in (select id from settled) and exists (select 1 from settled)
             ), history as (
                 insert into attempts (job, number, worker, started_at, ended_at, code, message, timings)
                 select id, attempt, $1, started_at, $2, error_code, error_message, timings from settled
                 where error_code is not null
             )
             select id, status, version, finished_at, purge_at, waiters from settled
             union all
             -- a settlement that already counted, whose answer was lost; row by row, since a plan that was made while the
             -- table was small would read all of it
             select j.* from ended e cross join lateral (
                 select id, status, version, finished_at, purge_at, waiters from jobs
                 where id = e.id and attempt = e.attempt and worker = $1 and status = e.status
                 offset 0
             ) as j
             where e.status <> 'queued'",
        )
        .bind(worker)
        .bind(self.now())
        .bind(column(settlements, |one| one.id))
        .bind(column(settlements, |one| one.attempt.cast_signed()))
        .bind(column(settlements, |one| one.ending.status().as_str()))
        .bind(column(settlements, |one| one.succeeded.cast_signed()))
        .bind(column(settlements, |one| one.failed.cast_signed()))
        .bind(column(settlements, |one| one.range.map(|(offset, _)| offset.cast_signed())))
        .bind(column(settlements, |one| one.range.map(|(_, length)| length.cast_signed())))
        .bind(column(settlements, |one| Json(&one.files)))
        .bind(column(settlements, |one| Json(one.told())))
        .bind(column(settlements, |one| one.ending.failure().map(|failure| failure.code.as_str())))
        .bind(column(settlements, |one| one.ending.failure().map(|failure| failure.message.as_str())))
        .bind(column(settlements, |one| match one.ending {
            Ending::Retry(_, delay) => Some(micros(delay)),
            _ => None,
        }))
        .bind(segment.map(|segment| segment.key.as_str()))
        .bind(segment.map(|segment| segment.bytes.cast_signed()))
        .fetch_all(&self.pool)
        .await?;
        SettledRow::answers(rows, settlements)
    }

    async fn disclaim(&self, worker: WorkerId, ids: &[JobId]) -> StoreResult<u64> {
        let released = sqlx::query(concat!(
            "-- store.disclaim
             with held as (
                 select id from jobs where id = any($2) and worker = $1 and status = 'running' order by id for update
             )
             update jobs set ",
            taken_back!("$3"),
            " where id in (select id from held)",
        ))
        .bind(worker)
        .bind(ids)
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(released.rows_affected())
    }

    async fn release(&self, worker: WorkerId, unbegun: &[(JobId, u32)]) -> StoreResult<u64> {
        let released = sqlx::query(concat!(
            "-- store.release
             with held as (
                 select j.id from jobs j join unnest($2::uuid[], $3::int[]) as t (id, attempt)
                     on t.id = j.id and t.attempt = j.attempt
                 where j.worker = $1 and j.status = 'running'
                 order by j.id for update of j
             )
             update jobs set ",
            taken_back!("$4"),
            " where id in (select id from held)",
        ))
        .bind(worker)
        .bind(column(unbegun, |(id, _)| *id))
        .bind(column(unbegun, |(_, attempt)| attempt.cast_signed()))
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(released.rows_affected())
    }

    async fn postpone(
        &self,
        worker: WorkerId,
        unbegun: &[(JobId, u32)],
        delay: Duration,
    ) -> StoreResult<u64> {
        let postponed = sqlx::query(concat!(
            "-- store.postpone
             with held as (
                 select j.id from jobs j join unnest($2::uuid[], $3::int[]) as t (id, attempt)
                     on t.id = j.id and t.attempt = j.attempt
                 where j.worker = $1 and j.status = 'running'
                 order by j.id for update of j
             )
             update jobs set ",
            taken_back!("$4"),
            ", parked = true, available_at = $4 + $5 * interval '1 microsecond' where id in (select id from held)",
        ))
        .bind(worker)
        .bind(column(unbegun, |(id, _)| *id))
        .bind(column(unbegun, |(_, attempt)| attempt.cast_signed()))
        .bind(self.now())
        .bind(micros(delay))
        .execute(&self.pool)
        .await?;
        Ok(postponed.rows_affected())
    }
}
