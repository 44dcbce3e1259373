//! Deliveries in, claims made, leases granted; what is refused is forgotten.
//!
//! The intake looks at what deliveries there are, claims as many as there is room for in one statement and then
//! acknowledges them all: from then on the lease decides, so no time limit of the broker's bounds a job. While the lane is
//! full, it claims only for owners of whom the lane has nothing. If the outcome of a claim is unknown, whatever it may have
//! granted is given back before anything is acknowledged.

mod line;

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::events::{Event, Events};
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{Claimed, Class, Cost};
use forebay_shared::queue::{Message, Queue, QueueResult};
use forebay_shared::store::{Route, Store};
use tokio_util::sync::CancellationToken;

use crate::lane::LaneHandle;
use crate::share::Share;
use line::Line;

/// Jobs of one claim at most, so that one statement locks few rows.
const CLAIM: u64 = 64;
/// How long messages may lie here unclaimed because the lane is full, before they are given back for others to take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nothing may come before both queues are asked for work anew. A broker whose queue is deleted and declared again
/// under load can forget a consumer without a word (seen with RabbitMQ 3.10); asking costs four requests.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait before asking a broker or a database that was away again.
const AGAIN: Duration = Duration::from_millis(500);

/// What an intake needs.
#[derive(Clone, Debug)]
pub(crate) struct IntakeParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) prefetch: u16,
}

/// Takes work for one lane during one life of the worker.
pub(crate) struct Intake {
    parts: IntakeParts,
    lane: LaneHandle,
    worker: WorkerId,
    life: CancellationToken,
    share: Share,
    /// What a job of each class has cost lately; jobs are claimed before their cost is known.
    usual: [Cost; 2],
    /// Claimed since others were last told that there is room.
    claimed: Cost,
}

impl Intake {
    pub(crate) fn new(
        parts: IntakeParts,
        lane: LaneHandle,
        worker: WorkerId,
        life: CancellationToken,
    ) -> Self {
        Self {
            parts,
            lane,
            worker,
            life,
            share: Share::default(),
            usual: [Cost::new(1); 2],
            claimed: Cost::default(),
        }
    }

