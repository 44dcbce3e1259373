//! One job in a lane: what became of its items so far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::events::{self, Event};
use forebay_shared::job::{
    Account, BatchAccount, Claimed, Failure, FailureCode, Isolation, Lease, OWN_CRASHES, Timings,
};
use forebay_shared::telemetry::count_dropped_items;

use super::measure::Waits;
use super::outputs::Outputs;
use crate::plan::Plan;
use crate::room::Held;
use crate::settle::Finished;
use crate::shelf::Ended;
use crate::stop::Stop;

/// How often those who follow a job are told how far it has come: people see no more, and a thousand followed jobs cost a
/// thousand small messages a second at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A job in a lane.
#[derive(Debug)]
pub(super) struct Progress {
    claimed: Claimed,
    owner: Arc<str>,
    outcomes: Vec<Option<Ended>>,
    outputs: Outputs,
    /// Items with no outcome yet that may still get one.
    open: usize,
    begun: bool,
    stopping: Option<Stop>,
    /// When its time is over, by this machine's clock.
    deadline: Option<Instant>,
    timings: Timings,
    account: Account,
    real: u64,
    padded: u64,
    /// Addresses of those who follow the job.
    watchers: Vec<String>,
    told: Instant,
    held: Held,
    /// How a slice's lines are to be answered, once they have been read.
    plan: Option<Plan>,
}

impl Progress {
    /// A job that came at `now`. How much time it has is a difference between two instants of the database's, so this
    /// machine's time of day does not matter.
    pub(super) fn new(claimed: Claimed, held: Held, now: Instant) -> Self {
        let deadline = claimed.finish_by.map(|finish_by| now + finish_by.since(claimed.claimed_at));
        let count = claimed.item_count as usize;
        let queue_wait = claimed.claimed_at.since(claimed.available_at);
        Self {
            outcomes: (0..count).map(|_| None).collect(),
            outputs: Outputs::default(),
            open: count,
            begun: false,
            stopping: None,
            deadline,
            timings: Timings { queue_wait_ms: millis(queue_wait), ..Timings::default() },
            account: Account::default(),
            real: 0,
            padded: 0,
            watchers: claimed.waiters.clone(),
            told: now,
            held,
            owner: claimed.owner.as_str().into(),
            plan: None,
            claimed,
        }
    }

    pub(super) fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    pub(super) fn owner(&self) -> Arc<str> {
        self.owner.clone()
    }

    /// What an item costs on average, as the job was estimated: rates are compared with what waits, which is estimated too.
    pub(super) fn cost_of_one(&self) -> f64 {
        self.claimed.cost.units() as f64 / f64::from(self.claimed.item_count.max(1))
    }

    pub(super) fn lease(&self) -> Lease {
        self.claimed.lease
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// When its time is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn is_complete(&self) -> bool {
        self.open == 0
    }

    /// How the item may be batched.
    pub(super) fn isolation(&self, index: u32) -> Isolation {
        self.claimed.suspects.isolation(index)
    }

    /// Some of its items were ready so long after their preparation began.
    pub(super) fn prepared_in(&mut self, took: Duration) {
        self.timings.prepare_ms = self.timings.prepare_ms.max(millis(took));
    }

    /// A slice's lines have been read.
    pub(super) fn plan(&mut self, plan: Option<Plan>) {
        self.plan = plan.or(self.plan.take());
    }

    /// Some of its items left in a batch of this shape.
    pub(super) fn depart(&mut self, waits: Waits, shape: &BatchAccount) {
        self.begun = true;
        self.timings.batch_wait_ms = self.timings.batch_wait_ms.max(millis(waits.longest));
        self.timings.batch_size = self.timings.batch_size.max(shape.items);
        self.real += shape.cost - shape.padding;
        self.padded += shape.cost;
        self.account.note(BatchAccount {
            own: waits.own,
            device_ms: millis(waits.device),
            company_ms: millis(waits.company),
            ..shape.clone()
        });
    }

    /// A batch with items of this job took so long, or one of its items if it was split.
    pub(super) fn ran_for(&mut self, batch: u64, took: Duration, split: bool) {
        self.timings.run_ms += millis(took);
        self.timings.batches += 1;
        self.account.ran(batch, millis(took), split);
    }

    /// Somebody else follows it.
    pub(super) fn watch(&mut self, address: String) {
        if !self.watchers.contains(&address) {
            self.watchers.push(address);
        }
    }

    /// What is to be told to whom, now that some items have ended: nothing if nobody follows, if word went out just now,
    /// or if the end itself is about to be told.
    pub(super) fn news(&mut self, now: Instant) -> Vec<(String, Event)> {
        if self.watchers.is_empty() || self.is_complete() || now.duration_since(self.told) < TELL_EVERY {
            return Vec::new();
        }
        self.told = now;
        let total = self.claimed.item_count;
        let done = total - u32::try_from(self.open).unwrap_or(total);
        let attempt = self.claimed.lease.attempt;
        let progress = events::Progress { id: self.claimed.id, attempt, done, total, transfer: None };
        self.watchers.iter().map(|address| (address.clone(), Event::Progress(progress.clone()))).collect()
    }

    /// An item has its outcome, or what it gave has no room.
    pub(super) fn end(&mut self, index: u32, outcome: Ended) {
        if let Some(place @ None) = self.outcomes.get_mut(index as usize) {
            *place = Some(self.outputs.take(outcome));
            self.open -= 1;
            self.held.shrink(self.open, self.outcomes.len());
        }
    }

    /// An item that is not to run any more.
    pub(super) fn skip(&mut self, index: u32) {
        let why = self.stopping.unwrap_or(Stop::Cancelled);
        count_dropped_items(why.as_str(), 1);
        self.end(index, Err(why.failure()));
    }

    /// No further item is to run. The first reason stands.
    pub(super) fn stop(&mut self, why: Stop) {
        self.stopping.get_or_insert(why);
    }

    pub(super) fn finish(mut self) -> Finished {
        let known = |outcome: &&Option<Ended>| matches!(outcome, Some(Ok(shelved)) if shelved.cached);
        self.timings.cached = u32::try_from(self.outcomes.iter().filter(known).count()).unwrap_or(u32::MAX);
        self.timings.padding = 1.0 - self.real as f64 / self.padded.max(self.real).max(1) as f64;
        if self.padded == 0 {
            self.timings.padding = 0.0;
        }
        let outcomes = self.outcomes.into_iter().map(|outcome| {
            outcome
                .unwrap_or_else(|| Err(Failure::permanent(FailureCode::Internal, "the item got no outcome")))
        });
        Finished {
            outcomes: outcomes.collect(),
            stopped: self.stopping,
            timings: self.timings,
            account: self.account,
            held: self.held,
            lines: self.plan,
            claimed: self.claimed,
        }
    }
}

/// The verdict on an item that has crashed its worker too often, before it runs again.
pub(super) fn convicted(isolation: Isolation) -> Option<Failure> {
    match isolation {
        Isolation::Alone(crashes) if crashes >= OWN_CRASHES => Some(Failure::permanent(
            FailureCode::WorkerCrashed,
            format!("the item took its worker down {crashes} times when it ran alone"),
        )),
        _ => None,
    }
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
