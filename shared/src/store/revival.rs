//! Another life for jobs that have ended without success.

use async_trait::async_trait;

use super::{Filter, Jobs, StoreResult};
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::job::Job;

/// How jobs run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Only jobs that had ended by this instant: one that ends anew meanwhile is not meant.
    pub ended_by: Timestamp,
    /// Their new deadlines; without, they have none any more.
    pub start_by: Option<Timestamp>,
    /// The other one.
    pub finish_by: Option<Timestamp>,
}

/// What became of a request to retry.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryOutcome {
    /// It is `queued` again.
    Queued(Box<Job>),
    /// It waits, runs, or has succeeded, as the job says; or it is a bulk's, which retries its own; or the name of its model is
    /// another owner's by now.
    Refused(Box<Job>),
    /// The owner has no such job.
    Unknown,
}

/// Another life for jobs.
#[async_trait]
pub trait Revival: Jobs {
    /// `failed | cancelled | expired → queued` for up to `limit` of the owner's jobs that fit. The history of their
    /// attempts is kept, their failures are counted anew, and their results are released as by a deletion. Slices of a
    /// bulk are left alone, and so are jobs whose model's name is another owner's by now. Answers with the jobs as they stand
    /// then.
    async fn retry_all(
        &self,
        owner: &str,
        filter: &Filter,
        again: Again,
        limit: u32,
    ) -> StoreResult<Vec<Job>>;

    /// The same for one job.
    async fn retry(&self, owner: &str, id: JobId, again: Again) -> StoreResult<RetryOutcome> {
        let this = Filter { ids: vec![id], ..Filter::default() };
        if let Some(job) = self.retry_all(owner, &this, again, 1).await?.pop() {
            return Ok(RetryOutcome::Queued(Box::new(job)));
        }
        let job = self.job(owner, id).await?;
        Ok(job.map_or(RetryOutcome::Unknown, |job| RetryOutcome::Refused(Box::new(job))))
    }
}
