//! Workers and their leases: one row and one expiry per process, not per job.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{JobId, WorkerId};
use crate::residency::Loaded;
use crate::words::words;

/// How long the row of a worker that is no more is kept, for people who look for it.
pub(super) const FORMER_WORKERS: Duration = Duration::from_hours(24);

/// A worker's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// It takes work.
    Live,
    /// It finishes what it has.
    Draining,
    /// It stopped in good order.
    Retired,
    /// Its lease lapsed. It never revives.
    Dead,
}

words!(WorkerState, "worker state", Live = "live", Draining = "draining", Retired = "retired", Dead = "dead",);

/// A worker as its row tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Where it runs.
    pub host: String,
    /// Its condition.
    pub state: WorkerState,
    /// The models it serves.
    pub models: Vec<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Until when its leases hold.
    pub expires_at: Timestamp,
    /// What each of its models has done lately, in cost per second.
    pub rates: BTreeMap<String, f64>,
    /// The models that it has in memory.
    pub loaded: BTreeMap<String, Loaded>,
}

/// What a beat brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The leases hold until the next; these running jobs are asked to stop.
    Alive(Vec<JobId>),
    /// The lease had lapsed: nothing this worker holds counts any more.
    Lapsed,
}

/// Suspect items that are about to be on a device, by job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted(pub Vec<(JobId, Vec<u32>)>);

/// What a reaping did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Workers found dead.
    pub workers: Vec<WorkerId>,
    /// Jobs taken back.
    pub jobs: u64,
    /// Those of them that do not run again: they were to stop, their time is over, or they cost too many workers.
    pub ended: Vec<JobId>,
}

/// Workers and their leases.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Begins a worker's life, with leases that hold for `life`.
    async fn register(&self, id: WorkerId, host: &str, models: &[String], life: Duration) -> StoreResult<()>;

    /// Says which models the worker serves from now on.
    async fn serve(&self, id: WorkerId, models: &[String]) -> StoreResult<()>;

    /// Prolongs the leases by `life` from now, unless they have lapsed.
    async fn beat(&self, id: WorkerId, life: Duration) -> StoreResult<Beat>;

    /// Tells the world how fast the worker's models work, in cost per second.
    async fn report(&self, id: WorkerId, rates: &BTreeMap<String, f64>) -> StoreResult<()>;

    /// Tells the world that the worker takes no more work.
    async fn drain(&self, id: WorkerId) -> StoreResult<()>;

    /// Ends a worker's life in good order; anything it still held is given back.
    async fn retire(&self, id: WorkerId) -> StoreResult<u64>;

    /// Records which suspect items are about to be on the worker's devices. `false`: the lease had lapsed.
    async fn note(&self, id: WorkerId, noted: &Noted) -> StoreResult<bool>;

    /// `running → queued` for all that workers with lapsed leases held: their items become suspects. Where nothing is
    /// left to try it is `running → cancelled | expired | failed`, as [`crate::job::Orphan::fate`] says.
    async fn reap(&self) -> StoreResult<Reaped>;

    /// Ends the leases of all workers on `host` at once: the caller knows that none of their processes lives.
    async fn bury(&self, host: &str) -> StoreResult<u64>;

    /// Workers that take or finish work.
    async fn workers(&self) -> StoreResult<Vec<Worker>>;

    /// Of `ids`, those whose leases hold, so that they may still write objects.
    async fn writers(&self, ids: &[WorkerId]) -> StoreResult<Vec<WorkerId>>;
}
