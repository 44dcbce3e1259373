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
mod intakes;
pub mod lane;
mod lanes;
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
mod served;
pub mod settle;
pub mod share;
pub mod shelf;
mod starter;
pub mod stop;
mod supply;
pub mod text;
mod wishes;

use std::sync::Arc;

use forebay_shared::blobs::Blobs;
use forebay_shared::config::{CacheConfig, ModerationConfig, Size};
use forebay_shared::entropy::Entropy;
use forebay_shared::events::{Event, Events};
use forebay_shared::fetch::Fetcher;
use forebay_shared::id::{Ids, WorkerId};
use forebay_shared::queue::Queue;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

use config::WorkerConfig;
use intake::IntakeParts;
use intakes::{Intakes, Running};
use lane::{LaneHandle, Order};
use lanes::Lanes;
use lease::{Board, Lease};
use model::{ModelFiles, RuntimeError};
use rate::Rates;
use served::Served;
use starter::Starter;

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
    /// What stays free of the disk that models of the registry are copied to.
    pub disk_reserve: Size,
    /// Makes this worker's ids.
    pub ids: Ids,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Where this worker runs, for people.
    pub host: String,
    /// The process's tasks.
    pub tasks: Tasks,
}

/// What is to be served otherwise than before.
#[derive(Debug)]
pub(crate) enum Change {
    /// This model, from now on; another of its name goes. Whoever asks hears whether its lane could be started.
    Serve(Box<ModelFiles>, oneshot::Sender<Result<(), RuntimeError>>),
    /// The model of this name no longer. Its jobs that run are finished.
    Stop(String),
}

/// A worker with its models found and its lanes running.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    parts: WorkerParts,
    starter: Starter,
    lanes: Lanes,
    served: Served,
    changes: mpsc::Receiver<Change>,
    board: Board,
    rates: Rates,
}

impl Worker {
    /// Takes work until a soft stop, then drains. A lease that lapses ends one life and begins another.
    pub async fn run(mut self) {
        self.hear_of_watchers();
        let stopping = self.parts.tasks.stopping();
        tokio::pin!(stopping);
        loop {
            let names = self.lanes.models();
            let lease = tokio::select! {
                () = &mut stopping => return,
                lease = Lease::begin(
                    self.parts.store.clone(),
                    self.board.clone(),
                    self.parts.ids.worker(),
                    (&self.parts.host, &names, self.config.lease.get()),
                ) => lease,
            };
            let mut intakes = Intakes::new(self.intake_parts(), lease.worker, self.parts.tasks.clone());
            self.lanes.taking().iter().for_each(|lane| intakes.start(lane));
            let (stops, mut to_stop) = mpsc::channel(8);
            let rates = self.rates.clone();
            let beat = lease.beat(self.config.beat.get(), stops, &rates);
            tokio::pin!(beat);
            let drains = loop {
                tokio::select! {
                    () = &mut stopping => break true,
                    Some(jobs) = to_stop.recv() => self.lanes.order(|| Order::Stop(jobs.clone())).await,
                    Some(change) = self.changes.recv() => self.change(change, &mut intakes, lease.worker),
                    () = &mut beat => break false,
                }
            };
            if drains {
                let drain = self.drain(&lease, &mut intakes);
                tokio::pin!(drain);
                loop {
                    tokio::select! {
                        () = &mut drain => return,
                        Some(jobs) = to_stop.recv() => self.lanes.order(|| Order::Stop(jobs.clone())).await,
                        () = &mut beat => return,
                    }
                }
            }
            // What an intake still hands in belongs to the old life too.
            intakes.end().await;
            self.lanes.order(|| Order::Forget(lease.worker)).await;
        }
    }

    /// Lanes come and go; nothing waits for that here.
    fn change(&mut self, change: Change, intakes: &mut Intakes, worker: WorkerId) {
        match change {
            Change::Serve(model, started) => {
                self.part_with(&model.card.name, intakes);
                let lane = self.starter.start(*model).map(|lane| {
                    tracing::info!(model = lane.model, "the model is served");
                    intakes.start(&lane);
                    self.lanes.add(lane);
                });
                // A supply that is gone tries no more.
                let _ = started.send(lane);
            }
            Change::Stop(name) => {
                tracing::info!(model = name, "the model is not served any more");
                self.part_with(&name, intakes);
                self.rates.forget(&name);
            }
        }
        self.parts.tasks.spawn("served", self.served.clone().tell(worker));
    }

    /// The model's lane takes no more work, if there is one.
    fn part_with(&self, model: &str, intakes: &mut Intakes) {
        if let Some(lane) = self.lanes.leave(model) {
            let leaving = leave(lane, intakes.take(model), self.lanes.clone());
            self.parts.tasks.spawn("leaving", leaving);
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
                            lanes.order(|| Order::Watch(*id, address.clone())).await;
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

    fn intake_parts(&self) -> IntakeParts {
        IntakeParts {
            store: self.parts.store.clone(),
            queue: self.parts.queue.clone(),
            events: self.parts.events.clone(),
            prefetch: self.config.prefetch,
        }
    }

    /// Stops the intake, gives back what has not begun, lets the rest be settled, within the configured time.
    async fn drain(&self, lease: &Lease, intakes: &mut Intakes) {
        tracing::info!(worker.id = %lease.worker, "draining");
        let in_order = async {
            if let Err(error) = self.parts.store.drain(lease.worker).await {
                tracing::warn!(%error, "the worker could not say that it drains");
            }
            intakes.end().await;
            self.release_unbegun(lease).await;
            for lane in self.lanes.all() {
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
        for lane in self.lanes.all() {
            let (answer, given_up) = oneshot::channel();
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

/// A lane takes no more, finishes what it has, and ends.
async fn leave(lane: LaneHandle, intake: Option<Running>, lanes: Lanes) {
    if let Some(intake) = intake {
        intake.end().await;
    }
    lane.room.wait_until_empty().await;
    lanes.remove(&lane);
}
