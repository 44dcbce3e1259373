//! A puller's life as a worker: begun with the first pull, ended with the last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::registry::PULL;
use forebay_shared::store::{Beat, Store, StoreResult};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Puller;

/// Beats of one lease.
const BEATS: u32 = 5;

/// One life. Whoever pulls holds it.
#[derive(Debug)]
pub(super) struct Life {
    /// The name in the store.
    pub(super) worker: WorkerId,
    /// Cancelled when the lease has lapsed: nothing that is done counts any more.
    pub(super) lapsed: CancellationToken,
    /// Pulls that are to stop if the client asks.
    stops: Mutex<HashMap<JobId, CancellationToken>>,
    /// Cancelled when nobody holds it any more.
    _over: DropGuard,
}

impl Life {
    /// Cancelled when the client asks the job to stop.
    pub(super) fn stop_of(&self, job: JobId) -> CancellationToken {
        self.stops().entry(job).or_default().clone()
    }

    /// Nothing more is to be heard of the job.
    pub(super) fn forget(&self, job: JobId) {
        self.stops().remove(&job);
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<JobId, CancellationToken>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, jobs: &[JobId]) {
        let stops = self.stops();
        jobs.iter().filter_map(|job| stops.get(job)).for_each(CancellationToken::cancel);
    }
}

impl Puller {
    /// The life that is being led, or a new one. It ends when the last that holds it has dropped it.
    pub(super) async fn enter(&self) -> StoreResult<Arc<Life>> {
        let mut current = self.life.lock().await;
        if let Some(life) = current.upgrade().filter(|life| !life.lapsed.is_cancelled()) {
            return Ok(life);
        }
        let (store, lease) = (self.parts.registrar.store.clone(), self.parts.lease);
        let worker = self.parts.registrar.ids.worker();
        store.register(worker, &self.parts.host, &[PULL.to_owned()], lease).await?;
        let over = CancellationToken::new();
        let life = Arc::new(Life {
            worker,
            lapsed: CancellationToken::new(),
            stops: Mutex::default(),
            _over: over.clone().drop_guard(),
        });
        *current = Arc::downgrade(&life);
        let (beaten, stopped) = (Arc::downgrade(&life), self.parts.tasks.stopped());
        let beating = async move {
            tokio::select! {
                () = beat(store.as_ref(), worker, beaten, lease) => {}
                () = over.cancelled() => retire(store.as_ref(), worker).await,
            }
        };
        self.parts.tasks.spawn(
            "pull beat",
            self.lives.track_future(async move {
                tokio::select! {
                    () = beating => {}
                    () = stopped => {}
                }
            }),
        );
        Ok(life)
    }
}

async fn retire(store: &dyn Store, worker: WorkerId) {
    if let Err(error) = store.retire(worker).await {
        tracing::debug!(%error, "a puller could not retire; its lease will lapse");
    }
}

/// Beats until the lease has lapsed.
async fn beat(store: &dyn Store, worker: WorkerId, life: Weak<Life>, lease: Duration) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(lease / BEATS).await;
        let answer = tokio::time::timeout(lease / 2, store.beat(worker, lease)).await;
        let Some(life) = life.upgrade() else { continue };
        match answer {
            Ok(Ok(Beat::Alive(cancelled))) => {
                last = Instant::now();
                life.stop(&cancelled);
            }
            Ok(Err(_)) | Err(_) if last.elapsed() < lease => {
                tracing::warn!("a puller cannot beat at the moment");
            }
            Ok(Ok(Beat::Lapsed) | Err(_)) | Err(_) => {
                tracing::warn!(worker.id = %worker, "a puller's lease has lapsed; others go on");
                return life.lapsed.cancel();
            }
        }
    }
}
