//! What became of jobs.

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::store::{Became, StoreResult};

#[derive(FromRow)]
pub(in crate::store) struct BecameRow {
    id: JobId,
    model: String,
    status: String,
    created_at: Timestamp,
    finished_at: Timestamp,
}

impl BecameRow {
    pub(in crate::store) fn became(self) -> StoreResult<Became> {
        let at = Place { table: "jobs", row: self.id.to_string() };
        Ok(Became {
            status: at.word("status", &self.status)?,
            model: self.model,
            created_at: self.created_at,
            finished_at: self.finished_at,
        })
    }
}
