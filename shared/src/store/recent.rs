//! What became of an owner's latest jobs, for statistics.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::job::Status;

/// Jobs that one look covers at most, whatever became of them.
pub const LOOKED_AT: i64 = 2000;

/// A job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Became {
    /// Its model.
    pub model: String,
    /// How it ended.
    pub status: Status,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// The latest jobs.
#[async_trait]
pub trait Recent: Send + Sync {
    /// Of the owner's latest 2000 jobs those in the class `interactive` that have ended, newest first.
    async fn recent(&self, owner: &str) -> StoreResult<Vec<Became>>;
}
