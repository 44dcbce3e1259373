//! Attempts on SQLite: claimed, settled, released.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sqlx::SqliteConnection;

use super::{Sqlite, ids};
use crate::clock::{Timestamp, micros};
use crate::id::{JobId, WorkerId};
use crate::job::{Claimed, Ending, Settlement};
use crate::store::row::{ClaimRow, SettledRow, claim_columns};
use crate::store::{Attempts, NewSegment, Settled, StoreResult};

#[async_trait]
impl Attempts for Sqlite {
    async fn claim(&self, worker: WorkerId, among: &[JobId]) -> StoreResult<Vec<Claimed>> {
        let (among, now) = (ids(among.iter().map(|id| id.0)), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let rows: Vec<ClaimRow> = sqlx::query_as(concat!(
                    "-- store.claim
                     update jobs set
                         status = 'running', version = version + 1, changed_at = $3, attempt = attempt + 1, worker = $1, started_at = $3,
                         published_at = null
                     where id in (select unhex(value) from json_each($2))
                         -- a job that is not marked as handed over is not to run yet, whatever message came
                         and status = 'queued' and published_at is not null
                         -- nor is one whose time is over, or whose queue is paused
                         and (finish_by is null or finish_by > $3)
                         and (start_by is null or start_by > $3 or started_at is not null)
                         and not exists (select 1 from queues q where q.model = jobs.model and q.paused_at is not null)
                         and exists (select 1 from workers where id = $1 and state = 'live' and expires_at > $3)
                     returning ",
                    claim_columns!()
                ))
                .bind(worker)
                .bind(among)
                .bind(now)
                .fetch_all(connection)
                .await?;
                rows.into_iter().map(|row| row.claimed(worker)).collect()
            })
        })
        .await
    }

    async fn settle(
        &self,
        worker: WorkerId,
        settlements: &[Settlement],
        segment: Option<&NewSegment>,
    ) -> StoreResult<Vec<Settled>> {
        let (group, segment, now) = (settlements.to_vec(), segment.cloned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let ended = encode(&group);
                let key = segment.as_ref().map(|segment| segment.key.as_str());
                let settled = update(connection, worker, &ended, key, now).await?;
                if !settled.is_empty() {
                    if let Some(segment) = &segment {
                        record(connection, segment, &ended, &settled, now).await?;
                    }
                    remember(connection, worker, &ended, &settled, now).await?;
                }
                let counted = counted(connection, worker, &ended, &settled).await?;
                SettledRow::answers(counted, &group)
            })
        })
        .await
    }

    async fn disclaim(&self, worker: WorkerId, among: &[JobId]) -> StoreResult<u64> {
        let (among, now) = (ids(among.iter().map(|id| id.0)), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let released = sqlx::query(concat!(
                    "-- store.disclaim
                     update jobs set ",
                    taken_back!("$3"),
                    " where worker = $1 and status = 'running' and id in (select unhex(value) from json_each($2))",
                ))
                .bind(worker)
                .bind(among)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(released.rows_affected())
            })
        })
        .await
    }

    async fn release(&self, worker: WorkerId, unbegun: &[(JobId, u32)]) -> StoreResult<u64> {
        let (unbegun, now) = (held(unbegun), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let released = sqlx::query(concat!(
                    "-- store.release
                     update jobs set ",
                    taken_back!("$3"),
                    " where worker = $1 and status = 'running' and (id, attempt) in (
                         select unhex(value ->> 'id'), value ->> 'attempt' from json_each($2)
                     )",
                ))
                .bind(worker)
                .bind(unbegun)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(released.rows_affected())
            })
        })
        .await
    }

    async fn postpone(
        &self,
        worker: WorkerId,
        unbegun: &[(JobId, u32)],
        delay: Duration,
    ) -> StoreResult<u64> {
        let (unbegun, now) = (held(unbegun), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let postponed = sqlx::query(concat!(
                    "-- store.postpone
                     update jobs set ",
                    taken_back!("$3"),
                    ", parked = 1, available_at = $3 + $4
                     where worker = $1 and status = 'running' and (id, attempt) in (
                         select unhex(value ->> 'id'), value ->> 'attempt' from json_each($2)
                     )",
                ))
                .bind(worker)
                .bind(unbegun)
                .bind(now)
                .bind(micros(delay))
                .execute(connection)
                .await?;
                Ok(postponed.rows_affected())
            })
        })
        .await
    }
}

/// Attempts as `json_each` reads them.
fn held(attempts: &[(JobId, u32)]) -> String {
    let attempt = |(id, attempt): &(JobId, u32)| json!({"id": id.0.simple().to_string(), "attempt": attempt});
    json!(attempts.iter().map(attempt).collect::<Vec<_>>()).to_string()
}

/// Settlements as `json_each` reads them.
fn encode(settlements: &[Settlement]) -> String {
    let rows: Vec<_> = settlements
        .iter()
        .map(|one| {
            let failure = one.ending.failure();
            let delay = if let Ending::Retry(_, delay) = one.ending { Some(micros(delay)) } else { None };
            json!({
                "id": one.id.0.simple().to_string(),
                "attempt": one.attempt,
                "status": one.ending.status(),
                "succeeded": one.succeeded,
                "failed": one.failed,
                "offset": one.range.map(|(offset, _)| offset),
                "length": one.range.map(|(_, length)| length),
                "files": one.files,
                "timings": one.told(),
                "error_code": failure.map(|failure| failure.code),
                "error_message": failure.map(|failure| failure.message.as_str()),
                "delay": delay,
            })
        })
        .collect();
    json!(rows).to_string()
}

