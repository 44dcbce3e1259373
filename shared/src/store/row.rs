//! Rows as values: what cannot be read is `Corrupt`, never a panic.

mod attempts;
mod bulks;
mod cache;
mod depths;
mod events;
mod explain;
mod files;
mod handover;
mod jobs;
mod loads;
mod rates;
mod recent;
mod registry;
mod residency;
mod schedules;
mod slices;
mod webhooks;

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{ApiKey, Blank, KeyLimits, StoreError, StoreResult, Worker};
use crate::clock::Timestamp;
use crate::id::{KeyId, WorkerId};
use crate::job::Cost;
use crate::model::Model;
use crate::residency::Loaded;

pub(super) use attempts::{AttemptRow, ClaimRow, SettledRow, claim_columns};
pub(super) use bulks::{BulkRow, bulk_columns};
pub(super) use cache::{CachedRow, cache_key};
pub(super) use depths::{AheadRow, DepthRow};
pub(super) use events::{EventRow, LogRow, event_columns};
pub(super) use explain::{ExplainAttemptRow, ExplainRow};
pub(super) use files::{FileRow, PartRow, PieceRow, UploadRow, file_columns, upload_columns};
pub(super) use handover::{DueRow, LineRow, LookRow, OutRow, RouteRow, Turn};
pub(super) use jobs::{JobRow, job_columns};
pub(super) use loads::LoadRow;
pub(super) use rates::{RateRow, nanos};
pub(super) use recent::BecameRow;
pub(super) use registry::{ContentRow, ModelFileRow, RegisteredRow, registered_columns};
pub(super) use residency::{WishRow, wish_columns};
pub(super) use schedules::{FiringRow, ScheduleRow, schedule_columns};
pub(super) use slices::UnansweredRow;
pub(super) use webhooks::{
    DeliveryRow, EndpointRow, MatchRow, OutgoingRow, SigningRow, TryRow, WaitingRow, endpoint_columns,
};

#[derive(FromRow)]
pub(super) struct WorkerRow {
    id: WorkerId,
    host: String,
    state: String,
    models: Json<Value>,
    started_at: Timestamp,
    expires_at: Timestamp,
    rates: Option<Json<Value>>,
    loaded: Option<Json<Value>>,
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
            loaded: self.loaded.map(|loaded| at.json("loaded", loaded)).transpose()?.unwrap_or_default(),
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
    request_rate: Option<String>,
    cost_rate: Option<String>,
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
                requests: self.request_rate.map(|rate| at.word("request_rate", &rate)).transpose()?,
                cost: self.cost_rate.map(|rate| at.word("cost_rate", &rate)).transpose()?,
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
            loaded: workers
                .iter()
                .filter_map(|worker| worker.loaded.get(&self.name).copied())
                .reduce(Loaded::and),
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
