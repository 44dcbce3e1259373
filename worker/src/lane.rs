//! One model's line inside a worker: jobs in, prepared items into batches, finished jobs out.
//!
//! One task owns the waiting items and the jobs in progress, so nothing here is locked. Preparing and finishing happen on
//! other threads, running on the one that owns the model. In its hands are at most two batches: the one that runs, and one
//! that could not grow any further; a batch that could still grow waits for the device.

mod engine;
mod lines;
mod memory;
mod prepare;
mod progress;
mod reader;
mod room;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::events::{Event, Events};
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{BatchAccount, Claimed, Cost, Isolation};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Noted;
use tokio::sync::{mpsc, oneshot};

use crate::batch::{Batch, Batcher, Next, Waiting};
use crate::model::{ModelFiles, Runtime};
use crate::pipeline::Pipeline;
use crate::quarantine::Quarantine;
use crate::rate::Rates;
use crate::settle::Finished;
use engine::{Engine, Word, Work};
use prepare::{Prepared, Preparer};
use progress::{Progress, Waits};

pub use lines::{LineSource, Plan};
pub use progress::{Ended, Stop};
pub use reader::{Bounds, Reader};
pub use room::{Held, Room};

/// Jobs on their way in. The intake waits for room before it claims, so few are ever here.
const ACCEPTED: usize = 64;
/// Batches with the model's thread: one that runs, and one that could not grow any further.
const IN_HAND: u32 = 2;

/// What a lane is asked to do besides its work.
#[derive(Debug)]
pub enum Order {
    /// These jobs are to stop: what has not run is dropped, and they are settled as cancelled.
    Stop(Vec<JobId>),
    /// This worker's lease is gone: all it held is dropped without a word.
    Forget(WorkerId),
    /// Somebody at this address follows the job, and wants to hear how it gets on.
    Watch(JobId, String),
    /// What has not begun is given up; the answer names it.
    Release(oneshot::Sender<Vec<(JobId, u32)>>),
}

/// The way into a lane.
#[derive(Clone, Debug)]
pub struct LaneHandle {
    /// The model's name.
    pub model: String,
    /// What one batch may cost.
    pub turn: Cost,
    /// How much the lane holds and may hold.
    pub room: Room,
    jobs: mpsc::Sender<(Claimed, Held)>,
    orders: mpsc::Sender<Order>,
}

impl LaneHandle {
    /// Hands a claimed job in; it counts against the room from now on.
    pub async fn accept(&self, claimed: Claimed) {
        let held = self.room.take(claimed.cost, claimed.class, claimed.owner.as_str().into());
        if self.jobs.send((claimed, held)).await.is_err() {
            tracing::error!(model = self.model, "the lane is gone; its leases will lapse");
        }
    }

    /// Gives an order.
    pub async fn order(&self, order: Order) {
        // A lane that is gone holds nothing to be stopped, forgotten or released.
        let _ = self.orders.send(order).await;
    }
}

/// What lanes share.
#[derive(Clone, Debug)]
pub struct LaneParts {
    /// Reads items.
    pub reader: Reader,
    /// The runtime library, if any model needs it.
    pub runtime: Option<Runtime>,
    /// Where suspects run, one batch at a time.
    pub quarantine: Quarantine,
    /// Where word of progress goes.
    pub events: Arc<dyn Events>,
    /// Where finished jobs go.
    pub settle: mpsc::Sender<Finished>,
    /// Batches of work of each class that a lane may hold.
    pub hold: u64,
    /// How fast the models work.
    pub rates: Rates,
    /// The process's tasks.
    pub tasks: Tasks,
}

/// An item that is ready to run.
#[derive(Debug)]
struct Ready<P: Pipeline> {
    job: JobId,
    index: u32,
    prepared: P::Prepared,
    /// What it takes of the room for pictures, until it has run.
    _memory: memory::Held,
}

