//! What is told to whoever asks why a job waited, or failed.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{JobId, WorkerId};
use crate::job::{Account, Attempt, Job, Timings};

/// A job with all that is known of its attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The job.
    pub job: Job,
    /// Who runs it, or ran it last, unless it was given back.
    pub worker: Option<WorkerId>,
    /// When it was handed to the broker, if it waits there now.
    pub handed_over_at: Option<Timestamp>,
    /// Since when its model's queue is paused, if it is.
    pub paused_at: Option<Timestamp>,
    /// How many of its attempts failed.
    pub failures: u16,
    /// Whether some of its items are suspected of taking workers down.
    pub suspected: bool,
    /// What the latest attempt's batches were like, once it has ended.
    pub account: Option<Account>,
    /// The attempts that ended without success, first to last.
    pub attempts: Vec<ExplainedAttempt>,
}

/// An attempt that ended without success.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// Where its time went; none if its worker did not live to tell.
    pub timings: Option<Timings>,
    /// What its batches were like.
    pub account: Option<Account>,
}

/// Explanations.
#[async_trait]
pub trait Explain: Send + Sync {
    /// All that is known of the owner's job.
    async fn explain(&self, owner: &str, id: JobId) -> StoreResult<Option<Explained>>;
}
