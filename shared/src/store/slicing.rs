//! Slicing: what becomes of a bulk whose file is to be read.
//!
//! A bulk's slices are made in the transaction that ends its reading, so there are either none or all of them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::bulk::{BadLine, Bulk, Cut};
use crate::id::BulkId;
use crate::job::Cost;

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

/// Files of bulks, read and cut into slices by the scheduler.
#[async_trait]
pub trait Slicing: Send + Sync {
    /// Bulks whose files are to be read, the oldest first.
    async fn unread_bulks(&self, limit: u32) -> StoreResult<Vec<Bulk>>;

    /// What slices of each model have cost lately, and how long they kept a device busy.
    async fn slice_paces(&self) -> StoreResult<Vec<Pace>>;

    /// `validating → failed`. `false`: it is not to be read any more.
    async fn refuse_bulk(&self, id: BulkId, errors: &[BadLine]) -> StoreResult<bool>;

    /// `validating → in_progress`, with all its slices and its files. `false`: it is not to be read any more.
    async fn cut_bulk(&self, id: BulkId, cut: &Cut) -> StoreResult<bool>;
}
