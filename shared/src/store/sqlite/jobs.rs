//! Jobs as clients see them, on SQLite.

use std::collections::HashSet;

use async_trait::async_trait;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{QueryBuilder, SqliteConnection};

use super::retention::remove;
use super::{Sqlite, ids};
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::job::{Attempt, ItemsAt, Job, NewJob, Status};
use crate::store::promise::{Standing, client_ids, firsts, promises};
use crate::store::row::{AttemptRow, JobRow, job_columns};
use crate::store::{CancelOutcome, DeleteOutcome, Filter, Jobs, Page, StoreResult, Submitted};

/// Rows of one insert: 32 parameters each, below SQLite's 32766 parameters.
const ROWS_PER_INSERT: usize = 900;

#[async_trait]
impl Jobs for Sqlite {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let (group, now) = (jobs.to_vec(), self.now());
        let (created, standing) = self
            .write(move |connection| {
                Box::pin(async move {
                    let first = firsts(&group);
                    let created: HashSet<JobId> =
                        insert(connection, &first, now).await?.into_iter().collect();
                    let taken: Vec<&NewJob> = group.iter().filter(|job| !created.contains(&job.id)).collect();
                    let standing = standing(connection, &taken, now).await?;
                    Ok((created, standing))
                })
            })
            .await?;
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
        let (mut connection, now) = (self.readers.acquire().await?, self.now());
        let standing = standing(&mut connection, &jobs.iter().collect::<Vec<_>>(), now).await?;
        Ok(jobs.iter().map(|job| standing.find(job)).collect())
    }

    async fn job(&self, owner: &str, id: JobId) -> StoreResult<Option<Job>> {
        let mut connection = self.readers.acquire().await?;
        job(&mut connection, owner, id).await
    }

    async fn jobs(&self, owner: &str, filter: &Filter, page: Page) -> StoreResult<Vec<Job>> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(concat!(
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
        let rows: Vec<JobRow> = query.build_query_as().fetch_all(&self.readers).await?;
        rows.into_iter().map(JobRow::job).collect()
    }

    async fn attempts(&self, owner: &str, id: JobId) -> StoreResult<Vec<Attempt>> {
        let rows: Vec<AttemptRow> = sqlx::query_as(
            "-- store.attempts
             select a.* from attempts a join jobs j on j.id = a.job where j.owner = $1 and j.id = $2 order by a.number",
        )
        .bind(owner)
        .bind(id)
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(AttemptRow::attempt).collect()
    }

    async fn named(&self, owner: &str, client_ids: &[String]) -> StoreResult<Vec<(String, JobId)>> {
        let named = sqlx::query_as(
            "-- store.named
             select client_id, id from jobs where owner = $1 and client_id in (select value from json_each($2))",
        )
        .bind(owner)
        .bind(json!(client_ids).to_string())
        .fetch_all(&self.readers)
        .await?;
        Ok(named)
    }

    async fn cancel(&self, owner: &str, id: JobId) -> StoreResult<CancelOutcome> {
        let (whose, now) = (owner.to_owned(), self.now());
        let row: Option<JobRow> = self
            .write(move |connection| {
                Box::pin(async move {
                    let row = sqlx::query_as(concat!(
                        "-- store.cancel
                         update jobs set ",
                        cancelled!("$3"),
                        "
                         where owner = $1 and id = $2 and status in ('queued', 'running')
                         returning ",
                        job_columns!()
                    ))
                    .bind(whose)
                    .bind(id)
                    .bind(now)
                    .fetch_optional(connection)
                    .await?;
                    Ok(row)
                })
            })
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
        let whose = owner.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let Some(job) = job(connection, &whose, id).await? else { return Ok(DeleteOutcome::Unknown) };
                if job.status == Status::Running {
                    return Ok(DeleteOutcome::Running);
                }
                remove(connection, &ids([id.0])).await?;
                if let Some(result) = job.result {
                    sqlx::query(
                        "-- store.delete: blanks
                         insert into blanks (segment, \"offset\", length) values ($1, $2, $3) on conflict do nothing",
                    )
                    .bind(result.segment)
                    .bind(result.offset.cast_signed())
                    .bind(result.length.cast_signed())
                    .execute(connection)
                    .await?;
                }
                Ok(DeleteOutcome::Deleted)
            })
        })
        .await
    }

    async fn watch(&self, owner: &str, id: JobId, waiter: &str) -> StoreResult<Option<Job>> {
        let (owner, waiter) = (owner.to_owned(), waiter.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let row: Option<JobRow> = sqlx::query_as(concat!(
                    "-- store.watch
                     update jobs set waiters = case
                         when exists (select 1 from json_each(waiters) where value = $3) then waiters
                         else json_insert(waiters, '$[#]', $3) end
                     where owner = $1 and id = $2
                     returning ",
                    job_columns!()
                ))
                .bind(owner)
                .bind(id)
                .bind(waiter)
                .fetch_optional(connection)
                .await?;
                row.map(JobRow::job).transpose()
            })
        })
        .await
    }

    async fn ended(&self, among: &[JobId]) -> StoreResult<Vec<Job>> {
        let rows: Vec<JobRow> = sqlx::query_as(concat!(
            "-- store.ended
             select ",
            job_columns!(),
            " from jobs where id in (select unhex(value) from json_each($1)) and status not in ('queued', 'running')"
        ))
        .bind(ids(among.iter().map(|id| id.0)))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(JobRow::job).collect()
    }
}

async fn job(connection: &mut SqliteConnection, owner: &str, id: JobId) -> StoreResult<Option<Job>> {
    let row: Option<JobRow> = sqlx::query_as(concat!(
        "-- store.job
         select ",
        job_columns!(),
        " from jobs where owner = $1 and id = $2"
    ))
    .bind(owner)
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.map(JobRow::job).transpose()
}

