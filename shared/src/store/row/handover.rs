//! What stands on routes, and what is due.

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::job::Cost;
use crate::store::{Depth, Due, Route, RouteState, StoreResult};

#[derive(FromRow)]
pub(in crate::store) struct RouteRow {
    model: String,
    class: String,
    published: i64,
    overdue: i64,
    waiting: bool,
}

impl RouteRow {
    pub(in crate::store) fn state(self) -> StoreResult<RouteState> {
        let at = Place { table: "jobs", row: self.model.clone() };
        Ok(RouteState {
            route: Route { class: at.word("class", &self.class)?, model: self.model },
            published: Cost::new(at.number("cost", self.published)?),
            overdue: at.number("published_at", self.overdue)?,
            waiting: self.waiting,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DepthRow {
    model: String,
    class: String,
    queued: i64,
    running: i64,
    oldest: Option<Timestamp>,
}

impl DepthRow {
    pub(in crate::store) fn depth(self) -> StoreResult<Depth> {
        let at = Place { table: "jobs", row: self.model.clone() };
        Ok(Depth {
            route: Route { class: at.word("class", &self.class)?, model: self.model },
            queued: at.number("status", self.queued)?,
            running: at.number("status", self.running)?,
            oldest: self.oldest,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DueRow {
    id: JobId,
    trace: Option<String>,
    priority: i16,
    available_at: Timestamp,
}

impl DueRow {
    /// In the order of handing over, which `returning` does not keep.
    pub(in crate::store) fn in_order(mut rows: Vec<Self>) -> Vec<Due> {
        rows.sort_by_key(|row| (-row.priority, row.available_at, row.id));
        rows.into_iter().map(|row| Due { id: row.id, trace: row.trace }).collect()
    }
}
