//! Jobs whose time is over while they wait.

use async_trait::async_trait;

use super::StoreResult;
use crate::job::Job;

/// What expires without a worker. A running job's deadline is its worker's to watch.
#[async_trait]
pub trait Expiry: Send + Sync {
    /// `queued → expired` for jobs that have not begun by their `start_by`, or not ended by their `finish_by`: up to
    /// `limit` of each kind. Answers with them as they stand then.
    async fn expire(&self, limit: u32) -> StoreResult<Vec<Job>>;
}
