//! Closing: how bulks come to their end.

use async_trait::async_trait;

use super::StoreResult;
use crate::bulk::Bulk;
use crate::id::BulkId;

/// Ends of bulks, which the scheduler brings about.
#[async_trait]
pub trait Closing: Send + Sync {
    /// `in_progress → finalizing` of up to `limit` whose window has passed while slices wait or run: these stop.
    async fn expire_bulks(&self, limit: u32) -> StoreResult<Vec<BulkId>>;

    /// `in_progress → finalizing` of up to `limit` whose slices have ended. Answers with the first `limit` of all bulks
    /// that only wait to be ended.
    async fn finalize_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>>;

    /// `finalizing | cancelling → completed | expired | cancelled`, with its event, once nothing is left to be answered.
    async fn end_bulk(&self, id: BulkId) -> StoreResult<Option<Bulk>>;
}
