//! One model's line inside a worker: jobs in, prepared items into batches, finished jobs out.
//!
//! One task owns the waiting items and the jobs in progress, so nothing here is locked. Preparing and finishing happen on
//! other threads, running on the one that owns the model. In its hands are at most two batches: the one that runs, and one
//! that could not grow any further; a batch that could still grow waits for the device.

mod engine;
mod finish;
mod hand;
mod handle;
mod jobs;
mod lines;
mod measure;
mod memory;
mod outputs;
mod parts;
mod prepare;
mod progress;
mod reader;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use forebay_shared::events::Events;
use forebay_shared::id::JobId;
use forebay_shared::job::{Claimed, Cost};
use forebay_shared::shutdown::Tasks;
use tokio::sync::mpsc;

use crate::batch::{Batch, Batcher, Next, Waiting};
use crate::model::ModelFiles;
use crate::pipeline::Pipeline;
use crate::rate::Rates;
use crate::room::{Held, Room};
use crate::settle::Finished;
use crate::stop::Stop;
use engine::Engine;
use hand::Hand;
use jobs::Jobs;
use prepare::{Prepared, Preparer, Step};
use progress::Progress;
use work::{Ran, Ready, Word};

pub use handle::{LaneHandle, Order};
pub use lines::LineSource;
pub use parts::LaneParts;
pub use reader::{Bounds, Reader};

