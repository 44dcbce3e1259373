//! Dead workers' jobs go back to the queue, their items under suspicion.

use forebay_shared::events::{Ended, Event};
use forebay_shared::id::JobId;
use forebay_shared::job::{Job, Status};
use forebay_shared::store::StoreResult;
use forebay_shared::telemetry::count_dropped;

use crate::Chores;
use crate::expire::count_expired;

impl Chores {
    pub(crate) async fn reap(&self) {
        if let Err(error) = self.try_reap().await {
            tracing::warn!(%error, "dead workers cannot be reaped at the moment");
        }
    }

    async fn try_reap(&self) -> StoreResult<()> {
        let reaped = self.parts.store.reap().await?;
        if reaped.workers.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            workers = reaped.workers.len(),
            jobs = reaped.jobs,
            "workers died; their jobs run again"
        );
        metrics::counter!("forebay_workers_reaped_total").increment(reaped.workers.len() as u64);
        metrics::counter!("forebay_jobs_reaped_total").increment(reaped.jobs);
        self.tell_ended(&reaped.ended).await?;
        self.parts.filler.fill().await
    }

    /// Tells those who wait for jobs that do not run again.
    async fn tell_ended(&self, ids: &[JobId]) -> StoreResult<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let jobs = self.parts.store.ended(ids).await?;
        for job in &jobs {
            if job.status == Status::Expired {
                count_expired(job);
            } else if job.status == Status::Cancelled {
                count_dropped("cancelled", job);
            } else if job.status == Status::Failed {
                tracing::error!(job.id = %job.id, "the job cost too many workers and is given up");
            }
        }
        self.tell(&jobs).await;
        Ok(())
    }

    /// Tells those who wait for these jobs how they ended.
    pub(crate) async fn tell(&self, jobs: &[Job]) {
        let events = jobs.iter().flat_map(|job| {
            let event = Event::Ended(Box::new(Ended::of(job, None)));
            job.waiters.iter().map(move |waiter| (waiter.clone(), event.clone()))
        });
        self.parts.events.publish(events.collect()).await;
    }
}
