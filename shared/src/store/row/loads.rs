//! Sums of what waits.

use sqlx::FromRow;

use super::Place;
use crate::id::KeyId;
use crate::job::Cost;
use crate::store::{Load, Route, StoreResult};

#[derive(FromRow)]
pub(in crate::store) struct LoadRow {
    model: String,
    class: String,
    owner: String,
    key: KeyId,
    jobs: i64,
    cost: i64,
}

impl LoadRow {
    pub(in crate::store) fn load(self) -> StoreResult<Load> {
        let at = Place { table: "loads", row: self.owner.clone() };
        Ok(Load {
            route: Route { class: at.word("class", &self.class)?, model: self.model },
            owner: self.owner,
            key: self.key,
            jobs: at.number("jobs", self.jobs)?,
            cost: Cost::new(at.number("cost", self.cost)?),
        })
    }
}