/// Starts a lane for `model`.
pub fn start<P: Pipeline>(model: ModelFiles, parts: &LaneParts) -> LaneHandle {
    let budget = model.manifest.budget(model.card.kind);
    let turn = Cost::new(budget.cost);
    let room = Room::new(turn.times(parts.hold));
    let (jobs, accepted) = mpsc::channel(ACCEPTED);
    let (orders, ordered) = mpsc::channel(8);
    let (words_sender, words) = mpsc::channel(ACCEPTED);
    let (prepared_sender, prepared) = mpsc::channel(ACCEPTED);
    let name = model.card.name.clone();
    let lane = Lane::<P> {
        model: name.clone(),
        batcher: Batcher::new(budget),
        jobs: HashMap::new(),
        deadlines: BTreeSet::new(),
        done: VecDeque::new(),
        hand: Hand::Batches(0),
        idle_since: Some(Instant::now()),
        batches: 0,
        events: parts.events.clone(),
        engine: Engine::start(model.clone(), parts.runtime.clone(), words_sender, &parts.tasks),
        preparer: Preparer::new(model, parts, prepared_sender),
        quarantine: parts.quarantine.clone(),
        rates: parts.rates.clone(),
        tasks: parts.tasks.clone(),
    };
    let settle = parts.settle.clone();
    parts.tasks.spawn("lane", lane.run(Inbox { accepted, ordered, prepared, words, settle }));
    LaneHandle { model: name, turn, room, jobs, orders }
}

/// What a lane listens to.
struct Inbox<P: Pipeline> {
    accepted: mpsc::Receiver<(Claimed, Held)>,
    ordered: mpsc::Receiver<Order>,
    prepared: mpsc::Receiver<Prepared<P>>,
    words: mpsc::Receiver<Word>,
    settle: mpsc::Sender<Finished>,
}

/// What the model's thread has in its hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    /// So many healthy batches.
    Batches(u32),
    /// One batch of suspects, and nothing else, so that a crash has no other cause in this lane.
    Suspects,
}

struct Lane<P: Pipeline> {
    model: String,
    batcher: Batcher<Ready<P>>,
    jobs: HashMap<JobId, Progress>,
    /// When the time of jobs is over that have a `finish_by`; some of them may have ended.
    deadlines: BTreeSet<(Instant, JobId)>,
    /// Finished jobs that the settler has not taken yet. While there are any, nothing departs.
    done: VecDeque<Finished>,
    hand: Hand,
    /// Since when the model's thread has nothing in its hands, if it has nothing.
    idle_since: Option<Instant>,
    /// How many batches have departed: the number of the latest.
    batches: u64,
    events: Arc<dyn Events>,
    preparer: Preparer<P>,
    engine: Engine<P>,
    quarantine: Quarantine,
    rates: Rates,
    tasks: Tasks,
}

impl<P: Pipeline> Lane<P> {
    async fn run(mut self, mut inbox: Inbox<P>) {
        let stopped = self.tasks.stopped();
        tokio::pin!(stopped);
        let mut open = true;
        let mut wake = None;
        while open || !self.jobs.is_empty() || !self.done.is_empty() {
            tokio::select! {
                biased;
                () = &mut stopped => return,
                Some(order) = inbox.ordered.recv() => self.obey(order),
                Some(word) = inbox.words.recv() => self.hear(word),
                permit = inbox.settle.reserve(), if !self.done.is_empty() => self.hand_on(permit.ok()),
                Some(job) = inbox.prepared.recv() => self.queue(job),
                job = inbox.accepted.recv(), if open => match job {
                    Some((claimed, held)) => self.begin(claimed, held),
                    None => open = false,
                },
                () = until(wake) => {}
            }
            let now = Instant::now();
            let next_end = self.expire(now);
            wake = self.depart(now).into_iter().chain(next_end).min();
        }
    }

    fn begin(&mut self, claimed: Claimed, held: Held) {
        let progress = Progress::new(claimed.clone(), held, Instant::now());
        self.deadlines.extend(progress.deadline().map(|at| (at, claimed.id)));
        self.jobs.insert(claimed.id, progress);
        self.preparer.begin(claimed);
    }

