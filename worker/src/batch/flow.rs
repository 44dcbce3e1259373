//! One owner's waiting items of one class, in two orders: by rank, by length.

use std::collections::BTreeSet;
use std::collections::btree_set::Range;
use std::iter::{Peekable, Rev};
use std::ops::Bound;

use forebay_shared::clock::Timestamp;
use forebay_shared::job::Isolation;

use super::group::Group;
use super::{CloseReason, Waiting};

/// The place by length, for finding company.
type Fit = (u32, u64);

/// Items that wait, and what their owner has had.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The cost of what has run, in the virtual time of its class.
    pub(super) served: u64,
    line: BTreeSet<(Timestamp, u64)>,
    healthy: BTreeSet<Fit>,
    suspect: BTreeSet<Fit>,
}

impl Flow {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The item that has the earliest rank, and of those the first to come.
    pub(super) fn first(&self) -> Option<u64> {
        self.line.first().map(|(_, arrival)| *arrival)
    }

    pub(super) fn insert<T>(&mut self, item: &Waiting<T>, arrival: u64) {
        self.line.insert((item.rank, arrival));
        if let Some(pool) = self.pool(item.isolation) {
            pool.insert((item.length, arrival));
        }
    }

    pub(super) fn remove<T>(&mut self, item: &Waiting<T>, arrival: u64) {
        self.line.remove(&(item.rank, arrival));
        if let Some(pool) = self.pool(item.isolation) {
            pool.remove(&(item.length, arrival));
        }
    }

    /// Its items that may run with an item of this isolation, from the nearest in length to it.
    pub(super) fn near(&self, length: u32, arrival: u64, isolation: Isolation) -> Near<'_> {
        let pool = if isolation == Isolation::None { &self.healthy } else { &self.suspect };
        let fit = (length, arrival);
        Near {
            shorter: pool.range(..fit).rev().peekable(),
            longer: pool.range((Bound::Excluded(fit), Bound::Unbounded)).peekable(),
        }
    }

    fn pool(&mut self, isolation: Isolation) -> Option<&mut BTreeSet<Fit>> {
        match isolation {
            Isolation::None => Some(&mut self.healthy),
            Isolation::Apart => Some(&mut self.suspect),
            Isolation::Alone(_) => None,
        }
    }
}

/// A flow's items on both sides of a length.
pub(super) struct Near<'a> {
    shorter: Peekable<Rev<Range<'a, Fit>>>,
    longer: Peekable<Range<'a, Fit>>,
}

impl Near<'_> {
    /// The next item to join `group`: the one that adds less padding, or the one on the other side if that does not fit.
    /// `None`: there is none left. An error says why neither joins.
    pub(super) fn take(&mut self, group: &mut Group<'_>) -> Result<Option<Fit>, CloseReason> {
        let (down, up) = (self.shorter.peek().copied().copied(), self.longer.peek().copied().copied());
        let nearer_is_down = match (down, up) {
            (Some(down), Some(up)) => group.padding_with(down.0) <= group.padding_with(up.0),
            (down, _) => down.is_some(),
        };
        let (near, far) = if nearer_is_down { (down, up) } else { (up, down) };
        let Some(near) = near else { return Ok(None) };
        let (taken, is_down) = match (group.refuses(near.0), far) {
            (None, _) => (near, nearer_is_down),
            (Some(_), Some(far)) if group.refuses(far.0).is_none() => (far, !nearer_is_down),
            (Some(reason), _) => return Err(reason),
        };
        if is_down {
            self.shorter.next()
        } else {
            self.longer.next()
        };
        group.add(taken.0);
        Ok(Some(taken))
    }
}
