//! What every store must do, run against each driver.
//!
//! A behaviour that is not here is not promised. Each function gets an empty store under a manual clock; its name is the
//! promise, so it has no other description.
#![expect(missing_docs, reason = "the names are sentences")]

pub mod answering;
pub mod attempts;
pub mod bulks;
pub mod cache;
pub mod closing;
pub mod deliveries;
pub mod depths;
pub mod events;
pub mod expiry;
pub mod explain;
pub mod files;
pub mod handover;
pub mod jobs;
pub mod keys;
pub mod leadership;
pub mod loads;
pub mod models;
mod promises;
pub mod rates;
pub mod recall;
pub mod recent;
pub mod registry;
pub mod residency;
pub mod schedules;
pub mod segments;
pub mod slicing;
pub mod storage;
pub mod uploads;
pub mod webhooks;
pub mod workers;

use std::sync::Arc;
use std::time::Duration;

use super::{NewSegment, Settled, Store};
use crate::clock::ManualClock;
use crate::id::{Ids, JobId, WorkerId};
use crate::job::{Account, Claimed, Ending, Failure, FailureCode, Job, NewJob, Settlement, Timings};
use crate::testing::{fixed_ids, sample_job};

/// How long a lease holds in these tests.
pub const LIFE: Duration = Duration::from_secs(15);

/// An empty store and the clock it goes by.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The driver under test.
    pub store: Arc<dyn Store>,
    /// Its clock.
    pub clock: ManualClock,
    /// Ids that follow the clock.
    pub ids: Ids,
}

impl Ground {
    /// Ground for one test.
    pub fn new(store: Arc<dyn Store>, clock: ManualClock) -> Self {
        let ids = fixed_ids(&clock);
        Self { store, clock, ids }
    }

    /// A job of alice's that is not submitted yet. Ids are a millisecond apart, so their order is known.
    pub fn job(&self) -> NewJob {
        self.clock.advance(Duration::from_millis(1));
        sample_job(&self.ids, "alice")
    }

    /// Submits so many of alice's jobs.
    pub async fn submitted(&self, count: usize) -> Vec<JobId> {
        let jobs: Vec<_> = (0..count).map(|_| self.job()).collect();
        self.store.submit(&jobs).await.unwrap();
        jobs.iter().map(|job| job.id).collect()
    }

    /// A living worker.
    pub async fn worker(&self) -> WorkerId {
        let id = self.ids.worker();
        self.store.register(id, "here", &["echo".to_owned()], LIFE).await.unwrap();
        id
    }

    /// A worker with a claim on one new job.
    pub async fn claimed(&self) -> (WorkerId, Claimed) {
        let ids = self.submitted(1).await;
        let worker = self.worker().await;
        let mut claimed = self.store.claim(worker, &ids).await.unwrap();
        (worker, claimed.remove(0))
    }

    /// Alice's job.
    pub async fn read(&self, id: JobId) -> Job {
        self.store.job("alice", id).await.unwrap().expect("alice has the job")
    }

    /// A segment that `worker` says it has written.
    pub fn segment(&self, worker: WorkerId, bytes: u64) -> NewSegment {
        NewSegment { key: format!("segments/{worker}/{}", self.ids.uuid()), worker, bytes }
    }

    /// Settles one claim and says whether it counted.
    pub async fn settle(
        &self,
        worker: WorkerId,
        settlement: Settlement,
        segment: Option<&NewSegment>,
    ) -> bool {
        let settled = self.store.settle(worker, &[settlement], segment).await.unwrap();
        matches!(settled[..], [Settled::Done { .. }])
    }
}

/// A claim that ends this way, with its result at the start of the segment.
pub fn ended(claimed: &Claimed, ending: Ending) -> Settlement {
    let succeeded = u32::from(ending == Ending::Succeeded);
    Settlement {
        id: claimed.id,
        attempt: claimed.lease.attempt,
        succeeded,
        failed: claimed.item_count - succeeded,
        range: (ending == Ending::Succeeded).then_some((0, 10)),
        ending,
        files: Vec::new(),
        timings: Timings { run_ms: 1.5, batch_size: 4, ..Timings::default() },
        account: Account::default(),
    }
}

/// A failure worth another attempt.
pub fn away() -> Failure {
    Failure::transient(FailureCode::StorageUnavailable, "the object store is away")
}
