//! What waits past a deadline expires, and whoever waits for it is told.

use forebay_shared::job::Job;
use forebay_shared::telemetry::count_dropped;

use crate::Chores;

/// Jobs of one statement and deadline, so that it locks few rows.
const EXPIRE: u32 = 500;

impl Chores {
    /// Ends jobs whose time is over.
    pub(crate) async fn expire_late(&self) {
        let round = || async {
            let jobs = self.parts.store.expire(EXPIRE).await?;
            jobs.iter().for_each(count_expired);
            self.tell(&jobs).await;
            Ok(jobs.len() as u64)
        };
        self.in_rounds(EXPIRE, "late jobs cannot be expired", round).await;
    }
}

/// Counts a job that ended because of a deadline, and the items that nobody will compute.
pub(crate) fn count_expired(job: &Job) {
    let reason = job.error.as_ref().map_or("expired", |error| error.code.as_str());
    metrics::counter!("forebay_jobs_expired_total", "reason" => reason).increment(1);
    count_dropped("expired", job);
}
