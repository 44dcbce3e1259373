//! Which waiting items run together: pure policy, given the present instant.
//!
//! The item that must go next is the anchor; items of the nearest lengths join it until the budget is used up or padding
//! would cost more than another run. So padding stays small, and nothing waits longer than its order says. Suspects of a
//! crash run apart from healthy items, or alone.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

pub use forebay_shared::job::CloseReason;
use forebay_shared::job::{Class, Cost, Isolation};

use crate::share::Share;

/// What one batch may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Its padded cost: the longest item's length times the number of items.
    pub cost: u64,
    /// How many items.
    pub items: usize,
    /// The share of padding that is cheaper than another run, 0…1.
    pub padding: f64,
    /// Padding that is always cheaper than another run: what a run costs besides its items, in units of cost.
    pub slack: u64,
    /// How long an item may wait for company. Zero: work departs as soon as the device is free.
    pub max_wait: Duration,
}

/// An item that waits.
#[derive(Clone, Debug)]
pub struct Waiting<T> {
    /// What the caller wants back.
    pub payload: T,
    /// Its length: tokens, or 1 where all items are alike.
    pub length: u32,
    /// Its job's class.
    pub class: Class,
    /// Its job's priority, higher first.
    pub priority: i16,
    /// What it may run with.
    pub isolation: Isolation,
    /// Since when it waits.
    pub since: Instant,
}

/// Items that run together.
#[derive(Debug)]
pub struct Batch<T> {
    /// The items, shortest first.
    pub items: Vec<Waiting<T>>,
    /// The longest one's length.
    pub longest: u32,
    /// Why no more joined.
    pub closed: CloseReason,
    /// Whether its items are suspects.
    pub isolation: Isolation,
}

/// What to do now.
#[derive(Debug)]
pub enum Next<T> {
    /// Run this.
    Depart(Batch<T>),
    /// Ask again at this instant, or when something changes.
    Wait(Instant),
    /// Ask again when something changes.
    Nothing,
}

impl<T> Batch<T> {
    /// Real cost and padded cost.
    pub fn costs(&self) -> (u64, u64) {
        let real = self.items.iter().map(|item| u64::from(item.length)).sum();
        (real, u64::from(self.longest) * self.items.len() as u64)
    }
}

/// The place in line: class, then priority, then arrival.
type Place = (Class, i32, u64);
/// The place by length, for finding company.
type Fit = (u32, u64);

/// Items that wait, and the policy that forms batches of them.
#[derive(Debug)]
pub struct Batcher<T> {
    budget: Budget,
    items: HashMap<u64, Waiting<T>>,
    line: BTreeSet<Place>,
    healthy: BTreeSet<Fit>,
    suspect: BTreeSet<Fit>,
    arrivals: u64,
    share: Share,
}