/// Jobs on their way in. The intake waits for room before it claims, so few are ever here.
const ACCEPTED: usize = 64;

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
    let engine = Engine::start(model.clone(), parts, words_sender);
    let lane = Lane::<P> {
        model: name.clone(),
        batcher: Batcher::new(budget),
        jobs: Jobs::default(),
        hand: Hand::new(engine, parts.quarantine.clone(), parts.tasks.clone()),
        preparer: Preparer::new(model, parts, prepared_sender),
        events: parts.events.clone(),
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

struct Lane<P: Pipeline> {
    model: String,
    batcher: Batcher<Ready<P>>,
    jobs: Jobs,
    hand: Hand<P>,
    preparer: Preparer<P>,
    events: Arc<dyn Events>,
    rates: Rates,
    tasks: Tasks,
}

impl<P: Pipeline> Lane<P> {
    async fn run(mut self, mut inbox: Inbox<P>) {
        let stopped = self.tasks.stopped();
        tokio::pin!(stopped);
        let mut open = true;
        let mut wake = None;
        while open || !self.jobs.is_empty() {
            tokio::select! {
                biased;
                () = &mut stopped => return,
                Some(order) = inbox.ordered.recv() => self.obey(order),
                Some(word) = inbox.words.recv() => self.hear(word),
                permit = inbox.settle.reserve(), if self.jobs.wait_for_settler() => self.jobs.hand_on(permit.ok()),
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
        self.jobs.begin(claimed.clone(), held);
        self.preparer.begin(claimed);
    }

    /// Prepared items join the line; those that failed have ended.
    fn queue(&mut self, job: Prepared<P>) {
        let Some(progress) = self.jobs.get_mut(job.id).filter(|progress| progress.lease() == job.lease)
        else {
            return;
        };
        progress.prepared_in(job.took);
        progress.plan(job.plan);
        let now = Instant::now();
        for (index, step, memory) in job.items {
            match step {
                // What is at hand is kept, however little time is left.
                Step::Ended(Ok(shelved)) => progress.end(index, Ok(shelved)),
                _ if progress.is_stopping() => progress.skip(index),
                Step::Ended(failed) => progress.end(index, failed),
                Step::Ready(prepared, key) => self.batcher.push(Waiting {
                    length: P::length(&prepared).max(1),
                    class: progress.claimed().class,
                    owner: progress.owner(),
                    rank: progress.claimed().rank,
                    isolation: progress.isolation(index),
                    since: now,
                    payload: Ready {
                        job: job.id,
                        lease: job.lease,
                        index,
                        of_bulk: progress.claimed().bulk.is_some(),
                        prepared,
                        key,
                        memory,
                    },
                }),
            }
        }
        self.jobs.finish_if_complete(job.id);
    }

    /// Sends batches to the model while it takes them, and the settler takes what they give. Answers when to look again,
    /// if a batch waits for company.
    fn depart(&mut self, now: Instant) -> Option<Instant> {
        while !self.jobs.wait_for_settler() && !self.hand.is_full() {
            match self.batcher.next(now, self.hand.idle_since().is_some()) {
                Next::Depart(batch) => self.send(batch),
                Next::Wait(until) => return Some(until),
                Next::Nothing => return None,
            }
        }
        None
    }

    fn send(&mut self, batch: Batch<Ready<P>>) {
        let here = batch.items.iter().find_map(|item| self.jobs.get(item.payload.job));
        // What belongs to no job that is here is of use to nobody.
        let Some(worker) = here.map(|progress| progress.lease().worker) else { return };
        let shape = measure::shape(&batch, self.hand.next_number());
        measure::count(&self.model, &shape);
        for (job, waits) in measure::waits(&batch, self.hand.idle_since(), Instant::now()) {
            if let Some(progress) = self.jobs.get_mut(job) {
                progress.depart(waits, &shape);
            }
        }
        self.hand.send(batch, self.preparer.pipeline(), worker);
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Free(sealed) => self.hand.take_back(sealed),
            Word::Ran(ran) => self.end(ran),
            Word::Ceiling(cost) => self.batcher.lower(cost),
        }
    }

    /// Items have run: their jobs get what became of them, and those who follow hear of it.
    fn end(&mut self, Ran { number, split, outcomes, took }: Ran) {
        metrics::histogram!("forebay_batch_run_seconds", "model" => self.model.clone())
            .record(took.as_secs_f64());
        let mut touched = BTreeSet::new();
        let mut cost = 0.0;
        for (job, index, outcome) in outcomes {
            if let Some(progress) = self.jobs.get_mut(job) {
                cost += progress.cost_of_one();
                progress.end(index, outcome);
                touched.insert(job);
            }
        }
        self.rates.ran(&self.model, cost, took);
        let (now, mut news) = (Instant::now(), Vec::new());
        for job in touched {
            if let Some(progress) = self.jobs.get_mut(job) {
                progress.ran_for(number, took, split);
                news.extend(progress.news(now));
            }
            self.jobs.finish_if_complete(job);
        }
        if !news.is_empty() {
            let events = self.events.clone();
            self.tasks.spawn("progress", async move { events.publish(news).await });
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(jobs) => jobs.into_iter().for_each(|job| self.stop(job, Stop::Cancelled)),
            Order::Watch(job, address) => {
                if let Some(progress) = self.jobs.get_mut(job) {
                    progress.watch(address);
                }
            }
            Order::Load => self.hand.load(),
            Order::Forget(worker) => {
                self.forget(|progress| progress.lease().worker == worker);
            }
            Order::Release(answer) => {
                let given_up = self.forget(|progress| !progress.has_begun());
                // Whoever asked is stopping the process; if it did not wait, the leases lapse.
                let _ = answer.send(given_up);
            }
        }
    }

    /// Stops the jobs whose time is over. Answers when the next one's is.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        let (late, next) = self.jobs.late(now);
        for job in late {
            self.stop(job, Stop::Expired);
        }
        next
    }

    /// Items that have not run are dropped before the device sees them.
    fn stop(&mut self, job: JobId, why: Stop) {
        let Some(progress) = self.jobs.get_mut(job) else { return };
        progress.stop(why);
        for item in self.batcher.remove(|item| item.job == job) {
            progress.skip(item.index);
        }
        self.jobs.finish_if_complete(job);
    }

    /// Drops jobs with their items; the answer names them and their attempts.
    fn forget(&mut self, unwanted: impl Fn(&Progress) -> bool) -> Vec<(JobId, u32)> {
        let gone = self.jobs.forget(unwanted);
        self.batcher.remove(|item| self.jobs.get(item.job).is_none());
        gone
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
