//! Workers and their leases, on SQLite.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sqlx::types::Json;

use super::{Sqlite, ids};
use crate::id::{JobId, WorkerId};
use crate::job::FailureCode;
use crate::store::reaping::{DeadRow, OrphanRow, Verdicts};
use crate::store::row::WorkerRow;
use crate::store::{Beat, Noted, Reaped, StoreResult, Worker, Workers};

#[async_trait]
impl Workers for Sqlite {
    async fn register(&self, id: WorkerId, host: &str, models: &[String], life: Duration) -> StoreResult<()> {
        let (host, models, now) = (host.to_owned(), models.to_vec(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.register
                     insert into workers (id, host, state, models, started_at, expires_at)
                     values ($1, $2, 'live', $3, $4, $5)",
                )
                .bind(id)
                .bind(host)
                .bind(Json(models))
                .bind(now)
                .bind(now.plus(life))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn serve(&self, id: WorkerId, models: &[String]) -> StoreResult<()> {
        let models = models.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.serve
                     update workers set models = $2 where id = $1",
                )
                .bind(id)
                .bind(Json(models))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn beat(&self, id: WorkerId, life: Duration) -> StoreResult<Beat> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let beaten = sqlx::query(
                    "-- store.beat
                     update workers set expires_at = $3
                     where id = $1 and state in ('live', 'draining') and expires_at > $2",
                )
                .bind(id)
                .bind(now)
                .bind(now.plus(life))
                .execute(&mut *connection)
                .await?;
                if beaten.rows_affected() == 0 {
                    return Ok(Beat::Lapsed);
                }
                let cancelled: Vec<JobId> = sqlx::query_scalar(
                    "-- store.beat: cancelled
                     select id from jobs where worker = $1 and status = 'running' and cancel_requested",
                )
                .bind(id)
                .fetch_all(connection)
                .await?;
                Ok(Beat::Alive(cancelled))
            })
        })
        .await
    }

    async fn report(&self, id: WorkerId, rates: &BTreeMap<String, f64>) -> StoreResult<()> {
        let rates = rates.clone();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.report
                     update workers set rates = $2 where id = $1",
                )
                .bind(id)
                .bind(Json(rates))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn drain(&self, id: WorkerId) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.drain
                     update workers set state = 'draining' where id = $1 and state = 'live'",
                )
                .bind(id)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn retire(&self, id: WorkerId) -> StoreResult<u64> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let retired = sqlx::query(
                    "-- store.retire
                     update workers set state = 'retired', noted = null
                     where id = $1 and state in ('live', 'draining')",
                )
                .bind(id)
                .execute(&mut *connection)
                .await?;
                if retired.rows_affected() == 0 {
                    return Ok(0);
                }
                let released = sqlx::query(concat!(
                    "-- store.retire: jobs
                     update jobs set ",
                    taken_back!("$2"),
                    " where worker = $1 and status = 'running'",
                ))
                .bind(id)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(released.rows_affected())
            })
        })
        .await
    }

    async fn note(&self, id: WorkerId, noted: &Noted) -> StoreResult<bool> {
        let (noted, now) = (noted.clone(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let written = sqlx::query(
                    "-- store.note
                     update workers set noted = $2
                     where id = $1 and state in ('live', 'draining') and expires_at > $3",
                )
                .bind(id)
                .bind(Json(noted))
                .bind(now)
                .execute(connection)
                .await?;
                Ok(written.rows_affected() == 1)
            })
        })
        .await
    }

    async fn reap(&self) -> StoreResult<Reaped> {
        let now = self.now();
        self.write(move |connection| {
            Box::pin(async move {
                let dead: Vec<DeadRow> = sqlx::query_as(
                    "-- store.reap: workers
                     update workers set state = 'dead'
                     where state in ('live', 'draining') and expires_at <= $1
                     returning id, noted",
                )
                .bind(now)
                .fetch_all(&mut *connection)
                .await?;
                if dead.is_empty() {
                    return Ok(Reaped::default());
                }
                let orphans: Vec<OrphanRow> = sqlx::query_as(
                    "-- store.reap: orphans
                     select id, worker, suspects, cancel_requested, finish_by, losses from jobs
                     where worker in (select unhex(value) from json_each($1)) and status = 'running' order by id",
                )
                .bind(ids(dead.iter().map(|worker| worker.id.0)))
                .fetch_all(&mut *connection)
                .await?;
                let verdicts = Verdicts::new(&dead, orphans, now)?;
                let orphans = ids(verdicts.ids().into_iter().map(|id| id.0));
                sqlx::query(
                    "-- store.reap: history
                     insert into attempts (job, number, worker, started_at, ended_at, code, message)
                     select id, attempt, worker, started_at, $2, $3, 'the worker died or lost its lease'
                     from jobs where id in (select unhex(value) from json_each($1))",
                )
                .bind(&orphans)
                .bind(now)
                .bind(FailureCode::LeaseLost.as_str())
                .execute(&mut *connection)
                .await?;
                sqlx::query(
                    "-- store.reap: jobs
                     update jobs set
                         status = v.value ->> 'status',
                         version = version + 1,
                         changed_at = $2,
                         worker = null,
                         suspects = v.value -> 'suspects',
                         losses = v.value ->> 'losses',
                         failed = iif(v.value ->> 'status' = 'failed', item_count, failed),
                         error_code = coalesce(v.value ->> 'code', error_code),
                         error_message = coalesce(v.value ->> 'message', error_message),
                         finished_at = iif(v.value ->> 'status' = 'queued', null, $2),
                         purge_at = iif(v.value ->> 'status' = 'queued', null,
                                        $2 + json_extract(keep, '$.' || (v.value ->> 'status')))
                     from json_each($1) v
                     where jobs.id = unhex(v.value ->> 'id')",
                )
                .bind(encode(&verdicts))
                .bind(now)
                .execute(connection)
                .await?;
                Ok(verdicts.reaped())
            })
        })
        .await
    }

    async fn bury(&self, host: &str) -> StoreResult<u64> {
        let (host, now) = (host.to_owned(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let buried = sqlx::query(
                    "-- store.bury
                     update workers set expires_at = min(expires_at, $2)
                     where host = $1 and state in ('live', 'draining')",
                )
                .bind(host)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(buried.rows_affected())
            })
        })
        .await
    }

    async fn workers(&self) -> StoreResult<Vec<Worker>> {
        let rows: Vec<WorkerRow> = sqlx::query_as(
            "-- store.workers
             select id, host, state, models, started_at, expires_at, rates, loaded from workers
             where state in ('live', 'draining') and expires_at > $1 order by id",
        )
        .bind(self.now())
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(WorkerRow::worker).collect()
    }

    async fn writers(&self, among: &[WorkerId]) -> StoreResult<Vec<WorkerId>> {
        let writers = sqlx::query_scalar(
            "-- store.writers
             select id from workers
             where id in (select unhex(value) from json_each($1)) and state in ('live', 'draining') and expires_at > $2",
        )
        .bind(ids(among.iter().map(|id| id.0)))
        .bind(self.now())
        .fetch_all(&self.readers)
        .await?;
        Ok(writers)
    }
}

/// Verdicts as `json_each` reads them.
fn encode(verdicts: &Verdicts) -> String {
    let rows: Vec<_> = verdicts
        .orphans
        .iter()
        .map(|verdict| {
            let failure = verdict.fate.failure();
            json!({
                "id": verdict.id.0.simple().to_string(),
                "status": verdict.status(),
                "suspects": verdict.suspects,
                "losses": verdict.losses,
                "code": failure.map(|failure| failure.code),
                "message": failure.map(|failure| failure.message.as_str()),
            })
        })
        .collect();
    json!(rows).to_string()
}
