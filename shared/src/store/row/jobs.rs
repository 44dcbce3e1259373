//! Jobs as clients see them.

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId};
use crate::job::{Failure, Job, ResultAt};
use crate::store::StoreResult;

/// The columns of [`JobRow`], the same text on both databases.
macro_rules! job_columns {
    () => {
        "id, owner, model, model_digest, class, priority, status, version, item_count, succeeded, failed, attempt, \
         max_attempts, params, metadata, cancel_requested, created_at, available_at, started_at, finished_at, purge_at, \
         error_code, error_message, segment, segment_offset, segment_length, files, timings, \
         waiters, client_id, start_by, finish_by, webhook, bulk, changed_at"
    };
}

pub(in crate::store) use job_columns;

#[derive(FromRow)]
pub(in crate::store) struct JobRow {
    pub(super) id: JobId,
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
    pub(super) timings: Option<Json<Value>>,
    waiters: Json<Value>,
    client_id: Option<String>,
    start_by: Option<Timestamp>,
    finish_by: Option<Timestamp>,
    webhook: Option<Json<Value>>,
    bulk: Option<BulkId>,
    changed_at: Timestamp,
}

impl JobRow {
    pub(in crate::store) fn job(self) -> StoreResult<Job> {
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
