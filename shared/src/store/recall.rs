//! Cancelling many jobs at once.

use async_trait::async_trait;

use super::{Filter, StoreResult};
use crate::job::Job;

/// Cancelling many. Nothing here waits for room anywhere, so it works when everything is full.
#[async_trait]
pub trait Recall: Send + Sync {
    /// `queued → cancelled` for the owner's jobs that fit, and running ones are asked to stop: up to `limit` of those
    /// that have not been asked yet. Answers with them as they stand then.
    async fn cancel_all(&self, owner: &str, filter: &Filter, limit: u32) -> StoreResult<Vec<Job>>;

    /// `queued → cancelled` for up to `limit` of the model's jobs, whoever owns them.
    async fn cancel_queue(&self, model: &str, limit: u32) -> StoreResult<Vec<Job>>;
}
