//! Bulks, with the counts of their lines.

use std::time::Duration;

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::bulk::{Bulk, Counts, Times};
use crate::clock::Timestamp;
use crate::id::{BulkId, FileId, KeyId};
use crate::store::StoreResult;

/// The columns of [`BulkRow`], of `bulks b`. What runs is counted by its slices, which nobody has to keep in step; what has
/// ended by the row, which outlives them.
macro_rules! bulk_columns {
    () => {
        "b.id, b.owner, b.key, b.form, b.layout, b.on_bad_line, b.status, b.ending, b.version, b.endpoint, b.model, b.params, b.file, \
         b.retry_of, b.\"window\", b.keep, b.metadata, b.webhook, b.errors, b.total, b.cost, b.created_at, b.expires_at, \
         b.in_progress_at, b.finalizing_at, b.cancelling_at, b.ended_at, \
         case when b.ended_at is not null then b.output_file \
             else (select id from files where id = b.output_file and bytes > 0) end as output_file, \
         case when b.ended_at is not null then b.error_file \
             else (select id from files where id = b.error_file and bytes > 0) end as error_file, \
         b.completed + case when b.ended_at is not null then 0 \
             else (select coalesce(sum(completed), 0) from slices where bulk = b.id) end as completed, \
         b.failed + case when b.ended_at is not null then 0 \
             else (select coalesce(sum(failed), 0) from slices where bulk = b.id) end as failed, \
         case when b.ended_at is not null then b.cost \
             else (select cast(coalesce(sum(cost), 0) as bigint) from slices where bulk = b.id and completed is not null) \
             end as cost_done"
    };
}

pub(in crate::store) use bulk_columns;

#[derive(FromRow)]
pub(in crate::store) struct BulkRow {
    id: BulkId,
    owner: String,
    key: Option<KeyId>,
    form: String,
    layout: Json<Value>,
    on_bad_line: String,
    status: String,
    ending: Option<String>,
    version: i64,
    endpoint: Option<String>,
    model: Option<String>,
    params: Json<Value>,
    file: FileId,
    retry_of: Option<BulkId>,
    window: String,
    keep: i64,
    metadata: Json<Value>,
    webhook: Option<Json<Value>>,
    output_file: Option<FileId>,
    error_file: Option<FileId>,
    errors: Json<Value>,
    total: i64,
    completed: i64,
    failed: i64,
    cost: i64,
    cost_done: i64,
    created_at: Timestamp,
    expires_at: Timestamp,
    in_progress_at: Option<Timestamp>,
    finalizing_at: Option<Timestamp>,
    cancelling_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl BulkRow {
    pub(in crate::store) fn bulk(self) -> StoreResult<Bulk> {
        let at = Place { table: "bulks", row: self.id.to_string() };
        Ok(Bulk {
            id: self.id,
            owner: self.owner,
            key: self.key,
            form: at.word("form", &self.form)?,
            layout: at.json("layout", self.layout)?,
            on_bad_line: at.word("on_bad_line", &self.on_bad_line)?,
            status: at.word("status", &self.status)?,
            ending: self.ending.map(|ending| at.word("ending", &ending)).transpose()?,
            version: self.version,
            endpoint: self.endpoint,
            model: self.model,
            params: at.json("params", self.params)?,
            file: self.file,
            retry_of: self.retry_of,
            window: self.window,
            keep: Duration::from_micros(at.number("keep", self.keep)?),
            metadata: at.json("metadata", self.metadata)?,
            webhook: self.webhook.map(|webhook| at.json("webhook", webhook)).transpose()?,
            output_file: self.output_file,
            error_file: self.error_file,
            errors: at.json("errors", self.errors)?,
            counts: Counts {
                total: at.number("total", self.total)?,
                completed: at.number("completed", self.completed)?,
                failed: at.number("failed", self.failed)?,
            },
            cost: at.number("cost", self.cost)?,
            cost_done: at.number("cost", self.cost_done)?,
            times: Times {
                created_at: self.created_at,
                expires_at: self.expires_at,
                in_progress_at: self.in_progress_at,
                finalizing_at: self.finalizing_at,
                cancelling_at: self.cancelling_at,
                ended_at: self.ended_at,
            },
        })
    }
}
