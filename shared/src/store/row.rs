//! Rows as values: what cannot be read is `Corrupt`, never a panic.

mod bulks;
mod depths;
mod events;
mod explain;
mod files;
mod handover;
mod loads;
mod schedules;
mod webhooks;

use std::collections::HashMap;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{ApiKey, Blank, KeyLimits, Settled, StoreError, StoreResult, Worker};
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId, KeyId, WorkerId};
use crate::job::{Attempt, Claimed, Cost, Failure, ItemsAt, Job, Lease, ResultAt, Settlement, Suspects};
use crate::model::Model;

pub(super) use bulks::{BulkRow, UnansweredRow, bulk_columns};
pub(super) use depths::{AheadRow, DepthRow};
pub(super) use events::{EventRow, LogRow, event_columns};
pub(super) use explain::{ExplainAttemptRow, ExplainRow};
pub(super) use files::{FileRow, PartRow, PieceRow, UploadRow, file_columns, upload_columns};
pub(super) use handover::{DueRow, LineRow, LookRow, OutRow, RouteRow, Turn};
pub(super) use loads::LoadRow;
pub(super) use schedules::{FiringRow, ScheduleRow, schedule_columns};
pub(super) use webhooks::{
    DeliveryRow, EndpointRow, MatchRow, OutgoingRow, SigningRow, TryRow, WaitingRow, endpoint_columns,
};

/// The columns of [`JobRow`], the same text on both databases.
macro_rules! job_columns {
    () => {
        "id, owner, model, model_digest, class, priority, status, version, item_count, succeeded, failed, attempt, \
         max_attempts, params, metadata, cancel_requested, created_at, available_at, started_at, finished_at, purge_at, \
         error_code, error_message, segment, segment_offset, segment_length, files, timings, \
         waiters, client_id, start_by, finish_by, webhook, bulk, changed_at"
    };
}

/// The columns of [`ClaimRow`].
macro_rules! claim_columns {
    () => {
        "id, owner, model, class, priority, item_count, items, items_blob, cost, params, attempt, failures, max_attempts, \
         suspects, available_at, started_at, trace, source, bulk, finish_by, rank, waiters"
    };
}

pub(super) use {claim_columns, job_columns};

#[derive(FromRow)]
pub(super) struct JobRow {
    id: JobId,
    owner: String,
    model: String,
    model_digest: String,
    class: String,
    priority: i16,
    status: String,
    version: i64,
    item_count: i32,
    succeeded: i32,
    failed: i32,
    attempt: i32,
    max_attempts: i16,
    params: Json<Value>,
    metadata: Json<Value>,
    cancel_requested: bool,
    created_at: Timestamp,
    available_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    purge_at: Option<Timestamp>,
    error_code: Option<String>,
    error_message: Option<String>,
    segment: Option<String>,
    segment_offset: Option<i64>,
    segment_length: Option<i64>,
    files: Json<Value>,
    timings: Option<Json<Value>>,
    waiters: Json<Value>,
    client_id: Option<String>,
    start_by: Option<Timestamp>,
    finish_by: Option<Timestamp>,
    webhook: Option<Json<Value>>,
    bulk: Option<BulkId>,
    changed_at: Timestamp,
}

impl JobRow {
    pub(super) fn job(self) -> StoreResult<Job> {
        let at = Place { table: "jobs", row: self.id.to_string() };
        let error = match (self.error_code, self.error_message) {
            (Some(code), Some(message)) => Some(Failure::permanent(at.word("error_code", &code)?, message)),
            _ => None,
        };
        let result = match (self.segment, self.segment_offset, self.segment_length) {
            (Some(segment), Some(offset), Some(length)) => Some(ResultAt {
                segment,
                offset: at.number("segment_offset", offset)?,
                length: at.number("segment_length", length)?,
            }),
            _ => None,
        };
        Ok(Job {
            id: self.id,
            owner: self.owner,
            model: self.model,
            model_digest: self.model_digest,
            class: at.word("class", &self.class)?,
            priority: self.priority,
            status: at.word("status", &self.status)?,
            version: self.version,
            item_count: at.number("item_count", self.item_count)?,
            succeeded: at.number("succeeded", self.succeeded)?,
            failed: at.number("failed", self.failed)?,
            attempt: at.number("attempt", self.attempt)?,
            max_attempts: at.number("max_attempts", self.max_attempts)?,
            params: at.json("params", self.params)?,
            metadata: at.json("metadata", self.metadata)?,
            cancel_requested: self.cancel_requested,
            created_at: self.created_at,
            available_at: self.available_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            purge_at: self.purge_at,
            error,
            result,
            files: at.json("files", self.files)?,
            timings: self.timings.map(|timings| at.json("timings", timings)).transpose()?,
            waiters: at.json("waiters", self.waiters)?,
            client_id: self.client_id,
            start_by: self.start_by,
            finish_by: self.finish_by,
            webhook: self.webhook.map(|webhook| at.json("webhook", webhook)).transpose()?,
            bulk: self.bulk,
            changed_at: self.changed_at,
        })
    }
}

