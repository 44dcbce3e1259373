//! What becomes of the jobs of dead workers: the part of reaping that no database decides.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::row::Place;
use super::{Noted, Reaped, StoreResult};
use crate::id::{JobId, WorkerId};
use crate::job::Suspects;

#[derive(FromRow)]
pub(super) struct DeadRow {
    pub(super) id: WorkerId,
    noted: Option<Json<Value>>,
}

#[derive(FromRow)]
pub(super) struct OrphanRow {
    id: JobId,
    worker: WorkerId,
    suspects: Option<Json<Value>>,
    cancel_requested: bool,
}

/// What becomes of each orphaned job.
pub(super) struct Verdicts {
    workers: Vec<WorkerId>,
    orphans: Vec<(JobId, Suspects)>,
    cancelled: Vec<JobId>,
}

impl Verdicts {
    /// Sets every orphan's items under suspicion, those that its worker had noted more than the rest.
    pub(super) fn new(dead: &[DeadRow], orphans: Vec<OrphanRow>) -> StoreResult<Self> {
        let mut noted: HashMap<(WorkerId, JobId), Vec<u32>> = HashMap::new();
        for worker in dead {
            let at = Place { table: "workers", row: worker.id.to_string() };
            if let Some(Json(stored)) = &worker.noted {
                let items: Noted = at.json("noted", Json(stored.clone()))?;
                noted.extend(items.0.into_iter().map(|(job, items)| ((worker.id, job), items)));
            }
        }
        let mut verdicts = Self {
            workers: dead.iter().map(|worker| worker.id).collect(),
            orphans: Vec::with_capacity(orphans.len()),
            cancelled: Vec::new(),
        };
        for orphan in orphans {
            let at = Place { table: "jobs", row: orphan.id.to_string() };
            let before = match orphan.suspects {
                Some(suspects) => at.json("suspects", suspects)?,
                None => Suspects::default(),
            };
            let on_device = noted.remove(&(orphan.worker, orphan.id)).unwrap_or_default();
            verdicts.orphans.push((orphan.id, before.after_crash(&on_device)));
            if orphan.cancel_requested {
                verdicts.cancelled.push(orphan.id);
            }
        }
        Ok(verdicts)
    }

    pub(super) fn ids(&self) -> Vec<JobId> {
        self.orphans.iter().map(|(id, _)| *id).collect()
    }

    pub(super) fn suspects(&self) -> Vec<Json<&Suspects>> {
        self.orphans.iter().map(|(_, suspects)| Json(suspects)).collect()
    }

    pub(super) fn reaped(self) -> Reaped {
        Reaped { workers: self.workers, jobs: self.orphans.len() as u64, cancelled: self.cancelled }
    }
}
