//! Whose job goes next: owners by what they have had, an owner's jobs by rank. Pure policy.
//!
//! Start-time fair queueing. A route has a virtual time, in cost. An owner's next job may start when the owner's earlier
//! ones are paid for, or now, whichever is later: so who was away brings neither credit nor debt. The job with the
//! earliest start goes first and pushes its owner's next start back by its cost; the route's time follows the starts.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::Cost;
use crate::clock::Timestamp;

/// A job that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting<T> {
    /// What the caller wants back.
    pub job: T,
    /// Its place among its owner's jobs.
    pub rank: Timestamp,
    /// What it costs.
    pub cost: Cost,
}

/// Jobs of one owner that one limit holds: those that one key submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue<T> {
    /// How many more of them may go.
    pub quota: u64,
    /// The first of those that wait, in order.
    pub waiting: VecDeque<Waiting<T>>,
    /// Whether more may wait behind those.
    pub more: bool,
}

/// One owner's jobs that wait on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<T> {
    /// Whose.
    pub owner: String,
    /// The virtual time until which the owner's jobs are paid for.
    pub served: u64,
    /// What of the owner is with the broker.
    pub out: Cost,
    /// What waits.
    pub queues: Vec<Queue<T>>,
}

/// How much may be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What may be with the broker.
    pub window: Cost,
    /// What is there.
    pub out: Cost,
    /// The same, where of each owner no more counts than its [`seat`].
    pub crowd: Cost,
    /// How many jobs at most.
    pub limit: usize,
}

/// How much of an owner's work counts when room is made for others: an eighth of the window. So sixteen owners of large
/// jobs, or as many small jobs as two windows hold, can be with the broker at once.
pub fn seat(window: Cost) -> Cost {
    Cost::new((window.units() / 8).max(1))
}

/// What goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// These jobs.
    Go(Going<T>),
    /// It cannot be said before more is known of what waits.
    LookFurther,
}

/// Jobs that go, and how the route stands then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going<T> {
    /// The jobs, in this order.
    pub jobs: Vec<T>,
    /// Until when their owners' jobs are paid for.
    pub served: Vec<(String, u64)>,
    /// The route's virtual time.
    pub clock: u64,
    /// What is with the broker.
    pub out: Cost,
    /// Whether anybody waits still.
    pub left: bool,
    /// Owners of whom something waits for room, and for nothing else. Another job of theirs could not go either.
    pub held_up: HashSet<String>,
}

/// Chooses what goes next on a route whose virtual time is `clock`.
///
/// Once the window is used up, an owner of whom nothing is with the broker, and who is not ahead of the others, may still
/// have one job there; so a newcomer does not wait until somebody else's work has gone. That is bounded by a crowd of two
/// windows.
pub fn choose<T: Ord>(lines: Vec<Line<T>>, clock: u64, room: Room) -> Choice<T> {
    let mut lines: Vec<Start<T>> = lines.into_iter().map(|line| Start::new(line, clock)).collect();
    let mut order: BTreeSet<Turn> = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        order.extend(line.turn(index));
    }
    let (mut jobs, mut out, mut crowd, mut now) = (Vec::new(), room.out, room.crowd, clock);
    while jobs.len() < room.limit
        && let Some(turn) = order.pop_first()
    {
        let line = &mut lines[turn.line];
        let newcomer = line.line.out == Cost::default() && line.at <= now && crowd < room.window.times(2);
        let before = line.line.out.min(seat(room.window));
        if out >= room.window && !newcomer {
            // Others may be newcomers; those who come after in the order are not ahead of `now` for long.
            if turn.at > now {
                break;
            }
            continue;
        }
        let Some(taken) = line.take() else { return Choice::LookFurther };
        now = now.max(turn.at);
        out = out + taken.cost;
        crowd = crowd + line.line.out.min(seat(room.window)).less(before);
        jobs.push(taken.job);
        order.extend(lines[turn.line].turn(turn.line));
    }
    let left =
        lines.iter().flat_map(|line| &line.line.queues).any(|queue| queue.more || !queue.waiting.is_empty());
    let held_up = if out < room.window {
        HashSet::new()
    } else {
        lines.iter().filter(|line| line.is_open()).map(|line| line.line.owner.clone()).collect()
    };
    let served = lines.into_iter().filter(|line| line.went).map(|line| (line.line.owner, line.at)).collect();
    Choice::Go(Going { jobs, served, clock: now, out, left, held_up })
}

/// A line's place in the order: earliest start first, then the job that has waited longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    at: u64,
    /// None where the next job is not known: it is asked for before anybody at the same start goes.
    rank: Option<Timestamp>,
    line: usize,
}

/// A line, and when its next job may start.
struct Start<T> {
    line: Line<T>,
    at: u64,
    went: bool,
}

impl<T: Ord> Start<T> {
    fn new(line: Line<T>, clock: u64) -> Self {
        Self { at: line.served.max(clock), line, went: false }
    }

    fn turn(&self, index: usize) -> Option<Turn> {
        let open = || self.line.queues.iter().filter(|queue| queue.quota > 0);
        let unknown = open().any(|queue| queue.waiting.is_empty() && queue.more);
        let rank = open().filter_map(|queue| queue.waiting.front()).map(|first| first.rank).min();
        let rank = if unknown { None } else { Some(rank?) };
        Some(Turn { at: self.at, rank, line: index })
    }

    /// Whether a job could go if there were room.
    fn is_open(&self) -> bool {
        self.line.queues.iter().any(|queue| queue.quota > 0 && (queue.more || !queue.waiting.is_empty()))
    }

    /// The owner's next job, which is paid for by it.
    fn take(&mut self) -> Option<Waiting<T>> {
        let mut open: Vec<_> = self.line.queues.iter_mut().filter(|queue| queue.quota > 0).collect();
        if open.iter().any(|queue| queue.waiting.is_empty() && queue.more) {
            return None;
        }
        open.retain(|queue| !queue.waiting.is_empty());
        let first = open.into_iter().min_by(|one, other| {
            let (one, other) = (&one.waiting[0], &other.waiting[0]);
            (one.rank, &one.job).cmp(&(other.rank, &other.job))
        })?;
        let taken = first.waiting.pop_front()?;
        first.quota -= 1;
        self.at = self.at.saturating_add(taken.cost.units().max(1));
        self.line.out = self.line.out + taken.cost;
        self.went = true;
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