/// Inserts rows, but for those whose idempotency key or client's id is taken; answers with the ids that are in.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    jobs: &[&NewJob],
    now: Timestamp,
) -> StoreResult<Vec<JobId>> {
    let (mut fresh, mut created) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
    for job in jobs {
        if keep_promise(connection, job, now).await? {
            fresh.push(*job);
        }
    }
    for rows in fresh.chunks(ROWS_PER_INSERT) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "-- store.submit
             insert into jobs (
                 id, owner, model, model_digest, class, priority, status, version, item_count, cost, items, items_blob,
                 params, metadata, blobs, waiters, trace, max_attempts, created_at, available_at, published_at,
                 keep, files, client_id, key, bulk, source, start_by, finish_by, rank, webhook, changed_at, parked,
                 fingerprint, blob_bytes
             ) ",
        );
        query.push_values(rows, |mut row, job| {
            let (items, items_blob) = match &job.items {
                ItemsAt::Row(items) | ItemsAt::File { lines: items, .. } => (Some(items), None),
                ItemsAt::Blob(key) => (None, Some(key)),
            };
            row.push_bind(job.id)
                .push_bind(&job.owner)
                .push_bind(&job.model)
                .push_bind(&job.model_digest)
                .push_bind(job.class.as_str())
                .push_bind(job.priority)
                .push("'queued', 1")
                .push_bind(i64::from(job.item_count))
                .push_bind(job.cost.units().cast_signed())
                .push_bind(items)
                .push_bind(items_blob)
                .push_bind(Json(&job.params))
                .push_bind(Json(&job.metadata))
                .push_bind(Json(&job.blobs))
                .push_bind(Json(job.waiter.iter().collect::<Vec<_>>()))
                .push_bind(&job.trace)
                .push_bind(i64::from(job.max_attempts))
                .push_bind(now)
                .push_bind(job.available_at(now))
                .push_bind(job.published.then_some(now))
                .push_bind(Json(job.keep))
                .push("'[]'")
                .push_bind(job.client_id.as_ref().map(|client| &client.id))
                .push_bind(job.key.unwrap_or_default())
                .push_bind(job.bulk)
                .push_bind(job.items.file())
                .push_bind(job.start_by)
                .push_bind(job.finish_by)
                .push_bind(job.rank(now))
                .push_bind(job.webhook.as_ref().map(Json))
                .push_bind(now)
                .push_bind(job.available_at(now) > now)
                .push_bind(job.client_id.as_ref().map(|client| client.fingerprint.to_vec()))
                .push_bind(job.blob_bytes.cast_signed());
        });
        query.push(" on conflict (owner, client_id) where client_id is not null do nothing returning id");
        // The text depends on how many rows there are; it is not worth a place among the prepared statements.
        let query = query.build_query_scalar::<JobId>().persistent(rows.len() == 1);
        created.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(created)
}

/// Takes the job's idempotency key, if it has one. `false`: it stands for an earlier job.
async fn keep_promise(connection: &mut SqliteConnection, job: &NewJob, now: Timestamp) -> StoreResult<bool> {
    let Some(promise) = &job.idempotency else { return Ok(true) };
    let taken = sqlx::query(
        "-- store.submit: key
         insert into idempotency as i (owner, key, fingerprint, job, expires_at) values ($1, $2, $3, $4, $5)
         on conflict (owner, key) do update
             set fingerprint = excluded.fingerprint, job = excluded.job, expires_at = excluded.expires_at
             where i.expires_at <= $6",
    )
    .bind(&job.owner)
    .bind(&promise.key)
    .bind(promise.fingerprint.to_vec())
    .bind(job.id)
    .bind(promise.expires_at)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// The jobs that the idempotency keys and clients' ids of `jobs` already stand for.
async fn standing(
    connection: &mut SqliteConnection,
    jobs: &[&NewJob],
    now: Timestamp,
) -> StoreResult<Standing> {
    let mut standing = Standing::default();
    for (owner, key) in promises(jobs) {
        let keyed: Option<(Vec<u8>, JobId)> = sqlx::query_as(
            "-- store.standing
             select fingerprint, job from idempotency where owner = $1 and key = $2 and expires_at > $3",
        )
        .bind(owner)
        .bind(key)
        .bind(now)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some((fingerprint, id)) = keyed
            && let Some(job) = job(connection, owner, id).await?
        {
            standing.add(owner.to_owned(), key.to_owned(), fingerprint, job);
        }
    }
    for (owner, name) in client_ids(jobs) {
        let named: Option<(Vec<u8>, JobId)> = sqlx::query_as(
            "-- store.standing: client id
             select fingerprint, id from jobs where owner = $1 and client_id = $2 and fingerprint is not null",
        )
        .bind(owner)
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some((fingerprint, id)) = named
            && let Some(job) = job(connection, owner, id).await?
        {
            standing.add_client_id(fingerprint, job);
        }
    }
    Ok(standing)
}

/// Adds what must hold of the jobs that are meant.
pub(super) fn narrow(query: &mut QueryBuilder<sqlx::Sqlite>, filter: &Filter) {
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.as_str());
    }
    if let Some(model) = &filter.model {
        query.push(" and model = ").push_bind(model);
    }
    if let Some(class) = filter.class {
        query.push(" and class = ").push_bind(class.as_str());
    }
    for (key, value) in &filter.metadata {
        query.push(" and exists (select 1 from json_each(metadata) where key = ").push_bind(key);
        query.push(" and value = ").push_bind(value.as_str().unwrap_or_default()).push(")");
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
        let among = ids(filter.ids.iter().map(|id| id.0));
        query.push(" and id in (select unhex(value) from json_each(").push_bind(among).push("))");
    }
}
