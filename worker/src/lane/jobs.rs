//! The jobs in a lane, until the settler takes them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use forebay_shared::id::JobId;
use forebay_shared::job::Claimed;
use tokio::sync::mpsc;

use super::progress::Progress;
use crate::room::Held;
use crate::settle::Finished;

#[derive(Debug, Default)]
pub(super) struct Jobs {
    in_progress: HashMap<JobId, Progress>,
    /// When the time of jobs is over that have a `finish_by`; some of them may have ended.
    deadlines: BTreeSet<(Instant, JobId)>,
    /// Finished jobs that the settler has not taken yet.
    done: VecDeque<Finished>,
}

impl Jobs {
    pub(super) fn begin(&mut self, claimed: Claimed, held: Held) {
        let id = claimed.id;
        let progress = Progress::new(claimed, held, Instant::now());
        self.deadlines.extend(progress.deadline().map(|at| (at, id)));
        self.in_progress.insert(id, progress);
    }

    pub(super) fn get(&self, job: JobId) -> Option<&Progress> {
        self.in_progress.get(&job)
    }

    pub(super) fn get_mut(&mut self, job: JobId) -> Option<&mut Progress> {
        self.in_progress.get_mut(&job)
    }

    /// Whether nothing is in progress, nor waits for the settler.
    pub(super) fn is_empty(&self) -> bool {
        self.in_progress.is_empty() && self.done.is_empty()
    }

    /// Whether some have finished that the settler has not taken yet.
    pub(super) fn wait_for_settler(&self) -> bool {
        !self.done.is_empty()
    }

    /// The jobs whose time is over, and when the next one's is.
    pub(super) fn late(&mut self, now: Instant) -> (Vec<JobId>, Option<Instant>) {
        let mut late = Vec::new();
        while let Some((at, job)) = self.deadlines.first().copied() {
            // One that has ended meanwhile is not worth being woken for.
            let is_here = self.get(job).is_some_and(|progress| progress.deadline() == Some(at));
            if is_here && at > now {
                return (late, Some(at));
            }
            self.deadlines.pop_first();
            late.extend(is_here.then_some(job));
        }
        (late, None)
    }

    /// Drops jobs without a word; the answer names them and their attempts.
    pub(super) fn forget(&mut self, unwanted: impl Fn(&Progress) -> bool) -> Vec<(JobId, u32)> {
        let gone = self.in_progress.extract_if(|_, progress| unwanted(progress));
        gone.map(|(id, progress)| (id, progress.lease().attempt)).collect()
    }

    pub(super) fn finish_if_complete(&mut self, job: JobId) {
        if self.get(job).is_some_and(Progress::is_complete)
            && let Some(progress) = self.in_progress.remove(&job)
        {
            self.done.push_back(progress.finish());
        }
    }

    /// Gives the settler a finished job.
    pub(super) fn hand_on(&mut self, permit: Option<mpsc::Permit<'_, Finished>>) {
        match (permit, self.done.pop_front()) {
            (Some(permit), Some(finished)) => permit.send(finished),
            // The settler is gone: the process stops hard, and its leases will lapse.
            _ => self.done.clear(),
        }
    }
}
