//! Result, status, event, in this order, always.
//!
//! Whatever has finished by the time the settler looks is settled together: one object, one statement. At most four groups
//! are on their way at once; when the object store or the database is away they wait, then the lanes do.

mod document;
mod gathering;
mod slice;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forebay_shared::entropy::Entropy;
use forebay_shared::events::Events;
use forebay_shared::id::WorkerId;
use forebay_shared::job::{Account, Claimed, Ending, Failure, FailureCode, RetryPolicy, Settlement, Timings};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{NewSegment, Noted, Settled, Store, StoreError};
use tokio::sync::mpsc;

use crate::cache::Keeping;
use crate::plan::Plan;
use crate::quarantine::Quarantine;
use crate::room::Held;
use crate::shelf::{Ended, Shelf};
use crate::stop::Stop;
use document::{Part, parts};
use gathering::Gathering;

/// Jobs that are settled together at most, so that one statement locks few rows.
const GROUP: usize = 256;
/// The first and the longest wait before asking a store that was away again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A job whose attempt has ended.
#[derive(Debug)]
pub struct Finished {
    /// What was claimed.
    pub claimed: Claimed,
    /// What became of its items, in order.
    pub outcomes: Vec<Ended>,
    /// Why it was to stop, if it was.
    pub stopped: Option<Stop>,
    /// Where its time went so far.
    pub timings: Timings,
    /// What its batches were like.
    pub account: Account,
    /// Its part of the lane's room, given back when it is settled.
    pub held: Held,
    /// Of a slice whose lines were read, how they are to be answered.
    pub lines: Option<Plan>,
}

/// Settles what lanes finish.
#[derive(Clone, Debug)]
pub struct Settler {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Where results go, while their lease is held.
    pub shelf: Shelf,
    /// Where word goes.
    pub events: Arc<dyn Events>,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Where suspects are written down.
    pub quarantine: Quarantine,
    /// The process's tasks.
    pub tasks: Tasks,
    /// The number of the next segment.
    pub sequence: Arc<AtomicU64>,
}

impl Settler {
    /// Settles until nothing more can come.
    pub async fn run(self, finished: mpsc::Receiver<Finished>) {
        let mut gathering = Gathering::new(finished, GROUP, |job: &Finished| job.outcomes.len());
        let stopped = self.tasks.stopped();
        tokio::pin!(stopped);
        loop {
            let gathered = tokio::select! {
                () = &mut stopped => return,
                gathered = gathering.next() => gathered,
            };
            let Some((jobs, permit)) = gathered else { return };
            let settler = self.clone();
            self.tasks.spawn("settle", async move {
                settler.settle(jobs).await;
                drop(permit);
            });
        }
    }

    async fn settle(&self, jobs: Vec<Finished>) {
        let (slices, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.claimed.bulk.is_some());
        let mut by_worker: BTreeMap<WorkerId, Vec<Finished>> = BTreeMap::new();
        for job in jobs {
            by_worker.entry(job.claimed.lease.worker).or_default().push(job);
        }
        for (worker, jobs) in by_worker {
            for (suspects, jobs) in by_suspicion(jobs) {
                // What dies of being written down must be found like what dies while it runs.
                let built = self.quarantine.during(worker, suspects, self.write_down(worker, jobs)).await;
                let Some((parts, keeping)) = built else { continue };
                // Before anybody is told, so that whoever asks again finds them.
                self.shelf.cache.keep(worker, keeping).await;
                for part in parts {
                    self.settle_part(worker, part).await;
                }
            }
        }
        // Somebody may wait for a job, nobody for a slice.
        for slice in slices {
            self.settle_slice(slice).await;
        }
    }

    /// Writes results down, on a thread where that may take its time. A panic ends these jobs.
    async fn write_down(&self, worker: WorkerId, jobs: Vec<Finished>) -> (Vec<Part>, Keeping) {
        let (retry, chance) = (self.retry, self.entropy.fraction());
        let cache = self.shelf.cache.clone();
        let lost: Vec<_> = jobs.iter().map(|job| unwritten(&job.claimed)).collect();
        let write = move || {
            let keeping = cache.keeping(&jobs);
            (parts(jobs, retry, chance), keeping)
        };
        let Ok(built) = self.tasks.spawn_blocking(write).await else {
            tracing::error!(worker.id = %worker, "writing results down panicked");
            self.fail(worker, &lost).await;
            return (Vec::new(), Keeping::default());
        };
        built
    }

