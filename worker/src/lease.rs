//! A worker's life: registered, beating, lapsed or retired.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::store::{Beat, Store, StoreError};
use tokio::sync::mpsc;

use crate::rate::Rates;

/// How long to wait before asking a database that was away again.
pub(crate) const AGAIN: Duration = Duration::from_millis(500);

/// Says which lease this process holds, if any.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<Option<WorkerId>>>);

impl Board {
    /// Whether `worker`'s lease is, to our knowledge, still held.
    pub fn holds(&self, worker: WorkerId) -> bool {
        *self.0.read().unwrap_or_else(PoisonError::into_inner) == Some(worker)
    }

    /// Whose lease is held.
    pub fn worker(&self) -> Option<WorkerId> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, worker: Option<WorkerId>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = worker;
    }
}

/// One life of this worker.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) worker: WorkerId,
    store: Arc<dyn Store>,
    board: Board,
    life: Duration,
}

impl Lease {
    /// Registers the worker, however long the database is away.
    pub(crate) async fn begin(
        store: Arc<dyn Store>,
        board: Board,
        worker: WorkerId,
        (host, models, life): (&str, &[String], Duration),
    ) -> Self {
        loop {
            match store.register(worker, host, models, life).await {
                // Ids are nobody else's: an earlier try was heard, though its answer was not.
                Ok(()) | Err(StoreError::Conflict { .. }) => break,
                Err(error) => {
                    tracing::warn!(%error, "the worker cannot register at the moment");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        board.set(Some(worker));
        tracing::info!(worker.id = %worker, ?models, "worker registered");
        Self { worker, store, board, life }
    }

    /// Beats every `every` until the lease has lapsed; jobs that are to stop go to `stops`.
    pub(crate) async fn beat(&self, every: Duration, stops: mpsc::Sender<Vec<JobId>>, rates: &Rates) {
        let mut told = BTreeMap::new();
        let mut last = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(every).await;
            // An answer that takes half a life is none.
            let answer = tokio::time::timeout(self.life / 2, self.store.beat(self.worker, self.life)).await;
            match answer {
                Ok(Ok(Beat::Alive(cancelled))) => {
                    last = tokio::time::Instant::now();
                    self.report(rates, &mut told).await;
                    if !cancelled.is_empty() {
                        // They are named again with the next beat, which must not wait for anybody.
                        let _ = stops.try_send(cancelled);
                    }
                }
                Ok(Err(error)) if last.elapsed() < self.life => {
                    tracing::warn!(%error, "the worker cannot beat at the moment");
                }
                Err(_) if last.elapsed() < self.life => {
                    tracing::warn!("the database does not answer the worker's beat");
                }
                // The database says so; or it could not be asked for a whole life, which comes to the same.
                Ok(Ok(Beat::Lapsed) | Err(_)) | Err(_) => break,
            }
        }
        self.board.set(None);
        tracing::warn!(worker.id = %self.worker, "the lease has lapsed; what it held runs elsewhere");
    }

    /// Tells how fast the models work, if that has changed. It is told again with the next beat if it is not heard.
    async fn report(&self, rates: &Rates, told: &mut BTreeMap<String, f64>) {
        let Some(news) = rates.news(told) else { return };
        let heard = tokio::time::timeout(self.life / 4, self.store.report(self.worker, &news)).await;
        if matches!(heard, Ok(Ok(()))) {
            *told = news;
        }
    }

    /// Ends the life in good order; what was still held is given back.
    pub(crate) async fn retire(&self) {
        match self.store.retire(self.worker).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "jobs given back"),
            Err(error) => tracing::warn!(%error, "the worker could not retire; its lease will lapse"),
        }
        self.board.set(None);
    }
}
