//! Bulks as their owners know them: made, read, listed, cancelled, forgotten.

use async_trait::async_trait;

use super::StoreResult;
use crate::bulk::{Bulk, Form, NewBulk};
use crate::id::BulkId;

/// Which part of a listing of bulks, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkPage {
    /// Only those of this form.
    pub form: Option<Form>,
    /// Those behind this one.
    pub after: Option<BulkId>,
    /// So many at most.
    pub limit: u32,
}

/// What became of a request to cancel a bulk.
#[derive(Clone, Debug, PartialEq)]
pub enum BulkCancelOutcome {
    /// It is stopping, now or since an earlier call.
    Cancelling(Box<Bulk>),
    /// Its lines had run already, as its status says.
    AlreadyEnded(Box<Bulk>),
    /// The owner has no such bulk.
    Unknown,
}

/// Bulks. What clients do names the owner; forgetting is the scheduler's.
#[async_trait]
pub trait Bulks: Send + Sync {
    /// Makes a row, `validating`. `None`: the owner has no such file.
    async fn create_bulk(&self, bulk: &NewBulk) -> StoreResult<Option<Bulk>>;

    /// The owner's bulk.
    async fn bulk(&self, owner: &str, id: BulkId) -> StoreResult<Option<Bulk>>;

    /// A page of the owner's bulks.
    async fn bulks(&self, owner: &str, page: BulkPage) -> StoreResult<Vec<Bulk>>;

    /// `validating | in_progress → cancelling`: slices that wait are cancelled, those that run are asked to stop.
    async fn cancel_bulk(&self, owner: &str, id: BulkId) -> StoreResult<BulkCancelOutcome>;

    /// Forgets up to `limit` bulks past their retention, with their slices. Answers how many.
    async fn purge_bulks(&self, limit: u32) -> StoreResult<u64>;
}
