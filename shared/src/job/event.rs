//! What can happen to a job or a bulk, as clients are told of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Status;
use crate::bulk::BulkStatus;
use crate::words::words;

/// The type of an event: a closed set. All but `job.progress` and `batch.progress` are written down; those are
/// told to who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// It was accepted, or goes back into the queue.
    #[serde(rename = "job.queued")]
    JobQueued,
    /// A worker has taken it.
    #[serde(rename = "job.running")]
    JobRunning,
    /// Some of its items have ended.
    #[serde(rename = "job.progress")]
    JobProgress,
    /// At least one item has an output.
    #[serde(rename = "job.succeeded")]
    JobSucceeded,
    /// It could not run, or none of its items succeeded.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// It stopped because the client asked.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
    /// A deadline passed.
    #[serde(rename = "job.expired")]
    JobExpired,
    /// Some of a bulk's lines have ended, or it has come into a status that is no end.
    #[serde(rename = "batch.progress")]
    BatchProgress,
    /// All lines of a bulk have ended.
    #[serde(rename = "batch.completed")]
    BatchCompleted,
    /// A bulk could not run.
    #[serde(rename = "batch.failed")]
    BatchFailed,
    /// A bulk's time was over before all its lines had ended.
    #[serde(rename = "batch.expired")]
    BatchExpired,
    /// A bulk stopped because the client asked.
    #[serde(rename = "batch.cancelled")]
    BatchCancelled,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::JobQueued,
        Self::JobRunning,
        Self::JobProgress,
        Self::JobSucceeded,
        Self::JobFailed,
        Self::JobCancelled,
        Self::JobExpired,
        Self::BatchProgress,
        Self::BatchCompleted,
        Self::BatchFailed,
        Self::BatchExpired,
        Self::BatchCancelled,
    ];

    /// The type of the event that a job came into this status.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::Queued => Self::JobQueued,
            Status::Running => Self::JobRunning,
            Status::Succeeded => Self::JobSucceeded,
            Status::Failed => Self::JobFailed,
            Status::Cancelled => Self::JobCancelled,
            Status::Expired => Self::JobExpired,
        }
    }

    /// The type of the event that a bulk came into this status.
    pub const fn of_bulk(status: BulkStatus) -> Self {
        match status {
            BulkStatus::Validating
            | BulkStatus::InProgress
            | BulkStatus::Finalizing
            | BulkStatus::Cancelling => Self::BatchProgress,
            BulkStatus::Completed => Self::BatchCompleted,
            BulkStatus::Failed => Self::BatchFailed,
            BulkStatus::Expired => Self::BatchExpired,
            BulkStatus::Cancelled => Self::BatchCancelled,
        }
    }

    /// The status that a job came into; none for progress, and for what a bulk did.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::JobQueued => Some(Status::Queued),
            Self::JobRunning => Some(Status::Running),
            Self::JobSucceeded => Some(Status::Succeeded),
            Self::JobFailed => Some(Status::Failed),
            Self::JobCancelled => Some(Status::Cancelled),
            Self::JobExpired => Some(Status::Expired),
            _ => None,
        }
    }

    /// Every end of a job.
    pub const JOB_ENDS: [Self; 4] =
        [Self::JobSucceeded, Self::JobFailed, Self::JobCancelled, Self::JobExpired];

    /// Every end of a job or a bulk.
    pub const ENDS: [Self; 8] = [
        Self::JobSucceeded,
        Self::JobFailed,
        Self::JobCancelled,
        Self::JobExpired,
        Self::BatchCompleted,
        Self::BatchFailed,
        Self::BatchExpired,
        Self::BatchCancelled,
    ];

    /// Whether it happens to jobs, not to bulks.
    pub const fn is_of_job(self) -> bool {
        self.status().is_some() || matches!(self, Self::JobProgress)
    }

    /// Whether it is written down, so that it can be told later.
    pub const fn is_kept(self) -> bool {
        !matches!(self, Self::JobProgress | Self::BatchProgress)
    }
}

words!(
    EventType,
    "type of event",
    JobQueued = "job.queued",
    JobRunning = "job.running",
    JobProgress = "job.progress",
    JobSucceeded = "job.succeeded",
    JobFailed = "job.failed",
    JobCancelled = "job.cancelled",
    JobExpired = "job.expired",
    BatchProgress = "batch.progress",
    BatchCompleted = "batch.completed",
    BatchFailed = "batch.failed",
    BatchExpired = "batch.expired",
    BatchCancelled = "batch.cancelled",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_spelt_alike_everywhere() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn the_databases_own_words_for_a_move_are_types() {
        for status in Status::ALL {
            let kind = EventType::of(status);
            assert_eq!(kind.as_str(), format!("job.{status}"));
            assert_eq!(kind.status(), Some(status));
        }
    }
}
