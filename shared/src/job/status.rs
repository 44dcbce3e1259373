//! The six words a job's life is told in, and who may follow whom.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// Where a job stands. The set is closed; four of the six are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted and waiting.
    Queued,
    /// A worker holds a lease on it.
    Running,
    /// At least one item has an output.
    Succeeded,
    /// It could not run, or none of its items succeeded.
    Failed,
    /// The client asked for it to stop.
    Cancelled,
    /// A deadline passed.
    Expired,
}

/// What can happen to a job: the arrows of the state machine, each one a method of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A worker is granted the next attempt.
    Claim,
    /// The attempt ended with at least one output.
    Succeed,
    /// The attempt ended without, and no other follows.
    Fail,
    /// The attempt failed and another follows later.
    Retry,
    /// A stopping worker gives it back unbegun.
    Release,
    /// Its worker died.
    Reap,
    /// The client cancels it, or its worker obeys.
    Cancel,
    /// A deadline passed.
    Expire,
    /// Its client retries it after it ended without success.
    Revive,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 9] = [
        Self::Claim,
        Self::Succeed,
        Self::Fail,
        Self::Retry,
        Self::Release,
        Self::Reap,
        Self::Cancel,
        Self::Expire,
        Self::Revive,
    ];
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Expired];

    /// Whether the job has ended: nothing happens to it any more unless its client retries it.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The status after `step`, or `None` where the store refuses it.
    pub const fn after(self, step: Move) -> Option<Self> {
        match (self, step) {
            (Self::Queued, Move::Claim) => Some(Self::Running),
            (Self::Running, Move::Succeed) => Some(Self::Succeeded),
            (Self::Running, Move::Fail) => Some(Self::Failed),
            (Self::Running, Move::Retry | Move::Release | Move::Reap)
            | (Self::Failed | Self::Cancelled | Self::Expired, Move::Revive) => Some(Self::Queued),
            (Self::Queued | Self::Running, Move::Cancel) => Some(Self::Cancelled),
            (Self::Queued | Self::Running, Move::Expire) => Some(Self::Expired),
            _ => None,
        }
    }
}

/// Which of a model's two queues a job travels in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// It fills what interactive work leaves idle.
    Bulk,
}

impl Class {
    /// Both classes, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];
}

words!(
    Status,
    "status",
    Queued = "queued",
    Running = "running",
    Succeeded = "succeeded",
    Failed = "failed",
    Cancelled = "cancelled",
    Expired = "expired",
);
words!(Class, "class", Interactive = "interactive", Bulk = "bulk");

#[cfg(test)]
mod tests;