    /// Prepared items join the line; those that failed have ended.
    fn queue(&mut self, job: Prepared<P>) {
        let Some(progress) = self.jobs.get_mut(&job.id).filter(|progress| progress.lease() == job.lease)
        else {
            return;
        };
        progress.prepared_in(job.took);
        progress.plan(job.plan);
        let now = Instant::now();
        for (index, prepared, memory) in job.items {
            match prepared {
                _ if progress.is_stopping() => progress.skip(index),
                Err(failure) => progress.end(index, Err(failure)),
                Ok(prepared) => self.batcher.push(Waiting {
                    length: P::length(&prepared).max(1),
                    class: progress.claimed().class,
                    owner: progress.owner(),
                    rank: progress.claimed().rank,
                    isolation: progress.isolation(index),
                    since: now,
                    payload: Ready { job: job.id, index, prepared, _memory: memory },
                }),
            }
        }
        self.finish_if_complete(job.id);
    }

    /// Sends batches to the model while it takes them. Answers when to look again, if a batch waits for company.
    fn depart(&mut self, now: Instant) -> Option<Instant> {
        while self.done.is_empty()
            && let Hand::Batches(count) = self.hand
            && count < IN_HAND
        {
            match self.batcher.next(now, count == 0) {
                Next::Depart(batch) => self.send(batch, count),
                Next::Wait(until) => return Some(until),
                Next::Nothing => return None,
            }
        }
        None
    }

    fn send(&mut self, batch: Batch<Ready<P>>, in_hand: u32) {
        self.batches += 1;
        self.measure(&batch);
        self.idle_since = None;
        let isolation = batch.isolation;
        let items: Vec<_> = batch.items.into_iter().map(|item| item.payload).collect();
        let work = Work { number: self.batches, items, pipeline: self.preparer.pipeline(), sealed: None };
        if isolation == Isolation::None {
            self.hand = Hand::Batches(in_hand + 1);
            self.engine.send(work);
        } else {
            self.hand = Hand::Suspects;
            self.send_sealed(work);
        }
    }