impl<T> Batcher<T> {
    /// Nothing waits yet.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            items: HashMap::new(),
            line: BTreeSet::new(),
            healthy: BTreeSet::new(),
            suspect: BTreeSet::new(),
            arrivals: 0,
            share: Share::default(),
        }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item at the end of its line.
    pub fn push(&mut self, item: Waiting<T>) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.line.insert(place(&item, arrival));
        if let Some(pool) = self.pool(item.isolation) {
            pool.insert((item.length, arrival));
        }
        self.items.insert(arrival, item);
    }

    /// Takes out the items that `unwanted` names.
    pub fn remove(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let gone: Vec<u64> = self
            .items
            .iter()
            .filter(|(_, item)| unwanted(&item.payload))
            .map(|(arrival, _)| *arrival)
            .collect();
        gone.into_iter().filter_map(|arrival| self.take(arrival)).map(|item| item.payload).collect()
    }

    /// The next batch. While the device is not `idle`, only a healthy one departs that could not grow any further, or
    /// whose place another can take at once.
    pub fn next(&mut self, now: Instant, idle: bool) -> Next<T> {
        let Some(anchor) = self.anchor() else { return Next::Nothing };
        let (members, closed) = self.company(anchor);
        let full = matches!(closed, CloseReason::Budget | CloseReason::Items | CloseReason::Alone);
        // Closed by padding, it could still grow by an item of the right length; with as many again behind it, that is
        // not worth an idle device.
        let followed = closed == CloseReason::Padding && self.healthy.len() >= 2 * members.len();
        if !idle && (!(full || followed) || self.items[&anchor].isolation != Isolation::None) {
            return Next::Nothing;
        }
        let departs_at = self.items[&anchor].since + self.budget.max_wait;
        if !full && now < departs_at {
            return Next::Wait(departs_at);
        }
        let isolation = self.items[&anchor].isolation;
        let class = self.items[&anchor].class;
        let mut items: Vec<_> = members.into_iter().filter_map(|arrival| self.take(arrival)).collect();
        items.sort_by_key(|item| item.length);
        let longest = items.last().map_or(0, |item| item.length);
        self.share.spend(class, Cost::new(u64::from(longest) * items.len() as u64));
        Next::Depart(Batch { items, longest, closed, isolation })
    }

    /// The item that must go next: the first of the class whose turn it is.
    fn anchor(&self) -> Option<u64> {
        let first = self.line.first()?;
        let turn = self.share.first(Cost::new(self.budget.cost));
        let bulk = self.line.range((Class::Bulk, i32::MIN, 0)..).next();
        let place = if turn == Class::Bulk { bulk.unwrap_or(first) } else { first };
        Some(place.2)
    }

    /// Who runs with the anchor, and why nobody else does.
    fn company(&self, anchor: u64) -> (Vec<u64>, CloseReason) {
        let first = &self.items[&anchor];
        let pool = match first.isolation {
            Isolation::None => &self.healthy,
            Isolation::Apart => &self.suspect,
            Isolation::Alone(_) => return (vec![anchor], CloseReason::Alone),
        };
        let mut group = Group::of(first.length, &self.budget);
        let mut members = vec![anchor];
        let fit = (first.length, anchor);
        let mut shorter = pool.range(..fit).rev().copied().peekable();
        let mut longer = pool.range(fit..).skip(1).copied().peekable();
        let mut closed = CloseReason::Drained;
        loop {
            // The side whose next item adds less padding; the other one if that does not fit.
            let (down, up) = (shorter.peek().copied(), longer.peek().copied());
            let nearer_is_down = match (down, up) {
                (Some(down), Some(up)) => group.padding_with(down.0) <= group.padding_with(up.0),
                (down, _) => down.is_some(),
            };
            let (near, far) = if nearer_is_down { (down, up) } else { (up, down) };
            let Some(near) = near else { break };
            match group.refuses(near.0) {
                None => {
                    group.add(near.0);
                    members.push(near.1);
                    if nearer_is_down {
                        shorter.next()
                    } else {
                        longer.next()
                    };
                }
                Some(reason) => {
                    if let Some(far) = far.filter(|far| group.refuses(far.0).is_none()) {
                        group.add(far.0);
                        members.push(far.1);
                        if nearer_is_down {
                            longer.next()
                        } else {
                            shorter.next()
                        };
                    } else {
                        closed = reason;
                        break;
                    }
                }
            }
        }
        (members, closed)
    }

    fn take(&mut self, arrival: u64) -> Option<Waiting<T>> {
        let item = self.items.remove(&arrival)?;
        self.line.remove(&place(&item, arrival));
        if let Some(pool) = self.pool(item.isolation) {
            pool.remove(&(item.length, arrival));
        }
        Some(item)
    }

    fn pool(&mut self, isolation: Isolation) -> Option<&mut BTreeSet<Fit>> {
        match isolation {
            Isolation::None => Some(&mut self.healthy),
            Isolation::Apart => Some(&mut self.suspect),
            Isolation::Alone(_) => None,
        }
    }
}

fn place<T>(item: &Waiting<T>, arrival: u64) -> Place {
    (item.class, -i32::from(item.priority), arrival)
}

/// A batch in the making.
struct Group<'a> {
    budget: &'a Budget,
    count: u64,
    longest: u64,
    real: u64,
}

impl<'a> Group<'a> {
    fn of(length: u32, budget: &'a Budget) -> Self {
        Self { budget, count: 1, longest: u64::from(length), real: u64::from(length) }
    }

    /// How much padding there is once an item of this length has joined.
    fn padding_with(&self, length: u32) -> u64 {
        let length = u64::from(length);
        self.longest.max(length) * (self.count + 1) - (self.real + length)
    }

    fn refuses(&self, length: u32) -> Option<CloseReason> {
        let padded = self.longest.max(u64::from(length)) * (self.count + 1);
        let padding = self.padding_with(length);
        if self.count >= self.budget.items as u64 {
            return Some(CloseReason::Items);
        }
        let bearable = (self.budget.padding * padded as f64).max(self.budget.slack as f64);
        if padding as f64 > bearable {
            return Some(CloseReason::Padding);
        }
        (padded > self.budget.cost).then_some(CloseReason::Budget)
    }

    fn add(&mut self, length: u32) {
        self.count += 1;
        self.longest = self.longest.max(u64::from(length));
        self.real += u64::from(length);
    }
}

#[cfg(test)]
mod tests;
