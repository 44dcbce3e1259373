//! Storage: what owners keep, so that nobody keeps more than its room.

use async_trait::async_trait;

use super::StoreResult;

/// What owners keep: files, parts of uploads and models as they stand, and what their jobs kept when those were last counted.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Counts what the jobs of every owner keep: inputs, results and media. One look at all jobs.
    async fn count_storage(&self) -> StoreResult<()>;

    /// Whether the owner keeps `room` bytes or more.
    async fn is_full(&self, owner: &str, room: u64) -> StoreResult<bool>;
}
