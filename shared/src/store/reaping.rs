//! What becomes of the jobs of dead workers: the part of reaping that no database decides.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::row::Place;
use super::{Noted, Reaped, StoreResult};
use crate::clock::Timestamp;
use crate::id::{JobId, WorkerId};
use crate::job::{Fate, Orphan, Status, Suspects};

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
    finish_by: Option<Timestamp>,
    losses: i16,
}

/// What becomes of one orphaned job.
pub(super) struct Verdict {
    pub(super) id: JobId,
    pub(super) suspects: Suspects,
    pub(super) losses: u16,
    pub(super) fate: Fate,
}

/// What becomes of each orphaned job.
pub(super) struct Verdicts {
    workers: Vec<WorkerId>,
    pub(super) orphans: Vec<Verdict>,
}

impl Verdict {
    pub(super) fn status(&self) -> Status {
        match self.fate {
            Fate::Again => Status::Queued,
            Fate::Cancelled => Status::Cancelled,
            Fate::Expired(_) => Status::Expired,
            Fate::Failed(_) => Status::Failed,
        }
    }
}

impl Verdicts {
    /// Sets every orphan's items under suspicion, those that its worker had noted more than the rest.
    pub(super) fn new(dead: &[DeadRow], orphans: Vec<OrphanRow>, now: Timestamp) -> StoreResult<Self> {
        let mut noted: HashMap<(WorkerId, JobId), Vec<u32>> = HashMap::new();
        // A worker that had noted anything died of that, as far as is known.
        let mut explained: HashSet<WorkerId> = HashSet::new();
        for worker in dead {
            let at = Place { table: "workers", row: worker.id.to_string() };
            if let Some(Json(stored)) = &worker.noted {
                let items: Noted = at.json("noted", Json(stored.clone()))?;
                explained.extend((!items.0.is_empty()).then_some(worker.id));
                noted.extend(items.0.into_iter().map(|(job, items)| ((worker.id, job), items)));
            }
        }
        let mut verdicts = Self {
            workers: dead.iter().map(|worker| worker.id).collect(),
            orphans: Vec::with_capacity(orphans.len()),
        };
        for orphan in orphans {
            let at = Place { table: "jobs", row: orphan.id.to_string() };
            let before = match orphan.suspects {
                Some(suspects) => at.json("suspects", suspects)?,
                None => Suspects::default(),
            };
            let on_device = noted.remove(&(orphan.worker, orphan.id)).unwrap_or_default();
            let losses: u16 = at.number("losses", orphan.losses)?;
            let losses = losses + u16::from(!explained.contains(&orphan.worker));
            let fate =
                Orphan { cancel_requested: orphan.cancel_requested, finish_by: orphan.finish_by, losses }
                    .fate(now);
            verdicts.orphans.push(Verdict {
                id: orphan.id,
                suspects: before.after_crash(&on_device),
                losses,
                fate,
            });
        }
        Ok(verdicts)
    }

    pub(super) fn ids(&self) -> Vec<JobId> {
        self.orphans.iter().map(|verdict| verdict.id).collect()
    }

    pub(super) fn reaped(self) -> Reaped {
        let ended = self.orphans.iter().filter(|verdict| verdict.fate != Fate::Again);
        let ended = ended.map(|verdict| verdict.id).collect();
        Reaped { workers: self.workers, jobs: self.orphans.len() as u64, ended }
    }
}
