//! A pull is claimed, done and given up: nothing stays running that nobody here does.

use std::sync::Arc;

use forebay_shared::id::JobId;
use forebay_shared::job::Claimed;
use forebay_shared::registry::Progress;
use forebay_shared::store::StoreResult;
use tokio::sync::OwnedSemaphorePermit;

use super::life::Life;
use super::{AGAIN, Puller};

/// A pull that is ours to do.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) life: Arc<Life>,
    pub(super) claimed: Claimed,
    /// Whether it waits while another pull fetches the same; if not, it is postponed, so that it keeps no room from others.
    pub(super) waits: bool,
    /// One of the pulls at once.
    pub(super) room: OwnedSemaphorePermit,
}

impl Puller {
    /// Claims. An answer that was lost may have granted something, which nobody here would do while others keep the life
    /// going; so that is given back before the error is told.
    pub(super) async fn claim(&self, life: &Life, ids: &[JobId]) -> StoreResult<Vec<Claimed>> {
        let claimed = self.parts.registrar.store.claim(life.worker, ids).await;
        if claimed.is_err() {
            self.until_over(life, self.disclaim(life, ids)).await;
        }
        claimed
    }

    pub(super) async fn run(&self, grant: Grant, progress: &dyn Progress) {
        let claimed = &grant.claimed;
        tracing::info!(job.id = %claimed.id, attempt = claimed.lease.attempt, "a model is being pulled");
        let ended = self.attempt(&grant, progress).await;
        let Grant { life, claimed, room, .. } = grant;
        self.settle(&life, claimed, ended).await;
        drop(life);
        drop(room);
    }

    /// Gives back whatever this life holds of them, however long the database is away.
    pub(super) async fn disclaim(&self, life: &Life, ids: &[JobId]) {
        while let Err(error) = self.parts.registrar.store.disclaim(life.worker, ids).await {
            tracing::warn!(%error, jobs = ids.len(), "giving pulls back waits for the database");
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Does what matters only while the life lasts: with its end, everything that it holds is given back.
    pub(super) async fn until_over(&self, life: &Life, done: impl Future<Output = ()>) {
        tokio::select! {
            () = done => {}
            () = life.lapsed.cancelled() => {}
            () = self.parts.tasks.stopped() => {}
        }
    }
}