    async fn settle_part(&self, worker: WorkerId, part: Part) {
        let Part { mut drafts, segment } = part;
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let (segment, object) = segment.finish(worker, sequence);
        let started = Instant::now();
        let has_results = segment.bytes > 0;
        if has_results && !self.shelf.put(worker, &segment.key, object.clone()).await {
            return;
        }
        let took = (started.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0;
        for draft in &mut drafts {
            draft.settlement.timings.store_ms = took;
        }
        let settlements: Vec<_> = drafts.iter().map(|draft| draft.settlement.clone()).collect();
        let settled = loop {
            match self.store.settle(worker, &settlements, has_results.then_some(&segment)).await {
                Ok(settled) => break settled,
                Err(StoreError::Unavailable(error)) if self.shelf.board.holds(worker) => {
                    tracing::warn!(%error, jobs = settlements.len(), "settling waits for the database");
                    tokio::time::sleep(AGAIN.0).await;
                }
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(%error, worker.id = %worker, "the lease went before jobs could be settled");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, worker.id = %worker, "the database does not take these results");
                    let lost: Vec<_> = drafts.iter().map(|draft| unwritten(&draft.claimed)).collect();
                    return self.fail(worker, &lost).await;
                }
            }
        };
        self.clear_up(&settled, &segment).await;
        self.tell(drafts, settled, &segment, &object).await;
    }

    /// Ends jobs whose results cannot be kept: trying again would end the same. If not even this is taken, the worker
    /// stops and gives them back, since one that goes on beating would keep them for ever.
    async fn fail(&self, worker: WorkerId, lost: &[Settlement]) {
        let settled = loop {
            match self.store.settle(worker, lost, None).await {
                Err(StoreError::Unavailable(_)) if self.shelf.board.holds(worker) => {
                    tokio::time::sleep(AGAIN.1).await;
                }
                settled => break settled,
            }
        };
        if let Err(error) = settled {
            tracing::error!(%error, "jobs cannot be settled; the worker stops");
            self.tasks.stop();
        }
    }

    /// An object that no row names is removed at once; a sweep would find it too.
    async fn clear_up(&self, settled: &[Settled], segment: &NewSegment) {
        let stale = settled.iter().filter(|settled| matches!(settled, Settled::Stale(_))).count();
        metrics::counter!("forebay_settlements_stale_total").increment(stale as u64);
        if stale == settled.len()
            && segment.bytes > 0
            && let Err(error) = self.shelf.blobs.delete(std::slice::from_ref(&segment.key)).await
        {
            tracing::debug!(%error, "an object that nobody names is left to the sweeper");
        }
    }
}

/// Jobs that are written down together, with what is noted of them meanwhile: the healthy ones, those of which nothing is
/// known but that a worker died with them, and each that was seen at a death by itself.
fn by_suspicion(jobs: Vec<Finished>) -> Vec<(Option<Noted>, Vec<Finished>)> {
    let (mut healthy, mut apart, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for job in jobs {
        let suspects = &job.claimed.suspects;
        if suspects.is_none() {
            healthy.push(job);
        } else if suspects.names_any() {
            groups.push(vec![job]);
        } else {
            apart.push(job);
        }
    }
    groups.push(apart);
    let mut groups: Vec<_> = groups.into_iter().map(|jobs| (Some(noted(&jobs)), jobs)).collect();
    // The healthy do not wait for the quarantine.
    groups.insert(0, (None, healthy));
    groups.retain(|(_, jobs)| !jobs.is_empty());
    groups
}

/// All items of these jobs: one document has them all.
fn noted(jobs: &[Finished]) -> Noted {
    Noted(jobs.iter().map(|job| (job.claimed.id, (0..job.claimed.item_count).collect())).collect())
}

/// The end of a job whose result cannot be kept.
fn unwritten(claimed: &Claimed) -> Settlement {
    Settlement {
        id: claimed.id,
        attempt: claimed.lease.attempt,
        ending: Ending::Failed(Failure::permanent(
            FailureCode::Internal,
            "the result could not be kept; the worker's log says why",
        )),
        succeeded: 0,
        failed: claimed.item_count,
        range: None,
        files: Vec::new(),
        timings: Timings::default(),
        account: Account::default(),
    }
}
