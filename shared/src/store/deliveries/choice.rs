//! Which deliveries go next: pure policy.
//!
//! Whoever has least under way comes first, owner by owner, then receiver by receiver, then by age. So a receiver that is
//! dead holds no more than its few places, and even an owner of many such ones keeps nobody else waiting for longer than
//! it takes to give up on one.

use std::collections::{HashMap, VecDeque};

use super::Room;
use crate::clock::Timestamp;
use crate::id::DeliveryId;

/// What waits for one receiver of one owner's.
#[derive(Clone, Debug)]
pub(in crate::store) struct Waiting {
    /// Whose it is.
    pub(in crate::store) owner: String,
    /// How many are under way to it.
    pub(in crate::store) under_way: u32,
    /// What is due, the oldest first; no more than may be under way.
    pub(in crate::store) due: VecDeque<(Timestamp, DeliveryId)>,
}

/// Chooses among all that waits.
pub(in crate::store) fn choose(mut waiting: Vec<Waiting>, room: Room) -> Vec<DeliveryId> {
    let mut of_owner: HashMap<String, u32> = HashMap::new();
    for receiver in &waiting {
        *of_owner.entry(receiver.owner.clone()).or_default() += receiver.under_way;
    }
    let mut chosen = Vec::new();
    while chosen.len() < room.here as usize {
        let open = waiting.iter_mut().filter_map(|receiver| {
            let owners = of_owner.get(&receiver.owner).copied().unwrap_or(0);
            let free = owners < room.per_owner && receiver.under_way < room.per_receiver;
            let oldest = receiver.due.front().copied().filter(|_| free)?;
            Some(((owners, receiver.under_way, oldest), receiver))
        });
        let Some((_, receiver)) = open.min_by_key(|(rank, _)| *rank) else { break };
        chosen.extend(receiver.due.pop_front().map(|(_, id)| id));
        receiver.under_way += 1;
        *of_owner.entry(receiver.owner.clone()).or_default() += 1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Ids;

    const ROOM: Room = Room { here: 64, per_owner: 16, per_receiver: 4 };

    fn waiting(owner: &str, under_way: u32, due: u32, age: i64) -> Waiting {
        let due = (0..due).map(|n| (Timestamp::from_micros(i64::from(n) - age), Ids::system().delivery()));
        Waiting { owner: owner.to_owned(), under_way, due: due.collect() }
    }

    #[test]
    fn a_receiver_and_an_owner_have_no_more_than_their_places() {
        assert_eq!(choose(vec![waiting("a", 0, 100, 0)], ROOM).len(), 4);
        assert_eq!(choose(vec![waiting("a", 3, 100, 0)], ROOM).len(), 1);
        assert_eq!(choose((0..100).map(|_| waiting("a", 0, 9, 0)).collect(), ROOM).len(), 16);
        let owners = (0..100).map(|n| waiting(&format!("owner {n}"), 0, 9, 0));
        assert_eq!(choose(owners.collect(), ROOM).len(), 64);
    }

    #[test]
    fn who_has_nothing_under_way_goes_before_who_has_waited_longer() {
        let (dead, fresh) = (waiting("a", 3, 10, 1_000_000), waiting("a", 0, 1, 0));
        let first = fresh.due[0].1;
        let one = Room { here: 1, ..ROOM };
        assert_eq!(choose(vec![dead.clone(), fresh], one), [first]);
        let other = waiting("b", 0, 1, 0);
        let first = other.due[0].1;
        assert_eq!(choose(vec![dead, other], one), [first]);
    }

    #[test]
    fn the_oldest_goes_first_among_equals() {
        let lane = waiting("a", 0, 3, 0);
        let expected: Vec<_> = lane.due.iter().map(|(_, id)| *id).collect();
        assert_eq!(choose(vec![lane], ROOM), expected);
    }

    proptest! {
        #[test]
        fn no_bound_is_ever_passed(lanes in proptest::collection::vec((0u8..4, 0u32..6, 0u32..8), 0..40), here in 0u32..80) {
            let lanes: Vec<_> = lanes
                .into_iter()
                .map(|(owner, under_way, due)| waiting(&owner.to_string(), under_way, due, 0))
                .collect();
            let chosen = choose(lanes.clone(), Room { here, ..ROOM });
            prop_assert!(chosen.len() <= here as usize);
            let mut of_owner: HashMap<String, (u32, u32)> = HashMap::new();
            for lane in &lanes {
                let granted = lane.due.iter().filter(|(_, id)| chosen.contains(id)).fold(0, |sum, _| sum + 1);
                prop_assert!(granted == 0 || lane.under_way + granted <= ROOM.per_receiver);
                let (before, after) = of_owner.entry(lane.owner.clone()).or_default();
                *before += lane.under_way;
                *after += lane.under_way + granted;
            }
            for (before, after) in of_owner.into_values() {
                prop_assert!(after <= ROOM.per_owner.max(before));
            }
        }
    }
}
