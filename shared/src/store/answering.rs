//! Answering: each line of a bulk once.
//!
//! A slice is answered by whoever first puts its lines into the bulk's files, in the transaction that counts them.

use async_trait::async_trait;

use super::{NewSegment, Settled, StoreResult};
use crate::bulk::{SliceAnswers, Unanswered};
use crate::id::{BulkId, JobId, WorkerId};
use crate::job::Settlement;

/// Answers to slices: from the worker that ran one, or from the scheduler where none did.
#[async_trait]
pub trait Answering: Send + Sync {
    /// Settles a slice whose lines stand in `segment`, if `worker` still lives and still holds that attempt, and adds them
    /// to the bulk's files. The ending is a terminal one. Repeating it is harmless and answered alike.
    async fn settle_slice(
        &self,
        worker: WorkerId,
        settlement: &Settlement,
        answers: SliceAnswers,
        segment: &NewSegment,
    ) -> StoreResult<Settled>;

    /// Slices that have ended and whose lines stand nowhere.
    async fn unanswered_slices(&self, id: BulkId, limit: u32) -> StoreResult<Vec<Unanswered>>;

    /// Adds an object with an error for each line of a slice to the bulk's file of errors. `false`: its lines stand there
    /// already, and the object is the caller's to remove.
    async fn answer_slice(&self, job: JobId, object: &str, bytes: u64) -> StoreResult<bool>;
}
