//! Slices that have ended without an answer.

use sqlx::FromRow;

use super::Place;
use crate::bulk::Unanswered;
use crate::id::JobId;
use crate::store::StoreResult;

#[derive(FromRow)]
pub(in crate::store) struct UnansweredRow {
    job: JobId,
    number: i32,
    items: Option<String>,
    item_count: i32,
    status: String,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl UnansweredRow {
    pub(in crate::store) fn unanswered(self) -> StoreResult<Unanswered> {
        let at = Place { table: "slices", row: self.job.to_string() };
        Ok(Unanswered {
            job: self.job,
            number: at.number("number", self.number)?,
            slice: self.items.ok_or_else(|| at.corrupt("items"))?,
            items: at.number("item_count", self.item_count)?,
            status: at.word("status", &self.status)?,
            error: self.error_code.zip(self.error_message),
        })
    }
}
