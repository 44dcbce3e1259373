//! Jobs as clients see them, on Postgres.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder, Row};

use super::Postgres;
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::job::{Attempt, ItemsAt, Job, NewJob, Status};
use crate::store::promise::{Standing, client_ids, firsts, promises};
use crate::store::row::{AttemptRow, JobRow, job_columns};
use crate::store::{CancelOutcome, DeleteOutcome, Filter, Jobs, Page, StoreResult, Submitted};

#[async_trait]
impl Jobs for Postgres {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let now = self.now();
        let mut connection = self.pool.acquire().await?;
        let created = Self::insert(&mut connection, &firsts(jobs), now).await?;
        drop(connection);
        let created: HashSet<JobId> = created.into_iter().collect();
        let taken: Vec<&NewJob> = jobs.iter().filter(|job| !created.contains(&job.id)).collect();
        let standing = self.names(&taken, now).await?;
        Ok(jobs
            .iter()
            .map(|job| {
                if created.contains(&job.id) {
                    Submitted::Created(Box::new(job.queued(now)))
                } else {
                    standing.answer(job)
                }
            })
            .collect())
    }

    async fn standing(&self, jobs: &[NewJob]) -> StoreResult<Vec<Option<Submitted>>> {
        let standing = self.names(&jobs.iter().collect::<Vec<_>>(), self.now()).await?;
        Ok(jobs.iter().map(|job| standing.find(job)).collect())
    }

    async fn job(&self, owner: &str, id: JobId) -> StoreResult<Option<Job>> {
        let row: Option<JobRow> = sqlx::query_as(concat!(
            "-- store.job
             select ",
            job_columns!(),
            " from jobs where owner = $1 and id = $2"
        ))
        .bind(owner)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.map(JobRow::job).transpose()
    }

    async fn jobs(&self, owner: &str, filter: &Filter, page: Page) -> StoreResult<Vec<Job>> {
        let mut query = QueryBuilder::<sqlx::Postgres>::new(concat!(
            "-- store.jobs
             select ",
            job_columns!(),
            " from jobs where owner = "
        ));
        query.push_bind(owner);
        narrow(&mut query, filter);
        if let Some(after) = page.after {
            query.push(" and id < ").push_bind(after);
        }
        query.push(" order by id desc limit ").push_bind(i64::from(page.limit));
        let rows: Vec<JobRow> = query.build_query_as().fetch_all(&self.pool).await?;
        rows.into_iter().map(JobRow::job).collect()
    }

    async fn attempts(&self, owner: &str, id: JobId) -> StoreResult<Vec<Attempt>> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "-- store.attempts
             select a.* from attempts a join jobs j on j.id = a.job where j.owner = $1 and j.id = $2 order by a.number",
        )
        .bind(owner)
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(AttemptRow::attempt).collect()
    }

    async fn named(&self, owner: &str, client_ids: &[String]) -> StoreResult<Vec<(String, JobId)>> {
        let named = sqlx::query_as(
            "-- store.named
             select client_id, id from jobs where owner = $1 and client_id = any($2)",
        )
        .bind(owner)
        .bind(client_ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(named)
    }

    async fn cancel(&self, owner: &str, id: JobId) -> StoreResult<CancelOutcome> {
        // One statement, so that the job cannot be claimed between a look and a leap.
        let row: Option<JobRow> = sqlx::query_as(concat!(
            "-- store.cancel
             update jobs set ",
            cancelled!("$3"),
            "
             where owner = $1 and id = $2 and status in ('queued', 'running')
             returning ",
            job_columns!()
        ))
        .bind(owner)
        .bind(id)
        .bind(self.now())
        .fetch_optional(&self.pool)
        .await?;
        match row.map(JobRow::job).transpose()? {
            Some(job) if job.status == Status::Cancelled => Ok(CancelOutcome::Cancelled(Box::new(job))),
            Some(job) => Ok(CancelOutcome::Requested(Box::new(job))),
            None => Ok(self
                .job(owner, id)
                .await?
                .map_or(CancelOutcome::Unknown, |job| CancelOutcome::AlreadyEnded(Box::new(job)))),
        }
    }

    async fn delete(&self, owner: &str, id: JobId) -> StoreResult<DeleteOutcome> {
        // A dead segment is removed as a whole, so its blanks need not be written; noting them anyway keeps one rule.
        let removed = sqlx::query(
            "-- store.delete
             with gone as (
                 delete from jobs where owner = $1 and id = $2 and status <> 'running'
                 returning segment, segment_offset, segment_length, blobs, files
             ), orphans as (
                 insert into garbage (key)
                 select jsonb_array_elements_text(blobs) from gone
                 union select jsonb_array_elements(files) ->> 'key' from gone
                 on conflict do nothing
             ), left_behind as (
                 insert into blanks (segment, \"offset\", length)
                 select segment, segment_offset, segment_length from gone where segment is not null
                 on conflict do nothing
             ), counted as (
                 update segments set live = live - 1 where key in (select segment from gone)
             )
             select count(*) as removed, (select count(*) from jobs where owner = $1 and id = $2) as present from gone",
        )
        .bind(owner)
        .bind(id)
        .fetch_one(&self.pool)
        .await?;
        Ok(match (removed.try_get::<i64, _>("removed")?, removed.try_get::<i64, _>("present")?) {
            (1.., _) => DeleteOutcome::Deleted,
            (_, 1..) => DeleteOutcome::Running,
            _ => DeleteOutcome::Unknown,
        })
    }

    async fn watch(&self, owner: &str, id: JobId, waiter: &str) -> StoreResult<Option<Job>> {
        let row: Option<JobRow> = sqlx::query_as(concat!(
            "-- store.watch
             update jobs set waiters = case when waiters ? $3 then waiters else waiters || to_jsonb($3::text) end
             where owner = $1 and id = $2
             returning ",
            job_columns!()
        ))
        .bind(owner)
        .bind(id)
        .bind(waiter)
        .fetch_optional(&self.pool)
        .await?;
        row.map(JobRow::job).transpose()
    }

    async fn ended(&self, ids: &[JobId]) -> StoreResult<Vec<Job>> {
        let rows: Vec<JobRow> = sqlx::query_as(concat!(
            "-- store.ended
             select ",
            job_columns!(),
            " from jobs where id = any($1) and status not in ('queued', 'running')"
        ))
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(JobRow::job).collect()
    }
}

impl Postgres {
    /// Inserts rows, but for those whose idempotency key or client's id is taken; answers with the ids that are in.
    pub(super) async fn insert(
        connection: &mut PgConnection,
        jobs: &[&NewJob],
        now: Timestamp,
    ) -> StoreResult<Vec<JobId>> {
        let ids = sqlx::query_scalar(
            "-- store.submit
             with incoming as (
                 select * from unnest(
                     $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::int[], $8::bigint[],
                     $9::text[], $10::text[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::jsonb[], $15::text[],
                     $16::smallint[], $17::bool[], $18::jsonb[], $19::text[], $20::bytea[], $21::timestamptz[],
                     $23::text[], $24::uuid[], $25::uuid[], $26::text[], $27::timestamptz[], $28::timestamptz[],
                     $29::timestamptz[], $30::timestamptz[], $31::jsonb[], $32::bytea[], $33::bigint[]
                 ) as t (
                     id, owner, model, model_digest, class, priority, item_count, cost,
                     items, items_blob, params, metadata, blobs, waiters, trace,
                     max_attempts, published, keep, promise, fingerprint, promise_expires_at,
                     client_id, key, bulk, source, start_by, finish_by,
                     available_at, rank, webhook, client_fingerprint, blob_bytes
                 )
             ), keyed as (
                 insert into idempotency as i (owner, key, fingerprint, job, expires_at)
                 select owner, promise, fingerprint, id, promise_expires_at from incoming where promise is not null
                 order by owner, promise
                 on conflict (owner, key) do update
                     set fingerprint = excluded.fingerprint, job = excluded.job, expires_at = excluded.expires_at
                     where i.expires_at <= $22
                 returning job
             )
             insert into jobs (
                 id, owner, model, model_digest, class, priority, status, version, item_count, cost, items, items_blob,
                 params, metadata, blobs, waiters, trace, max_attempts, created_at, available_at, published_at,
                 keep, files, client_id, key, bulk, source, start_by, finish_by, rank, webhook, changed_at, parked,
                 fingerprint, blob_bytes
             )
             select
                 id, owner, model, model_digest, class, priority, 'queued', 1, item_count, cost, items, items_blob,
                 params, metadata, blobs, waiters, trace, max_attempts, $22, available_at, case when published then $22 end,
                 keep, '[]', client_id, key, bulk, source, start_by, finish_by, rank, webhook, $22, available_at > $22,
                 client_fingerprint, blob_bytes
             from incoming
             where promise is null or id in (select job from keyed)
             on conflict (owner, client_id) where client_id is not null do nothing
             returning id",
        )
        .bind(column(jobs, |job| job.id))
        .bind(column(jobs, |job| job.owner.as_str()))
        .bind(column(jobs, |job| job.model.as_str()))
        .bind(column(jobs, |job| job.model_digest.as_str()))
        .bind(column(jobs, |job| job.class.as_str()))
        .bind(column(jobs, |job| job.priority))
        .bind(column(jobs, |job| job.item_count.cast_signed()))
        .bind(column(jobs, |job| job.cost.units().cast_signed()))
        .bind(column(jobs, |job| match &job.items {
            ItemsAt::Row(items) | ItemsAt::File { lines: items, .. } => Some(items.as_str()),
            ItemsAt::Blob(_) => None,
        }))
        .bind(column(jobs, |job| match &job.items {
            ItemsAt::Row(_) | ItemsAt::File { .. } => None,
            ItemsAt::Blob(key) => Some(key.as_str()),
        }))
        .bind(column(jobs, |job| Json(&job.params)))
        .bind(column(jobs, |job| Json(&job.metadata)))
        .bind(column(jobs, |job| Json(&job.blobs)))
        .bind(column(jobs, |job| Json(job.waiter.iter().collect::<Vec<_>>())))
        .bind(column(jobs, |job| job.trace.as_deref()))
        .bind(column(jobs, |job| job.max_attempts.cast_signed()))
        .bind(column(jobs, |job| job.published))
        .bind(column(jobs, |job| Json(job.keep)))
        .bind(column(jobs, |job| job.idempotency.as_ref().map(|promise| promise.key.as_str())))
        .bind(column(jobs, |job| job.idempotency.as_ref().map(|promise| promise.fingerprint.to_vec())))
        .bind(column(jobs, |job| job.idempotency.as_ref().map(|promise| promise.expires_at)))
        .bind(now)
        .bind(column(jobs, |job| job.client_id.as_ref().map(|client| client.id.as_str())))
        .bind(column(jobs, |job| job.key.unwrap_or_default()))
        .bind(column(jobs, |job| job.bulk))
        .bind(column(jobs, |job| job.items.file()))
        .bind(column(jobs, |job| job.start_by))
        .bind(column(jobs, |job| job.finish_by))
        .bind(column(jobs, |job| job.available_at(now)))
        .bind(column(jobs, |job| job.rank(now)))
        .bind(column(jobs, |job| job.webhook.as_ref().map(Json)))
        .bind(column(jobs, |job| job.client_id.as_ref().map(|client| client.fingerprint.to_vec())))
        .bind(column(jobs, |job| job.blob_bytes.cast_signed()))
        .fetch_all(connection)
        .await?;
        Ok(ids)
    }

    /// The jobs that the idempotency keys and clients' ids of `jobs` already stand for.
    async fn names(&self, jobs: &[&NewJob], now: Timestamp) -> StoreResult<Standing> {
        let mut standing = Standing::default();
        self.standing_keys(&promises(jobs), now, &mut standing).await?;
        self.standing_client_ids(&client_ids(jobs), &mut standing).await?;
        Ok(standing)
    }

    async fn standing_client_ids(&self, names: &[(&str, &str)], standing: &mut Standing) -> StoreResult<()> {
        if names.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, JobId, Vec<u8>)> = sqlx::query_as(
            "-- store.standing: client ids
             select owner, id, fingerprint from jobs
             where fingerprint is not null and (owner, client_id) in (select * from unnest($1::text[], $2::text[]))",
        )
        .bind(column(names, |(owner, _)| *owner))
        .bind(column(names, |(_, id)| *id))
        .fetch_all(&self.pool)
        .await?;
        for (owner, id, fingerprint) in rows {
            if let Some(job) = self.job(&owner, id).await? {
                standing.add_client_id(fingerprint, job);
            }
        }
        Ok(())
    }

    async fn standing_keys(
        &self,
        promises: &[(&str, &str)],
        now: Timestamp,
        standing: &mut Standing,
    ) -> StoreResult<()> {
        if promises.is_empty() {
            return Ok(());
        }
        let keyed: Vec<(String, String, Vec<u8>, JobId)> = sqlx::query_as(
            "-- store.standing
             select owner, key, fingerprint, job from idempotency
             where (owner, key) in (select * from unnest($1::text[], $2::text[])) and expires_at > $3",
        )
        .bind(column(promises, |(owner, _)| *owner))
        .bind(column(promises, |(_, key)| *key))
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        for (owner, key, fingerprint, id) in keyed {
            if let Some(job) = self.job(&owner, id).await? {
                standing.add(owner, key, fingerprint, job);
            }
        }
        Ok(())
    }
}

/// One column of many rows.
pub(super) fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Adds what must hold of the jobs that are meant.
pub(super) fn narrow(query: &mut QueryBuilder<sqlx::Postgres>, filter: &Filter) {
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.as_str());
    }
    if let Some(model) = &filter.model {
        query.push(" and model = ").push_bind(model);
    }
    if let Some(class) = filter.class {
        query.push(" and class = ").push_bind(class.as_str());
    }
    if !filter.metadata.is_empty() {
        query.push(" and metadata @> ").push_bind(Json(&filter.metadata));
    }
    if let Some(from) = filter.created_after {
        query.push(" and created_at >= ").push_bind(from);
    }
    if let Some(to) = filter.created_before {
        query.push(" and created_at < ").push_bind(to);
    }
    if let Some(bulk) = filter.bulk {
        query.push(" and bulk = ").push_bind(bulk);
    }
    if !filter.ids.is_empty() {
        query.push(" and id = any(").push_bind(filter.ids.clone()).push(")");
    }
}
