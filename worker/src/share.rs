//! Bulk work's share of the device, a tenth while interactive work waits: pure policy.

use forebay_shared::job::{Class, Cost};

/// Of every ten parts of work one is bulk's, if there is any.
const BULK_PART: u64 = 10;

/// Remembers how much interactive work was done since bulk had its turn.
#[derive(Clone, Debug, Default)]
pub struct Share {
    /// Interactive cost since the last turn of bulk.
    interactive: u64,
}

impl Share {
    /// Which class goes first if both wait; `turn` is the cost of one turn.
    pub fn first(&self, turn: Cost) -> Class {
        if self.interactive >= turn.units().max(1) * (BULK_PART - 1) {
            Class::Bulk
        } else {
            Class::Interactive
        }
    }

    /// Counts work that was begun.
    pub fn spend(&mut self, class: Class, cost: Cost) {
        match class {
            Class::Interactive => self.interactive = self.interactive.saturating_add(cost.units()),
            Class::Bulk => self.interactive = self.interactive.saturating_sub(cost.units() * (BULK_PART - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_gets_a_tenth_of_a_busy_device() {
        let (mut share, turn) = (Share::default(), Cost::new(64));
        let mut bulk = 0;
        for _ in 0..1000 {
            let class = share.first(turn);
            bulk += u32::from(class == Class::Bulk);
            share.spend(class, turn);
        }
        assert!((95..=105).contains(&bulk), "{bulk} of 1000 turns");
    }

    #[test]
    fn idle_time_given_to_bulk_is_not_held_against_it() {
        let (mut share, turn) = (Share::default(), Cost::new(64));
        share.spend(Class::Bulk, Cost::new(1_000_000));
        assert_eq!(share.first(turn), Class::Interactive);
        share.spend(Class::Interactive, Cost::new(64 * 9));
        assert_eq!(share.first(turn), Class::Bulk);
    }
}