    /// Suspects depart once no others run in this process and the worker's row names them.
    fn send_sealed(&self, mut work: Work<P>) {
        let mut by_job: HashMap<JobId, Vec<u32>> = HashMap::new();
        for item in &work.items {
            by_job.entry(item.job).or_default().push(item.index);
        }
        let worker =
            work.items.first().and_then(|item| self.jobs.get(&item.job)).map(|job| job.lease().worker);
        let (quarantine, engine) = (self.quarantine.clone(), self.engine.clone());
        self.tasks.spawn("seal", async move {
            let noted = Noted(by_job.into_iter().collect());
            let sealed = match worker {
                Some(worker) => quarantine.seal(worker, noted).await,
                None => None,
            };
            match sealed {
                Some(sealed) => {
                    work.sealed = Some(sealed);
                    engine.send(work);
                }
                // The lease is gone, and with it these jobs.
                None => engine.give_up().await,
            }
        });
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Free(sealed) => {
                self.hand = match self.hand {
                    Hand::Batches(count) => Hand::Batches(count.saturating_sub(1)),
                    Hand::Suspects => Hand::Batches(0),
                };
                if self.hand == Hand::Batches(0) {
                    self.idle_since = Some(Instant::now());
                }
                if let Some(sealed) = sealed {
                    self.tasks.spawn("unseal", sealed.open());
                }
            }
            Word::Ended { number, outcomes, took, split } => {
                metrics::histogram!("forebay_batch_run_seconds", "model" => self.model.clone())
                    .record(took.as_secs_f64());
                let mut touched = BTreeSet::new();
                let mut cost = 0.0;
                for (job, index, outcome) in outcomes {
                    if let Some(progress) = self.jobs.get_mut(&job) {
                        cost += progress.cost_of_one();
                        progress.end(index, outcome);
                        touched.insert(job);
                    }
                }
                self.rates.ran(&self.model, cost, took);
                let (now, mut news) = (Instant::now(), Vec::new());
                for job in touched {
                    if let Some(progress) = self.jobs.get_mut(&job) {
                        progress.ran_for(number, took, split);
                        news.extend(progress.news(now));
                    }
                    self.finish_if_complete(job);
                }
                self.tell(news);
            }
        }
    }

    /// Tells those who follow how far their jobs have come.
    fn tell(&self, news: Vec<(String, Event)>) {
        if !news.is_empty() {
            let events = self.events.clone();
            self.tasks.spawn("progress", async move { events.publish(news).await });
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(jobs) => jobs.into_iter().for_each(|job| self.stop(job, Stop::Cancelled)),
            Order::Watch(job, address) => {
                if let Some(progress) = self.jobs.get_mut(&job) {
                    progress.watch(address);
                }
            }
            Order::Forget(worker) => {
                self.drop_jobs(|progress| progress.lease().worker == worker);
            }
            Order::Release(answer) => {
                let given_up = self.drop_jobs(|progress| !progress.has_begun());
                // Whoever asked is stopping the process; if it did not wait, the leases lapse.
                let _ = answer.send(given_up);
            }
        }
    }

    /// Stops the jobs whose time is over. Answers when the next one's is.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some((at, job)) = self.deadlines.first().copied() {
            // One that has ended meanwhile is not worth being woken for.
            let is_here = self.jobs.get(&job).is_some_and(|progress| progress.deadline() == Some(at));
            if is_here && at > now {
                return Some(at);
            }
            self.deadlines.pop_first();
            if is_here {
                self.stop(job, Stop::Expired);
            }
        }
        None
    }

    /// Items that have not run are dropped before the device sees them.
    fn stop(&mut self, job: JobId, why: Stop) {
        let Some(progress) = self.jobs.get_mut(&job) else { return };
        progress.stop(why);
        for item in self.batcher.remove(|item| item.job == job) {
            progress.skip(item.index);
        }
        self.finish_if_complete(job);
    }

    fn drop_jobs(&mut self, unwanted: impl Fn(&Progress) -> bool) -> Vec<(JobId, u32)> {
        let gone: Vec<(JobId, u32)> = self
            .jobs
            .iter()
            .filter(|(_, progress)| unwanted(progress))
            .map(|(id, progress)| (*id, progress.lease().attempt))
            .collect();
        for (id, _) in &gone {
            self.jobs.remove(id);
        }
        let jobs = &self.jobs;
        self.batcher.remove(|item| !jobs.contains_key(&item.job));
        gone
    }

    fn finish_if_complete(&mut self, job: JobId) {
        if self.jobs.get(&job).is_some_and(Progress::is_complete)
            && let Some(progress) = self.jobs.remove(&job)
        {
            self.done.push_back(progress.finish());
        }
    }

    fn hand_on(&mut self, permit: Option<mpsc::Permit<'_, Finished>>) {
        match (permit, self.done.pop_front()) {
            (Some(permit), Some(finished)) => permit.send(finished),
            // The settler is gone: the process stops hard, and its leases will lapse.
            _ => self.done.clear(),
        }
    }

    /// Tells the batch's jobs, and the world, what the batch looks like.
    fn measure(&mut self, batch: &Batch<Ready<P>>) {
        let (real, padded) = batch.costs();
        let now = Instant::now();
        let mut waits: HashMap<JobId, Waits> = HashMap::new();
        for item in &batch.items {
            // While the device was idle, an item waited for others that could have joined it.
            let company =
                self.idle_since.map_or(Duration::ZERO, |idle| now.duration_since(idle.max(item.since)));
            let device = now.duration_since(item.since).saturating_sub(company);
            waits.entry(item.payload.job).or_default().add(device, company);
        }
        let shape = BatchAccount {
            number: self.batches,
            items: u32::try_from(batch.items.len()).unwrap_or(u32::MAX),
            own: 0,
            cost: padded,
            padding: padded - real,
            device_ms: 0.0,
            company_ms: 0.0,
            closed: batch.closed,
            isolation: batch.isolation.into(),
            run_ms: None,
            split: false,
        };
        for (job, waits) in waits {
            if let Some(progress) = self.jobs.get_mut(&job) {
                progress.depart(waits, &shape);
            }
        }
        let model = self.model.clone();
        metrics::histogram!("forebay_batch_items", "model" => model.clone()).record(batch.items.len() as f64);
        metrics::histogram!("forebay_batch_padding_ratio", "model" => model.clone())
            .record(1.0 - real as f64 / padded.max(1) as f64);
        metrics::counter!("forebay_batch_cost_total", "model" => model.clone()).increment(padded);
        metrics::counter!("forebay_batch_padding_total", "model" => model.clone()).increment(padded - real);
        metrics::counter!("forebay_batches_total", "model" => model, "closed" => batch.closed.as_str())
            .increment(1);
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
