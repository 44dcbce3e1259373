//! Workers and their leases, on Postgres.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::types::Json;

use super::Postgres;
use super::jobs::column;
use crate::id::{JobId, WorkerId};
use crate::job::FailureCode;
use crate::store::reaping::{DeadRow, OrphanRow, Verdicts};
use crate::store::row::WorkerRow;
use crate::store::{Beat, Noted, Reaped, StoreResult, Worker, Workers};

#[async_trait]
impl Workers for Postgres {
    async fn register(&self, id: WorkerId, host: &str, models: &[String], life: Duration) -> StoreResult<()> {
        let now = self.now();
        sqlx::query(
            "-- store.register
             insert into workers (id, host, state, models, started_at, expires_at) values ($1, $2, 'live', $3, $4, $5)",
        )
        .bind(id)
        .bind(host)
        .bind(Json(models))
        .bind(now)
        .bind(now.plus(life))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn serve(&self, id: WorkerId, models: &[String]) -> StoreResult<()> {
        sqlx::query(
            "-- store.serve
             update workers set models = $2 where id = $1",
        )
        .bind(id)
        .bind(Json(models))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn beat(&self, id: WorkerId, life: Duration) -> StoreResult<Beat> {
        let now = self.now();
        let cancelled: Option<Json<Vec<JobId>>> = sqlx::query_scalar(
            "-- store.beat
             update workers set expires_at = $3
             where id = $1 and state in ('live', 'draining') and expires_at > $2
             returning (
                 select coalesce(jsonb_agg(id), '[]') from jobs
                 where worker = $1 and status = 'running' and cancel_requested
             )",
        )
        .bind(id)
        .bind(now)
        .bind(now.plus(life))
        .fetch_optional(&self.pool)
        .await?;
        Ok(cancelled.map_or(Beat::Lapsed, |Json(ids)| Beat::Alive(ids)))
    }

    async fn report(&self, id: WorkerId, rates: &BTreeMap<String, f64>) -> StoreResult<()> {
        sqlx::query(
            "-- store.report
             update workers set rates = $2 where id = $1",
        )
        .bind(id)
        .bind(Json(rates))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn drain(&self, id: WorkerId) -> StoreResult<()> {
        sqlx::query(
            "-- store.drain
             update workers set state = 'draining' where id = $1 and state = 'live'",
        )
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn retire(&self, id: WorkerId) -> StoreResult<u64> {
        let returned: i64 = sqlx::query_scalar(concat!(
            "-- store.retire
             with retired as (
                 update workers set state = 'retired', noted = null where id = $1 and state in ('live', 'draining')
                 returning id
             ), held as (
                 select id from jobs where worker in (select id from retired) and status = 'running'
                 order by id for update
             ), released as (
                 update jobs set ",
            taken_back!("$2"),
            "    where id in (select id from held)
                 returning id
             )
             select count(*) from released",
        ))
        .bind(id)
        .bind(self.now())
        .fetch_one(&self.pool)
        .await?;
        Ok(returned.cast_unsigned())
    }

    async fn note(&self, id: WorkerId, noted: &Noted) -> StoreResult<bool> {
        let written = sqlx::query(
            "-- store.note
             update workers set noted = $2 where id = $1 and state in ('live', 'draining') and expires_at > $3",
        )
        .bind(id)
        .bind(Json(noted))
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(written.rows_affected() == 1)
    }

    async fn reap(&self) -> StoreResult<Reaped> {
        let now = self.now();
        // Most looks find nothing, and a transaction is three statements.
        let lapsed: bool = sqlx::query_scalar(
            "-- store.reap: look
             select exists (select 1 from workers where state in ('live', 'draining') and expires_at <= $1)",
        )
        .bind(now)
        .fetch_one(&self.pool)
        .await?;
        if !lapsed {
            return Ok(Reaped::default());
        }
        let mut transaction = self.pool.begin().await?;
        let dead: Vec<DeadRow> = sqlx::query_as(
            "-- store.reap: workers
             update workers set state = 'dead' where id in (
                 select id from workers where state in ('live', 'draining') and expires_at <= $1
                 order by id for update skip locked
             )
             returning id, noted",
        )
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
        if dead.is_empty() {
            return Ok(Reaped::default());
        }
        let orphans: Vec<OrphanRow> = sqlx::query_as(
            "-- store.reap: orphans
             select id, worker, suspects, cancel_requested, finish_by, losses from jobs
             where worker = any($1) and status = 'running' order by id for update",
        )
        .bind(column(&dead, |worker| worker.id))
        .fetch_all(&mut *transaction)
        .await?;
        let verdicts = Verdicts::new(&dead, orphans, now)?;
        sqlx::query(
            "-- store.reap: history
             insert into attempts (job, number, worker, started_at, ended_at, code, message)
             select id, attempt, worker, started_at, $2, $3, 'the worker died or lost its lease'
             from jobs where id = any($1)",
        )
        .bind(verdicts.ids())
        .bind(now)
        .bind(FailureCode::LeaseLost.as_str())
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "-- store.reap: jobs
             update jobs j set
                 status = t.status,
                 version = version + 1,
                 changed_at = $3,
                 worker = null,
                 suspects = t.suspects,
                 losses = t.losses,
                 failed = case when t.status = 'failed' then item_count else failed end,
                 error_code = coalesce(t.code, error_code),
                 error_message = coalesce(t.message, error_message),
                 finished_at = case when t.status <> 'queued' then $3 end,
                 purge_at = case when t.status <> 'queued' then $3 + (keep ->> t.status)::bigint * interval '1 microsecond' end
             from unnest($1::uuid[], $2::jsonb[], $4::text[], $5::smallint[], $6::text[], $7::text[])
                 as t (id, suspects, status, losses, code, message)
             where j.id = t.id",
        )
        .bind(verdicts.ids())
        .bind(column(&verdicts.orphans, |verdict| Json(&verdict.suspects)))
        .bind(now)
        .bind(column(&verdicts.orphans, |verdict| verdict.status().as_str()))
        .bind(column(&verdicts.orphans, |verdict| verdict.losses.cast_signed()))
        .bind(column(&verdicts.orphans, |verdict| verdict.fate.failure().map(|failure| failure.code.as_str())))
        .bind(column(&verdicts.orphans, |verdict| verdict.fate.failure().map(|failure| failure.message.as_str())))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(verdicts.reaped())
    }

    async fn bury(&self, host: &str) -> StoreResult<u64> {
        let buried = sqlx::query(
            "-- store.bury
             update workers set expires_at = least(expires_at, $2) where host = $1 and state in ('live', 'draining')",
        )
        .bind(host)
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(buried.rows_affected())
    }

    async fn workers(&self) -> StoreResult<Vec<Worker>> {
        let rows: Vec<WorkerRow> = sqlx::query_as(
            "-- store.workers
             select id, host, state, models, started_at, expires_at, rates, loaded from workers
             where state in ('live', 'draining') and expires_at > $1 order by id",
        )
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(WorkerRow::worker).collect()
    }

    async fn writers(&self, ids: &[WorkerId]) -> StoreResult<Vec<WorkerId>> {
        let writers = sqlx::query_scalar(
            "-- store.writers
             select id from workers where id = any($1) and state in ('live', 'draining') and expires_at > $2",
        )
        .bind(ids)
        .bind(self.now())
        .fetch_all(&self.pool)
        .await?;
        Ok(writers)
    }
}
