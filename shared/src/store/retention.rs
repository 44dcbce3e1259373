//! What is forgotten in time: jobs, and the objects that only they named.

use async_trait::async_trait;

use super::StoreResult;
use crate::id::JobId;

/// What the scheduler forgets, whoever owns it.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Removes up to `limit` jobs past their retention, and idempotency keys past theirs. Answers how many jobs.
    async fn purge(&self, limit: u32) -> StoreResult<u64>;

    /// Objects that no row names any more, up to `limit`.
    async fn garbage(&self, limit: u32) -> StoreResult<Vec<String>>;

    /// Forgets garbage that has been removed.
    async fn forget_garbage(&self, keys: &[String]) -> StoreResult<()>;

    /// The objects that the rows of `ids` name, inputs and media, whoever owns them: the sweeper spares these.
    async fn named_objects(&self, ids: &[JobId]) -> StoreResult<Vec<String>>;
}
