//! Attempts: claimed, settled, released.

use std::time::Duration;

use async_trait::async_trait;

use super::{NewSegment, StoreResult};
use crate::clock::Timestamp;
use crate::id::{JobId, WorkerId};
use crate::job::{Claimed, Settlement, Status};

/// What became of one settlement.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It counts; these want to hear.
    Done {
        /// The job.
        id: JobId,
        /// Its new status.
        status: Status,
        /// Its new version.
        version: i64,
        /// When it ended; a retry has not.
        finished_at: Option<Timestamp>,
        /// When it will be forgotten.
        purge_at: Option<Timestamp>,
        /// `events::Address`es of those who wait for it.
        waiters: Vec<String>,
    },
    /// The lease was no longer the worker's: somebody else's attempt counts, or the job is gone.
    Stale(JobId),
}

/// Attempts, each counted and fenced.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// `queued → running`, all in one statement: grants `worker` the next attempt of those jobs that are due.
    /// What is missing from the answer is refused: it was cancelled, is not due, or runs elsewhere.
    async fn claim(&self, worker: WorkerId, ids: &[JobId]) -> StoreResult<Vec<Claimed>>;

    /// `running → succeeded | failed | cancelled | queued`, all in one statement, if `worker` still lives and still
    /// holds those attempts. `segment` is recorded with them. Repeating a settlement that already counted is harmless
    /// and answered alike.
    async fn settle(
        &self,
        worker: WorkerId,
        settlements: &[Settlement],
        segment: Option<&NewSegment>,
    ) -> StoreResult<Vec<Settled>>;

    /// `running → queued`: gives back whatever `worker` holds of `ids`, after a claim whose answer was lost.
    async fn disclaim(&self, worker: WorkerId, ids: &[JobId]) -> StoreResult<u64>;

    /// `running → queued`: gives back attempts that have not begun. They do not count, and may start again at once.
    async fn release(&self, worker: WorkerId, unbegun: &[(JobId, u32)]) -> StoreResult<u64>;

    /// `running → queued`, as [`release`](Self::release) does, for later: something else has what the attempts need, and they
    /// are not to be due before `delay` has passed.
    async fn postpone(&self, worker: WorkerId, unbegun: &[(JobId, u32)], delay: Duration)
    -> StoreResult<u64>;
}
