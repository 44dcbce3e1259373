//! Takes jobs, forms batches, runs ONNX Runtime, settles.
//!
//! One job passes through [`intake`] → [`lane`] → [`batch`] → [`pipeline`] → [`settle`], in this order and no other.
//! Each stage knows the next by a channel; none knows the one before.

pub mod batch;
pub mod bucket;
pub mod cache;
pub mod check;
pub mod config;
mod intake;
pub mod lane;
pub mod lease;
pub mod model;
pub mod open;
pub mod picture;
pub mod pipeline;
pub mod plan;
pub mod quarantine;
pub mod rate;
#[cfg(feature = "rehearsal")]
mod rehearsal;
pub mod residence;
pub mod room;
pub mod settle;
pub mod share;
pub mod shelf;
pub mod stop;
pub mod text;

use std::sync::Arc;

use forebay_shared::blobs::Blobs;
use forebay_shared::config::{CacheConfig, ModerationConfig};
use forebay_shared::entropy::Entropy;
use forebay_shared::events::{Event, Events};
use forebay_shared::fetch::Fetcher;
use forebay_shared::id::Ids;
use forebay_shared::queue::Queue;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use config::WorkerConfig;
use intake::{Intake, IntakeParts};
use lane::{LaneHandle, Order};
use lease::{Board, Lease};
use rate::Rates;

/// What a worker works with.
#[derive(Clone, Debug)]
pub struct WorkerParts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Where work comes from.
    pub queue: Arc<dyn Queue>,
    /// Where word goes.
    pub events: Arc<dyn Events>,
    /// Where inputs and results are.
    pub blobs: Blobs,
    /// The one way to a URL.
    pub fetcher: Fetcher,
    /// Who judges the texts of a bulk's lines.
    pub moderation: Arc<ModerationConfig>,
    /// Whether answers are kept.
    pub cache: CacheConfig,
    /// Makes this worker's ids.
    pub ids: Ids,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Where this worker runs, for people.
    pub host: String,
    /// The process's tasks.
    pub tasks: Tasks,
}

/// A worker with its models found and its lanes running.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    parts: WorkerParts,
    lanes: Vec<LaneHandle>,
    board: Board,
    rates: Rates,
}

impl Worker {
    /// Takes work until a soft stop, then drains. A lease that lapses ends one life and begins another.
    pub async fn run(self) {
        self.hear_of_watchers();
        let names: Vec<String> = self.lanes.iter().map(|lane| lane.model.clone()).collect();
        let stopping = self.parts.tasks.stopping();
        tokio::pin!(stopping);
        loop {
            let lease = tokio::select! {
                () = &mut stopping => return,
                lease = Lease::begin(
                    self.parts.store.clone(),
                    self.board.clone(),
                    self.parts.ids.worker(),
                    (&self.parts.host, &names, self.config.lease.get()),
                ) => lease,
            };
            let life = CancellationToken::new();
            // Should this future be dropped, nothing goes on taking messages in its name.
            let _ends_with_this = life.clone().drop_guard();
            let intakes = self.start_intakes(&lease, &life);
            let (stops, mut to_stop) = mpsc::channel(8);
            let beat = lease.beat(self.config.beat.get(), stops, &self.rates);
            tokio::pin!(beat);
            let drains = loop {
                tokio::select! {
                    () = &mut stopping => break true,
                    Some(jobs) = to_stop.recv() => self.order_all(|| Order::Stop(jobs.clone())).await,
                    () = &mut beat => break false,
                }
            };
            if drains {
                let drain = self.drain(&lease, &life, intakes);
                tokio::pin!(drain);
                loop {
                    tokio::select! {
                        () = &mut drain => return,
                        Some(jobs) = to_stop.recv() => self.order_all(|| Order::Stop(jobs.clone())).await,
                        () = &mut beat => return,
                    }
                }
            }
            life.cancel();
            // What an intake still hands in belongs to the old life too.
            futures::future::join_all(intakes).await;
            self.order_all(|| Order::Forget(lease.worker)).await;
        }
    }

    /// Passes on who begins to follow a job that a lane may have already. Word that is missed costs only word of progress.
    fn hear_of_watchers(&self) {
        let (mut news, lanes) = (self.parts.events.subscribe(), self.lanes.clone());
        let stopped = self.parts.tasks.stopped();
        self.parts.tasks.spawn("watchers", async move {
            let listen = async {
                loop {
                    match news.recv().await.as_deref() {
                        Ok(Event::Watched { id, address }) => {
                            for lane in &lanes {
                                lane.order(Order::Watch(*id, address.clone())).await;
                            }
                        }
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return,
                    }
                }
            };
            tokio::select! {
                () = listen => {}
                () = stopped => {}
            }
        });
    }

    fn start_intakes(&self, lease: &Lease, life: &CancellationToken) -> Vec<tokio::task::JoinHandle<()>> {
        let parts = IntakeParts {
            store: self.parts.store.clone(),
            queue: self.parts.queue.clone(),
            events: self.parts.events.clone(),
            prefetch: self.config.prefetch,
        };
        self.lanes
            .iter()
            .map(|lane| {
                let intake = Intake::new(parts.clone(), lane.clone(), lease.worker, life.clone());
                self.parts.tasks.spawn("intake", intake.run())
            })
            .collect()
    }

    async fn order_all(&self, order: impl Fn() -> Order) {
        for lane in &self.lanes {
            lane.order(order()).await;
        }
    }

    /// Stops the intake, gives back what has not begun, lets the rest be settled, within the configured time.
    async fn drain(
        &self,
        lease: &Lease,
        life: &CancellationToken,
        intakes: Vec<tokio::task::JoinHandle<()>>,
    ) {
        tracing::info!(worker.id = %lease.worker, "draining");
        let in_order = async {
            if let Err(error) = self.parts.store.drain(lease.worker).await {
                tracing::warn!(%error, "the worker could not say that it drains");
            }
            life.cancel();
            futures::future::join_all(intakes).await;
            self.release_unbegun(lease).await;
            for lane in &self.lanes {
                lane.room.wait_until_empty().await;
            }
        };
        if tokio::time::timeout(self.config.drain.get(), in_order).await.is_err() {
            tracing::warn!(limit = %self.config.drain, "draining took too long; what still runs is given back");
        }
        lease.retire().await;
    }

    async fn release_unbegun(&self, lease: &Lease) {
        let mut unbegun = Vec::new();
        for lane in &self.lanes {
            let (answer, given_up) = tokio::sync::oneshot::channel();
            lane.order(Order::Release(answer)).await;
            unbegun.extend(given_up.await.unwrap_or_default());
        }
        if !unbegun.is_empty()
            && let Err(error) = self.parts.store.release(lease.worker, &unbegun).await
        {
            tracing::warn!(%error, "jobs could not be given back yet; retiring does it");
        }
    }
}
