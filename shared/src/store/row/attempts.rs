//! Attempts, from their claim to their settlement.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId, WorkerId};
use crate::job::{Attempt, Claimed, Cost, ItemsAt, Lease, Settlement, Suspects};
use crate::store::{Settled, StoreResult};

/// The columns of [`ClaimRow`].
macro_rules! claim_columns {
    () => {
        "id, owner, model, class, priority, item_count, items, items_blob, cost, params, attempt, failures, max_attempts, \
         suspects, available_at, started_at, trace, source, bulk, finish_by, rank, waiters"
    };
}

pub(in crate::store) use claim_columns;

#[derive(FromRow)]
pub(in crate::store) struct ClaimRow {
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
    pub(in crate::store) fn claimed(self, worker: WorkerId) -> StoreResult<Claimed> {
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
pub(in crate::store) struct AttemptRow {
    job: JobId,
    number: i32,
    worker: WorkerId,
    started_at: Timestamp,
    ended_at: Timestamp,
    code: String,
    message: String,
}

impl AttemptRow {
    pub(in crate::store) fn attempt(self) -> StoreResult<Attempt> {
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
pub(in crate::store) struct SettledRow {
    id: JobId,
    status: String,
    version: i64,
    finished_at: Option<Timestamp>,
    purge_at: Option<Timestamp>,
    waiters: Json<Value>,
}

impl SettledRow {
    /// One answer for each settlement: what has no row is stale.
    pub(in crate::store) fn answers(
        rows: Vec<Self>,
        settlements: &[Settlement],
    ) -> StoreResult<Vec<Settled>> {
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
