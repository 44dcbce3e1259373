//! Bulks: read, cut into slices, answered slice by slice, ended.
//!
//! A bulk's lines are each answered once. Its slices are made in the transaction that ends its reading, so there are either
//! none or all of them; a slice is answered by whoever first puts its lines into the bulk's files, in the transaction that
//! counts them.

use std::time::Duration;

use async_trait::async_trait;

use super::{NewSegment, Settled, StoreResult};
use crate::bulk::{BadLine, Bulk, Cut, Form, NewBulk, SliceAnswers, Unanswered};
use crate::id::{BulkId, JobId, WorkerId};
use crate::job::{Cost, Settlement};

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

/// What a model has lately done in slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// The model's own name.
    pub model: String,
    /// What it did.
    pub cost: Cost,
    /// How long it ran for that.
    pub took: Duration,
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

/// Bulks. What clients do names the owner; the rest is the scheduler's and the workers'.
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

    /// Bulks whose files are to be read, the oldest first.
    async fn unread_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>>;

    /// What slices of each model have cost lately, and how long they kept a device busy.
    async fn slice_paces(&self) -> StoreResult<Vec<Pace>>;

    /// `validating → failed`. `false`: it is not to be read any more.
    async fn refuse_bulk(&self, id: BulkId, errors: &[BadLine]) -> StoreResult<bool>;

    /// `validating → in_progress`, with all its slices and its files. `false`: it is not to be read any more.
    async fn cut_bulk(&self, id: BulkId, cut: &Cut) -> StoreResult<bool>;

    /// Settles a slice whose lines stand in `segment`, if `worker` still lives and still holds that attempt, and adds them
    /// to the bulk's files. The ending is a terminal one. Repeating it is harmless and answered alike.
    async fn settle_slice(
        &self,
        worker: WorkerId,
        settlement: &Settlement,
        answers: SliceAnswers,
        segment: &NewSegment,
    ) -> StoreResult<Settled>;

    /// `in_progress → finalizing` of those whose window has passed while slices wait or run: these stop.
    async fn expire_bulks(&self) -> StoreResult<Vec<BulkId>>;

    /// `in_progress → finalizing` of those whose slices have ended. Answers with all bulks that only wait to be ended.
    async fn finalize_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>>;

    /// Slices that have ended and whose lines stand nowhere.
    async fn unanswered_slices(&self, id: BulkId, limit: u32) -> StoreResult<Vec<Unanswered>>;

    /// Adds an object with an error for each line of a slice to the bulk's file of errors. `false`: its lines stand there
    /// already, and the object is the caller's to remove.
    async fn answer_slice(&self, job: JobId, object: &str, bytes: u64) -> StoreResult<bool>;

    /// `finalizing | cancelling → completed | expired | cancelled`, with its event, once nothing is left to be answered.
    async fn end_bulk(&self, id: BulkId) -> StoreResult<Option<Bulk>>;

    /// Forgets up to `limit` bulks past their retention, with their slices. Answers how many.
    async fn purge_bulks(&self, limit: u32) -> StoreResult<u64>;
}
