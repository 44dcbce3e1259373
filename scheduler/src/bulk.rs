//! Bulks, from a file that waits to be read to the last status.
//!
//! Reading holds a lease by the bulk's own name, so replicas share the work; a reader that dies leaves nothing behind, and
//! another begins anew. Whatever a lease does not prevent the store refuses.

mod answer;
mod bad;
mod cut;
mod failed;
mod keys;
mod models;
mod read;
mod reading;
mod records;
mod slices;

use std::sync::Arc;

use forebay_shared::blobs::BlobError;
use forebay_shared::bulk::Bulk;
use forebay_shared::store::{StoreError, StoreResult};
use futures::stream::{self, StreamExt};

use crate::Chores;

/// Bulks that are looked at in one round.
const ROUND: u32 = 100;
/// Bulks of one purge: each takes thousands of slices along.
const PURGE: u32 = 10;

/// Why a bulk cannot go on at the moment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StuckError {
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object could not be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Reading panicked.
    #[error("reading lines panicked")]
    Panicked,
    /// A row says what no program wrote.
    #[error("a slice's lines cannot be read")]
    Corrupt(#[from] serde_json::Error),
}

impl Chores {
    /// Reads files of bulks that wait for it, as many at once as are allowed.
    pub(crate) async fn read_bulks(self: Arc<Self>) {
        let unread = match self.parts.store.unread_bulks(ROUND).await {
            Ok(unread) => unread,
            Err(error) => return tracing::warn!(%error, "bulks cannot be read at the moment"),
        };
        let readers = self.parts.bulk.readers;
        stream::iter(unread).for_each_concurrent(readers, |bulk| self.read_in_turn(bulk)).await;
    }

    async fn read_in_turn(&self, bulk: Bulk) {
        if self.parts.tasks.is_stopping() {
            return;
        }
        let (lease, id) = (format!("bulk {}", bulk.id), bulk.id);
        match self.parts.store.lead(&lease, &self.parts.name, self.config.lead.get()).await {
            Ok(true) => {}
            // Another replica reads it.
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "a bulk cannot be read at the moment"),
        }
        if let Err(error) = self.read_bulk(bulk, &lease).await {
            tracing::warn!(%error, bulk.id = %id, "a bulk cannot be read at the moment");
        }
        if let Err(error) = self.parts.store.resign(&lease, &self.parts.name).await {
            tracing::debug!(%error, "a lease could not be given up; it will lapse");
        }
    }

    /// Ends what has ended: slices whose lines nobody answered get their errors, then the bulk its last status.
    pub(crate) async fn end_bulks(&self) {
        if let Err(error) = self.try_end_bulks().await {
            tracing::warn!(%error, "bulks cannot be ended at the moment");
        }
    }

    async fn try_end_bulks(&self) -> StoreResult<()> {
        for id in self.parts.store.expire_bulks(ROUND).await? {
            tracing::info!(bulk.id = %id, "a bulk's window has passed");
        }
        for bulk in self.parts.store.finalize_bulks(ROUND).await? {
            let id = bulk.id;
            if let Err(error) = self.end_bulk(bulk).await {
                tracing::warn!(%error, bulk.id = %id, "a bulk cannot be ended at the moment");
            }
        }
        Ok(())
    }

    async fn end_bulk(&self, bulk: Bulk) -> Result<(), StuckError> {
        self.answer_the_rest(&bulk).await?;
        if let Some(bulk) = self.parts.store.end_bulk(bulk.id).await? {
            let counts = bulk.counts;
            tracing::info!(
                bulk.id = %bulk.id, status = %bulk.status, lines = counts.total, failed = counts.failed, "a bulk has ended"
            );
            metrics::counter!("forebay_bulks_ended_total", "status" => bulk.status.as_str()).increment(1);
        }
        Ok(())
    }

    /// Forgets bulks past their retention, with their slices.
    pub(crate) async fn purge_bulks(&self) {
        self.in_rounds(PURGE, "bulks cannot be purged", || self.parts.store.purge_bulks(PURGE)).await;
    }
}