/// Moves the jobs that the worker still holds; answers with their ids.
async fn update(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    ended: &str,
    segment: Option<&str>,
    now: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let settled = sqlx::query_scalar(
        "-- store.settle
         update jobs set
             status = h.status,
             version = version + 1,
             changed_at = $3,
             succeeded = h.e ->> 'succeeded',
             failed = h.e ->> 'failed',
             failures = failures + (h.e ->> 'error_code' is not null),
             suspects = iif(h.status = 'queued', suspects, null),
             worker = iif(h.status = 'queued', null, worker),
             available_at = iif(h.status = 'queued', $3 + (h.e ->> 'delay'), available_at),
             parked = h.status = 'queued',
             finished_at = iif(h.status = 'queued', null, $3),
             purge_at = iif(h.status = 'queued', null, $3 + json_extract(keep, '$.' || h.status)),
             error_code = iif(h.status = 'expired', 'finish_by_passed', h.e ->> 'error_code'),
             error_message = iif(h.status = 'expired', 'the job had not ended by its `finish_by`', h.e ->> 'error_message'),
             segment = iif(h.e ->> 'length' is null, null, $4),
             segment_offset = h.e ->> 'offset',
             segment_length = h.e ->> 'length',
             files = h.e -> 'files',
             timings = h.e -> 'timings'
         from (
             -- a job that was asked to stop is not tried again, nor is one whose time is over
             -- (a cross join goes from the settlements to their rows, and not from all that the worker holds)
             select j.id, e.value as e, case
                 when e.value ->> 'status' = 'queued' and j.cancel_requested then 'cancelled'
                 when e.value ->> 'status' = 'queued' and j.finish_by <= $3 then 'expired'
                 else e.value ->> 'status' end as status
             from json_each($2) e cross join jobs j on j.id = unhex(e.value ->> 'id') and j.attempt = e.value ->> 'attempt'
             where j.worker = $1 and j.status = 'running' and exists (
                 select 1 from workers where id = $1 and state in ('live', 'draining') and expires_at > $3
             )
         ) as h
         where jobs.id = h.id
         returning id",
    )
    .bind(worker)
    .bind(ended)
    .bind(now)
    .bind(segment)
    .fetch_all(connection)
    .await?;
    Ok(settled)
}

/// Records the segment with as many jobs as live in it, and what stale settlements wrote beside them as blank.
async fn record(
    connection: &mut SqliteConnection,
    segment: &NewSegment,
    ended: &str,
    settled: &[JobId],
    now: Timestamp,
) -> StoreResult<()> {
    sqlx::query(
        "-- store.settle: segment
         insert into segments (key, worker, bytes, live, created_at)
         select $1, $2, $3, count(*), $4 from jobs where id in (select unhex(value) from json_each($5)) and segment = $1
         having count(*) > 0",
    )
    .bind(&segment.key)
    .bind(segment.worker)
    .bind(segment.bytes.cast_signed())
    .bind(now)
    .bind(ids(settled.iter().map(|id| id.0)))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.settle: refused
         insert into blanks (segment, \"offset\", length)
         select $1, value ->> 'offset', value ->> 'length' from json_each($2)
         where value ->> 'length' is not null
             and unhex(value ->> 'id') not in (select unhex(value) from json_each($3))",
    )
    .bind(&segment.key)
    .bind(ended)
    .bind(ids(settled.iter().map(|id| id.0)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes attempts that ended without success into history.
async fn remember(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    ended: &str,
    settled: &[JobId],
    now: Timestamp,
) -> StoreResult<()> {
    sqlx::query(
        "-- store.settle: history
         insert into attempts (job, number, worker, started_at, ended_at, code, message, timings)
         select j.id, j.attempt, $1, j.started_at, $2, e.value ->> 'error_code', e.value ->> 'error_message', e.value -> 'timings'
         from json_each($4) e cross join jobs j on j.id = unhex(e.value ->> 'id')
         where j.id in (select unhex(value) from json_each($3)) and e.value ->> 'error_code' is not null",
    )
    .bind(worker)
    .bind(now)
    .bind(ids(settled.iter().map(|id| id.0)))
    .bind(ended)
    .execute(connection)
    .await?;
    Ok(())
}

/// The jobs whose settlements count: those moved just now, and those of an earlier try whose answer was lost.
async fn counted(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    ended: &str,
    settled: &[JobId],
) -> StoreResult<Vec<SettledRow>> {
    let rows = sqlx::query_as(
        "-- store.settle: answers
         select j.id, j.status, j.version, j.finished_at, j.purge_at, j.waiters
         from json_each($2) e cross join jobs j on j.id = unhex(e.value ->> 'id') and j.attempt = e.value ->> 'attempt'
         where j.id in (select unhex(value) from json_each($3))
            or (j.worker = $1 and j.status = e.value ->> 'status' and j.status not in ('queued', 'running'))",
    )
    .bind(worker)
    .bind(ended)
    .bind(ids(settled.iter().map(|id| id.0)))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
