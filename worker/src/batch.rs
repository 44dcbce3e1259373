//! Which waiting items run together: pure policy, given the present instant.
//!
//! The item that must go next is the anchor; items of the nearest lengths join it until the budget is used up or padding
//! would cost more than another run. So padding stays small, and nothing waits longer than its order says. Owners share
//! the device by cost: whoever has had least gives the anchor, and is asked first for each item that joins. Suspects of a
//! crash run apart from healthy items, or alone.

mod flow;
mod group;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::clock::Timestamp;
pub use forebay_shared::job::CloseReason;
use forebay_shared::job::{Class, Cost, Isolation};

use crate::bucket;
use crate::share::Share;
use flow::{Flow, Near};
use group::Group;

/// What one batch may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Its padded cost: the longest item's padded length times the number of items.
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
    /// Its job's owner.
    pub owner: Arc<str>,
    /// Its job's place among its owner's, the earlier the sooner.
    pub rank: Timestamp,
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
        (real, u64::from(bucket::padded(self.longest)) * self.items.len() as u64)
    }
}

/// Whose turn it is: class, then what the owner has had, then the owner's name.
type Turn = (Class, u64, Arc<str>);

/// Items that wait, and the policy that forms batches of them.
#[derive(Debug)]
pub struct Batcher<T> {
    budget: Budget,
    items: HashMap<u64, Waiting<T>>,
    flows: HashMap<(Class, Arc<str>), Flow>,
    /// The flows that have items.
    turns: BTreeSet<Turn>,
    /// Of each class, what those had had whose item was the last anchor: whoever comes anew begins there.
    clocks: [u64; 2],
    healthy: usize,
    arrivals: u64,
    share: Share,
}

