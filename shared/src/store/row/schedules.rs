//! Rows of schedules and their firings.

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId};
use crate::schedule::{Firing, Schedule};
use crate::store::StoreResult;

/// The columns of [`ScheduleRow`].
macro_rules! schedule_columns {
    () => {
        "id, owner, name, cron, time_zone, template, paused, missed, next_at, version, created_at, updated_at"
    };
}

pub(in crate::store) use schedule_columns;

#[derive(FromRow)]
pub(in crate::store) struct ScheduleRow {
    id: ScheduleId,
    owner: String,
    name: String,
    cron: String,
    time_zone: String,
    template: Json<Value>,
    paused: bool,
    missed: String,
    next_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ScheduleRow {
    pub(in crate::store) fn schedule(self) -> StoreResult<Schedule> {
        let at = Place { table: "schedules", row: self.id.to_string() };
        Ok(Schedule {
            id: self.id,
            owner: self.owner,
            name: self.name,
            cron: self.cron,
            time_zone: self.time_zone,
            template: at.json("template", self.template)?,
            paused: self.paused,
            missed: at.word("missed", &self.missed)?,
            next_at: self.next_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct FiringRow {
    schedule: ScheduleId,
    fire_at: Timestamp,
    fired_at: Timestamp,
    manual: bool,
    passed_from: Option<Timestamp>,
    job: Option<JobId>,
    error: Option<Json<Value>>,
}

impl FiringRow {
    pub(in crate::store) fn firing(self) -> StoreResult<Firing> {
        let at = Place { table: "firings", row: format!("{}/{}", self.schedule, self.fire_at) };
        Ok(Firing {
            schedule: self.schedule,
            fire_at: self.fire_at,
            fired_at: self.fired_at,
            manual: self.manual,
            passed_from: self.passed_from,
            job: self.job,
            error: self.error.map(|error| at.json("error", error)).transpose()?,
        })
    }
}
