//! What stands on routes.

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::id::KeyId;
use crate::job::Cost;
use crate::store::depths::COUNTED;
use crate::store::{Ahead, Depth, Route, StoreResult};

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
pub(in crate::store) struct AheadRow {
    model: String,
    class: String,
    owner: String,
    key: KeyId,
    own: i64,
    jobs: i64,
    cost: i64,
}

impl AheadRow {
    pub(in crate::store) fn ahead(self) -> StoreResult<Ahead> {
        let at = Place { table: "jobs", row: self.owner.clone() };
        let jobs = at.number("id", self.jobs)?;
        Ok(Ahead {
            route: Route { class: at.word("class", &self.class)?, model: self.model },
            owner: self.owner,
            key: self.key,
            own: Cost::new(at.number("cost", self.own)?),
            jobs,
            cost: Cost::new(at.number("cost", self.cost)?),
            at_least: jobs >= COUNTED,
        })
    }
}