impl<T> Batcher<T> {
    /// Nothing waits yet.
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            items: HashMap::new(),
            flows: HashMap::new(),
            turns: BTreeSet::new(),
            clocks: [0; 2],
            healthy: 0,
            arrivals: 0,
            share: Share::default(),
        }
    }

    /// From now on a batch costs no more than this: the device had too little memory for a larger one.
    pub fn lower(&mut self, ceiling: u64) {
        self.budget.cost = self.budget.cost.min(ceiling.max(1));
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item to its owner's line.
    pub fn push(&mut self, item: Waiting<T>) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        let flow = self.flows.entry((item.class, item.owner.clone())).or_default();
        if flow.is_empty() {
            // Who was away brings neither credit nor debt.
            flow.served = flow.served.max(self.clocks[item.class as usize]);
            self.turns.insert((item.class, flow.served, item.owner.clone()));
        }
        flow.insert(&item, arrival);
        self.healthy += usize::from(item.isolation == Isolation::None);
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
        gone.into_iter().filter_map(|arrival| self.take(arrival, 0)).map(|item| item.payload).collect()
    }

    /// The next batch. While the device is not `idle`, only a healthy one departs that could not grow any further, or
    /// whose place another can take at once.
    pub fn next(&mut self, now: Instant, idle: bool) -> Next<T> {
        let Some((anchor, served)) = self.anchor() else { return Next::Nothing };
        let (members, closed) = self.company(anchor);
        let full = matches!(closed, CloseReason::Budget | CloseReason::Items | CloseReason::Alone);
        // Closed by padding, it could still grow by an item of the right length; with as many again behind it, that is
        // not worth an idle device.
        let followed = closed == CloseReason::Padding && self.healthy >= 2 * members.len();
        if !idle && (!(full || followed) || self.items[&anchor].isolation != Isolation::None) {
            return Next::Nothing;
        }
        let departs_at = self.items[&anchor].since + self.budget.max_wait;
        if !full && now < departs_at {
            return Next::Wait(departs_at);
        }
        let isolation = self.items[&anchor].isolation;
        let class = self.items[&anchor].class;
        self.clocks[class as usize] = self.clocks[class as usize].max(served);
        let mut items: Vec<_> = members
            .into_iter()
            .filter_map(|arrival| self.take(arrival, u64::from(self.items[&arrival].length)))
            .collect();
        let clocks = self.clocks;
        self.flows.retain(|(class, _), flow| !flow.is_empty() || flow.served > clocks[*class as usize]);
        items.sort_by_key(|item| item.length);
        let longest = items.last().map_or(0, |item| item.length);
        let batch = Batch { items, longest, closed, isolation };
        self.share.spend(class, Cost::new(batch.costs().1));
        Next::Depart(batch)
    }

    /// The item that must go next, and what its owner has had: of the class whose turn it is, the first of the owner who
    /// has had least.
    fn anchor(&self) -> Option<(u64, u64)> {
        let first = self.turns.first()?;
        let turn = self.share.first(Cost::new(self.budget.cost));
        let bulk = self.of_class(Class::Bulk).next();
        let (class, served, owner) = if turn == Class::Bulk { bulk.unwrap_or(first) } else { first };
        Some((self.flows[&(*class, owner.clone())].first()?, *served))
    }

    /// A class's turns, in order.
    fn of_class(&self, class: Class) -> impl Iterator<Item = &Turn> {
        self.turns.range((class, 0, Arc::from(""))..).take_while(move |turn| turn.0 == class)
    }

    /// Who runs with the anchor, and why nobody else does.
    fn company(&self, anchor: u64) -> (Vec<u64>, CloseReason) {
        let first = &self.items[&anchor];
        if let Isolation::Alone(_) = first.isolation {
            return (vec![anchor], CloseReason::Alone);
        }
        let mut group = Group::of(first.length, &self.budget);
        let mut members = vec![anchor];
        let mut closed = CloseReason::Drained;
        let classes = match first.class {
            Class::Interactive => [Class::Interactive, Class::Bulk],
            Class::Bulk => [Class::Bulk, Class::Interactive],
        };
        for class in classes {
            let mut turns = self.of_class(class).peekable();
            // Those who have been asked, by what they have had with this batch.
            let mut asked: BTreeSet<(u64, usize)> = BTreeSet::new();
            let mut near: Vec<Near<'_>> = Vec::new();
            loop {
                let fresh = turns.peek().map(|turn| turn.1);
                let again = asked.first().map(|(served, _)| *served);
                let (served, place) = match (fresh, again) {
                    (Some(fresh), again) if again.is_none_or(|again| fresh <= again) => {
                        let Some((class, served, owner)) = turns.next() else { break };
                        let flow = &self.flows[&(*class, owner.clone())];
                        let is_anchors = *class == first.class && *owner == first.owner;
                        near.push(flow.near(first.length, anchor, first.isolation));
                        (served + if is_anchors { u64::from(first.length) } else { 0 }, near.len() - 1)
                    }
                    (_, Some(_)) => {
                        let Some(asked) = asked.pop_first() else { break };
                        asked
                    }
                    (_, None) => break,
                };
                match near[place].take(&mut group) {
                    Ok(Some((length, arrival))) => {
                        members.push(arrival);
                        asked.insert((served + u64::from(length), place));
                    }
                    Ok(None) => {}
                    Err(reason) => {
                        closed = reason;
                        if group.is_full() {
                            return (members, closed);
                        }
                    }
                }
            }
        }
        (members, closed)
    }

    /// Takes an item out of the line; its owner has had so much more.
    fn take(&mut self, arrival: u64, cost: u64) -> Option<Waiting<T>> {
        let item = self.items.remove(&arrival)?;
        let key = (item.class, item.owner.clone());
        if let Some(flow) = self.flows.get_mut(&key) {
            self.turns.remove(&(item.class, flow.served, item.owner.clone()));
            flow.remove(&item, arrival);
            flow.served += cost;
            if !flow.is_empty() {
                self.turns.insert((item.class, flow.served, item.owner.clone()));
            }
        }
        self.healthy -= usize::from(item.isolation == Isolation::None);
        Some(item)
    }
}

#[cfg(test)]
mod tests;
