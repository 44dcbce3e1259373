//! What one replica holds of a subject's limit, and spends without asking.
//!
//! A lease is as large as the last one was used: it doubles while leases are used up, up to a quarter of a second of the
//! rate, and shrinks to what was spent when one lapses. So a busy subject costs four statements a second of each replica, a
//! rare one a statement for each time it comes, and little is ever left to lapse. Whoever was refused is not asked for again
//! before the store could grant it.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Ask, Lease, Rate, Standing, instant};
use crate::clock::Timestamp;

/// How long leased units may be spent: by this much of the rate replicas may exceed a limit together.
pub const LIFE: Duration = Duration::from_secs(1);
/// What a lease is worth at most.
const SHARE: Duration = Duration::from_millis(250);
/// Once no more than this part of a lease is left, the next is taken before somebody has to wait for it.
const LOW: u64 = 4;

/// What one replica holds of a subject's limit.
#[derive(Clone, Debug)]
pub struct Purse {
    rate: Rate,
    /// Leases with units left, the oldest first.
    leases: VecDeque<Held>,
    /// The subject's arrival as the store last said.
    tat: Duration,
    /// Units of the next lease, unless more are needed.
    size: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    took: u64,
    left: u64,
    at: Timestamp,
}

/// What became of a wish to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It is paid.
    Paid,
    /// Only the store can say: [`Purse::ask`] it.
    Short,
    /// It was not granted, and will not be before this has passed.
    Refused(Duration),
}

impl Purse {
    /// An empty purse.
    pub fn new(rate: Rate) -> Self {
        Self { rate, leases: VecDeque::new(), tat: Duration::ZERO, size: 1 }
    }

    /// The limit.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Spends `units`, all or none. No more than the burst can ever be had.
    pub fn spend(&mut self, units: u64, now: Timestamp) -> Spent {
        self.forget_lapsed(now);
        let left = self.left();
        if units <= left {
            self.take(units);
            return Spent::Paid;
        }
        let earliest = self.rate.earliest(self.tat, units - left);
        if earliest <= now {
            return Spent::Short;
        }
        // What is held now may have lapsed by then.
        let lapses = self.leases.front().map(|oldest| oldest.at.plus(LIFE));
        let earliest = match lapses {
            Some(lapses) if lapses <= earliest => self.rate.earliest(self.tat, units),
            _ => earliest,
        };
        Spent::Refused(earliest.since(now))
    }

    /// What to ask the store for, so that `units` can be spent; `crowd` is what others wait for at the same time. No more is
    /// wanted than the store had when it was asked last, and has got back since.
    pub fn ask(&self, units: u64, crowd: u64, now: Timestamp) -> Ask {
        let need = units.saturating_sub(self.left()).clamp(1, self.rate.burst());
        let want = need.saturating_add(crowd).max(self.size).min(self.more(now)).max(need);
        Ask { rate: self.rate, need, want }
    }

    /// The lease that is taken while the last still pays: if that is nearly used up, small ones would not do, and the store
    /// may have one.
    pub fn ask_ahead(&self, now: Timestamp) -> Option<Ask> {
        let want = self.size.saturating_mul(2).min(self.largest()).min(self.rate.burst());
        let low = self.size >= LOW && self.left() <= self.size / LOW;
        let granted = self.rate.earliest(self.tat, want) <= now;
        (low && granted).then_some(Ask { rate: self.rate, need: want, want })
    }

    /// Takes in what the store answered to a question of `asked_at`.
    pub fn receive(&mut self, lease: Lease, asked_at: Timestamp) {
        self.tat = lease.tat;
        if lease.took > 0 {
            self.leases.push_back(Held { took: lease.took, left: lease.took, at: asked_at });
        }
    }

    /// How the subject stands, as far as this replica knows.
    pub fn standing(&mut self, now: Timestamp) -> Standing {
        self.forget_lapsed(now);
        let limit = self.rate.burst();
        let remaining = self.left().saturating_add(self.more(now)).min(limit);
        // What is held and not spent lapses, so nothing is certain to come back before the arrival.
        let back = self.rate.earliest(self.tat, limit).since(now);
        let reset = if remaining == limit { Duration::ZERO } else { back };
        Standing { limit, remaining, reset }
    }

    fn left(&self) -> u64 {
        self.leases.iter().map(|held| held.left).sum()
    }

    /// Units that the store may still have.
    fn more(&self, now: Timestamp) -> u64 {
        let ahead = self.tat.saturating_sub(instant(now));
        self.rate.units_in(self.rate.reach().saturating_sub(ahead)).min(self.rate.burst())
    }

    fn take(&mut self, mut units: u64) {
        while let Some(oldest) = self.leases.front_mut() {
            let some = units.min(oldest.left);
            oldest.left -= some;
            units -= some;
            if oldest.left > 0 {
                return;
            }
            self.size = oldest.took.saturating_mul(2).min(self.largest());
            self.leases.pop_front();
        }
    }

    fn largest(&self) -> u64 {
        self.rate.units_in(SHARE).max(1)
    }

    /// Drops leases that are over, and whatever a clock that was set back has put into the future.
    fn forget_lapsed(&mut self, now: Timestamp) {
        while let Some(oldest) = self.leases.front()
            && !(oldest.at..oldest.at.plus(LIFE)).contains(&now)
        {
            self.size = (oldest.took - oldest.left).clamp(1, self.largest());
            self.leases.pop_front();
        }
        // No arrival lies further ahead than the reach, unless the clock was set back; then the store knows better.
        if self.tat > instant(now) + self.rate.reach() {
            self.tat = Duration::ZERO;
        }
    }
}