#[derive(FromRow)]
pub(super) struct ClaimRow {
    id: JobId,
    owner: String,
    model: String,
    class: String,
    priority: i16,
    item_count: i32,
    items: Option<String>,
    items_blob: Option<String>,
    cost: i64,
    params: Json<Value>,
    attempt: i32,
    failures: i16,
    max_attempts: i16,
    suspects: Option<Json<Value>>,
    available_at: Timestamp,
    started_at: Option<Timestamp>,
    trace: Option<String>,
    source: Option<String>,
    bulk: Option<BulkId>,
    finish_by: Option<Timestamp>,
    rank: Timestamp,
    waiters: Json<Value>,
}

impl ClaimRow {
    pub(super) fn claimed(self, worker: WorkerId) -> StoreResult<Claimed> {
        let at = Place { table: "jobs", row: self.id.to_string() };
        let items = match (self.items, self.items_blob, self.source) {
            (Some(lines), _, Some(file)) => ItemsAt::File { file, lines },
            (Some(items), _, None) => ItemsAt::Row(items),
            (None, Some(key), _) => ItemsAt::Blob(key),
            (None, None, _) => return Err(at.corrupt("items")),
        };
        let suspects = match self.suspects {
            Some(suspects) => at.json("suspects", suspects)?,
            None => Suspects::default(),
        };
        Ok(Claimed {
            id: self.id,
            owner: self.owner,
            lease: Lease { worker, attempt: at.number("attempt", self.attempt)? },
            model: self.model,
            class: at.word("class", &self.class)?,
            priority: self.priority,
            rank: self.rank,
            item_count: at.number("item_count", self.item_count)?,
            items,
            cost: Cost::new(at.number("cost", self.cost)?),
            bulk: self.bulk,
            finish_by: self.finish_by,
            params: at.json("params", self.params)?,
            failures: at.number("failures", self.failures)?,
            max_attempts: at.number("max_attempts", self.max_attempts)?,
            suspects,
            available_at: self.available_at,
            claimed_at: self.started_at.ok_or_else(|| at.corrupt("started_at"))?,
            waiters: at.json("waiters", self.waiters)?,
            trace: self.trace,
        })
    }
}

#[derive(FromRow)]
pub(super) struct AttemptRow {
    job: JobId,
    number: i32,
    worker: WorkerId,
    started_at: Timestamp,
    ended_at: Timestamp,
    code: String,
    message: String,
}

impl AttemptRow {
    pub(super) fn attempt(self) -> StoreResult<Attempt> {
        let at = Place { table: "attempts", row: format!("{}/{}", self.job, self.number) };
        Ok(Attempt {
            number: at.number("number", self.number)?,
            worker: self.worker,
            started_at: self.started_at,
            ended_at: self.ended_at,
            code: at.word("code", &self.code)?,
            message: self.message,
        })
    }
}

#[derive(FromRow)]
pub(super) struct WorkerRow {
    id: WorkerId,
    host: String,
    state: String,
    models: Json<Value>,
    started_at: Timestamp,
    expires_at: Timestamp,
    rates: Option<Json<Value>>,
}

impl WorkerRow {
    pub(super) fn worker(self) -> StoreResult<Worker> {
        let at = Place { table: "workers", row: self.id.to_string() };
        Ok(Worker {
            id: self.id,
            host: self.host,
            state: at.word("state", &self.state)?,
            models: at.json("models", self.models)?,
            started_at: self.started_at,
            expires_at: self.expires_at,
            rates: self.rates.map(|rates| at.json("rates", rates)).transpose()?.unwrap_or_default(),
        })
    }
}