    /// Takes work until the worker's life ends, however often the broker goes away.
    pub(crate) async fn run(mut self) {
        while !self.life.is_cancelled() {
            if let Err(error) = self.consume().await {
                tracing::warn!(%error, model = self.lane.model, "no work can be taken at the moment");
                let life = self.life.clone();
                tokio::select! {
                    () = life.cancelled() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    /// Takes work from both queues until the life ends, or the lane has been full for too long.
    async fn consume(&mut self) -> QueueResult<()> {
        let life = self.life.clone();
        tokio::select! {
            () = life.cancelled() => return Ok(()),
            // Full for long, it looks again all the same: somebody may be new.
            _ = tokio::time::timeout(PATIENCE, self.lane.room.wait()) => {}
        }
        let mut interactive = self.open(Class::Interactive).await?;
        let mut bulk = self.open(Class::Bulk).await?;
        let room = self.lane.room.clone();
        loop {
            // Registered before looking, so that what is given back between look and wait is not missed.
            let freed = room.freed();
            tokio::pin!(freed);
            freed.as_mut().enable();
            while self.claim_some(&mut interactive, &mut bulk).await? {
                if life.is_cancelled() {
                    return Ok(());
                }
            }
            let held = !(interactive.is_empty() && bulk.is_empty());
            let silence = if held { PATIENCE } else { SILENCE };
            let most = usize::from(self.parts.prefetch);
            tokio::select! {
                () = life.cancelled() => return Ok(()),
                received = interactive.receive(most) => received?,
                received = bulk.receive(most) => received?,
                () = &mut freed, if held => {}
                () = tokio::time::sleep(silence) => {
                    if held {
                        tracing::debug!(model = self.lane.model, "the lane is full; unclaimed messages are given back");
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn open(&self, class: Class) -> QueueResult<Line> {
        let consumer = self.parts.queue.consume(&self.route(class), self.parts.prefetch).await?;
        Ok(Line::new(class, consumer))
    }

    /// Claims what there is room for. `false`: nothing that is here may be claimed now.
    async fn claim_some(&mut self, interactive: &mut Line, bulk: &mut Line) -> QueueResult<bool> {
        // The class whose turn it is goes first if both have something.
        let lines = match self.share.first(self.lane.turn) {
            Class::Interactive => [interactive, bulk],
            Class::Bulk => [bulk, interactive],
        };
        for line in lines {
            let messages = if self.lane.room.free(line.class()) > Cost::default() {
                line.take(usize::try_from(self.most(line.class())).unwrap_or(1))
            } else {
                let (room, class) = (&self.lane.room, line.class());
                line.take_new(|owner| room.welcomes(class, owner))
            };
            if !messages.is_empty() {
                if !self.take(&messages).await {
                    // Its life is over; others get the messages.
                    return Ok(false);
                }
                // Whether or not the broker hears it, what was claimed runs here; a message that comes again is refused.
                let acknowledged = line.ack().await;
                self.tell_of_room().await;
                return acknowledged.map(|()| true);
            }
        }
        Ok(false)
    }

    /// As many jobs of a class as probably fit.
    fn most(&self, class: Class) -> u64 {
        (self.lane.room.free(class).units() / self.usual[class as usize].units().max(1)).clamp(1, CLAIM)
    }

    /// Claims the jobs and hands them to the lane. `false`: the worker's lease is gone.
    async fn take(&mut self, messages: &[Message]) -> bool {
        let ids: Vec<JobId> = messages.iter().map(|message| message.job_id).collect();
        let claimed = self.claim(&ids).await;
        if claimed.is_empty() && !self.is_alive().await {
            // Refused because the lease is gone, not because of the jobs: others are to have the messages.
            self.life.cancelled().await;
            return false;
        }
        let refused = ids.len() - claimed.len();
        metrics::counter!("forebay_deliveries_refused_total").increment(refused as u64);
        for job in claimed {
            let usual = &mut self.usual[job.class as usize];
            *usual = Cost::new((usual.units() * 7 + job.cost.units()) / 8);
            self.share.spend(job.class, job.cost);
            self.claimed = self.claimed + job.cost;
            let wait = job.claimed_at.since(job.available_at).as_secs_f64();
            metrics::histogram!("forebay_queue_wait_seconds", "model" => job.model.clone(), "class" => job.class.as_str())
                .record(wait);
            self.lane.accept(job).await;
        }
        true
    }

    /// Claims, however long the database is away. An answer that was lost may have granted something, which nobody
    /// here would run; so it is given back.
    async fn claim(&self, ids: &[JobId]) -> Vec<Claimed> {
        let mut doubtful = false;
        loop {
            let asked = if doubtful {
                self.parts.store.disclaim(self.worker, ids).await.map(|_| Vec::new())
            } else {
                self.parts.store.claim(self.worker, ids).await
            };
            match asked {
                Ok(claimed) => return claimed,
                Err(error) => {
                    tracing::warn!(%error, jobs = ids.len(), "claiming waits for the database");
                    doubtful = true;
                    if self.life.is_cancelled() {
                        return Vec::new();
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Whether the worker's lease is still in force, as far as can be known.
    async fn is_alive(&self) -> bool {
        let writers = self.parts.store.writers(&[self.worker]).await;
        writers.map_or(true, |writers| !writers.is_empty())
    }

    /// Jobs wait in the database only while a window of two turns is full, so word once a turn is often enough.
    async fn tell_of_room(&mut self) {
        if self.claimed >= self.lane.turn {
            self.claimed = Cost::default();
            for class in Class::ALL {
                self.parts.events.announce(Event::Room(self.route(class))).await;
            }
        }
    }

    fn route(&self, class: Class) -> Route {
        Route { model: self.lane.model.clone(), class }
    }
}
