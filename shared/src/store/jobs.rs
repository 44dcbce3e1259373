//! Jobs as clients see them: submitted, read, listed, cancelled, deleted.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId};
use crate::job::{Attempt, Class, Job, NewJob, Object, Status};

/// What became of one submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// A new row, `queued`.
    Created(Box<Job>),
    /// The owner's `Idempotency-Key`, or the client's own id, already stands for this job, from an equal submission.
    Repeated(Box<Job>),
    /// The owner's `Idempotency-Key`, or the client's own id, stands for a different submission.
    Mismatch,
}

/// What became of a request to cancel.
#[derive(Clone, Debug, PartialEq)]
pub enum CancelOutcome {
    /// It had not begun; it is `cancelled`.
    Cancelled(Box<Job>),
    /// It is running; its worker has been asked to stop.
    Requested(Box<Job>),
    /// It had already ended, as the job says.
    AlreadyEnded(Box<Job>),
    /// The owner has no such job.
    Unknown,
}

/// What became of a request to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// Row and claim on storage are gone; its bytes follow through [`super::Segments`].
    Deleted,
    /// It is running and must be cancelled first.
    Running,
    /// The owner has no such job.
    Unknown,
}

/// Which jobs to list. Everything given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// In this status.
    pub status: Option<Status>,
    /// For this model.
    pub model: Option<String>,
    /// In this class.
    pub class: Option<Class>,
    /// Slices of this bulk.
    pub bulk: Option<BulkId>,
    /// One of these; any if there are none.
    pub ids: Vec<JobId>,
    /// With these pairs among their metadata. The caller bounds the time window, since no index helps here.
    pub metadata: Object,
    /// Created at or after.
    pub created_after: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
}

/// Where a listing goes on, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last job of the page before; listings run from the newest to the oldest.
    pub after: Option<JobId>,
    /// How many at most.
    pub limit: u32,
}

/// Jobs as clients see them. Every read and write but `submit` names the owner.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Makes rows, all in one statement; the answers are in the jobs' order.
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>>;

    /// What [`submit`](Self::submit) would answer those whose name is taken, in the jobs' order; the others would be new.
    async fn standing(&self, jobs: &[NewJob]) -> StoreResult<Vec<Option<Submitted>>>;

    /// The owner's job.
    async fn job(&self, owner: &str, id: JobId) -> StoreResult<Option<Job>>;

    /// The owner's jobs, newest first.
    async fn jobs(&self, owner: &str, filter: &Filter, page: Page) -> StoreResult<Vec<Job>>;

    /// The attempts of the owner's job that ended without success, first to last.
    async fn attempts(&self, owner: &str, id: JobId) -> StoreResult<Vec<Attempt>>;

    /// Those of the owner's jobs that have one of these ids of the client's, with it.
    async fn named(&self, owner: &str, client_ids: &[String]) -> StoreResult<Vec<(String, JobId)>>;

    /// `queued → cancelled`; of a running job it is asked, and its worker obeys.
    async fn cancel(&self, owner: &str, id: JobId) -> StoreResult<CancelOutcome>;

    /// Removes a job that is not running, with its history; its objects become garbage in the same transaction.
    async fn delete(&self, owner: &str, id: JobId) -> StoreResult<DeleteOutcome>;

    /// Adds `waiter` to those who hear when the job ends, and answers with the job as it stands then.
    async fn watch(&self, owner: &str, id: JobId, waiter: &str) -> StoreResult<Option<Job>>;

    /// Those of `ids` that have ended, whoever owns them: for waiters whose event may have been lost.
    async fn ended(&self, ids: &[JobId]) -> StoreResult<Vec<Job>>;
}