#[derive(FromRow)]
pub(super) struct KeyRow {
    id: KeyId,
    owner: String,
    name: String,
    scopes: Json<Value>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    max_running: Option<i32>,
    max_queued: Option<i64>,
}

impl KeyRow {
    pub(super) fn key(self) -> StoreResult<ApiKey> {
        let at = Place { table: "keys", row: self.id.to_string() };
        let words: Vec<String> = at.json("scopes", self.scopes)?;
        Ok(ApiKey {
            id: self.id,
            owner: self.owner,
            name: self.name,
            scopes: words.iter().map(|word| at.word("scopes", word)).collect::<StoreResult<_>>()?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            limits: KeyLimits {
                max_running: self.max_running.map(|most| at.number("max_running", most)).transpose()?,
                max_queued: self
                    .max_queued
                    .map(|most| at.number("max_queued", most))
                    .transpose()?
                    .map(Cost::new),
            },
        })
    }
}

#[derive(FromRow)]
pub(super) struct ModelRow {
    name: String,
    card: Json<Value>,
    created_at: Timestamp,
    draining: bool,
}

impl ModelRow {
    /// The model, with as many workers as name it.
    pub(super) fn model(self, workers: &[Worker]) -> StoreResult<Model> {
        let at = Place { table: "models", row: self.name.clone() };
        let serving = workers.iter().filter(|worker| worker.models.contains(&self.name)).count();
        Ok(Model {
            card: at.json("card", self.card)?,
            created_at: self.created_at,
            workers: u32::try_from(serving).unwrap_or(u32::MAX),
            draining: self.draining,
            rate: workers.iter().filter_map(|worker| worker.rates.get(&self.name)).sum(),
        })
    }
}

/// Where a value stands, so that what cannot be read can be named.
pub(super) struct Place {
    pub(super) table: &'static str,
    pub(super) row: String,
}

impl Place {
    pub(super) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.table, column, row: self.row.clone() }
    }

    pub(super) fn word<T: FromStr>(&self, column: &'static str, word: &str) -> StoreResult<T> {
        word.parse().map_err(|_| self.corrupt(column))
    }

    pub(super) fn number<N, T: TryFrom<N>>(&self, column: &'static str, number: N) -> StoreResult<T> {
        T::try_from(number).map_err(|_| self.corrupt(column))
    }

    pub(super) fn json<T: DeserializeOwned>(
        &self,
        column: &'static str,
        Json(value): Json<Value>,
    ) -> StoreResult<T> {
        serde_json::from_value(value).map_err(|_| self.corrupt(column))
    }
}

#[derive(FromRow)]
pub(super) struct SettledRow {
    id: JobId,
    status: String,
    version: i64,
    finished_at: Option<Timestamp>,
    purge_at: Option<Timestamp>,
    waiters: Json<Value>,
}

impl SettledRow {
    /// One answer for each settlement: what has no row is stale.
    pub(super) fn answers(rows: Vec<Self>, settlements: &[Settlement]) -> StoreResult<Vec<Settled>> {
        let mut done = HashMap::new();
        for row in rows {
            let at = Place { table: "jobs", row: row.id.to_string() };
            let settled = Settled::Done {
                id: row.id,
                status: at.word("status", &row.status)?,
                version: row.version,
                finished_at: row.finished_at,
                purge_at: row.purge_at,
                waiters: at.json("waiters", row.waiters)?,
            };
            done.insert(row.id, settled);
        }
        Ok(settlements.iter().map(|one| done.remove(&one.id).unwrap_or(Settled::Stale(one.id))).collect())
    }
}

#[derive(FromRow)]
pub(super) struct BlankRow {
    offset: i64,
    length: i64,
}

impl BlankRow {
    pub(super) fn plan(rows: Vec<Self>, segment: &str) -> StoreResult<Vec<Blank>> {
        let at = Place { table: "blanks", row: segment.to_owned() };
        rows.into_iter()
            .map(|row| {
                Ok(Blank {
                    offset: at.number("offset", row.offset)?,
                    length: at.number("length", row.length)?,
                })
            })
            .collect()
    }
}
