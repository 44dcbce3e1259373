//! Limits that replicas share.

use std::time::Duration;

use super::Ground;
use crate::clock::Clock;
use crate::rate::{Ask, Lease, Rate, instant};

const SECOND: Duration = Duration::from_secs(1);

fn ask(rate: &str, need: u64, want: u64) -> Ask {
    Ask { rate: rate.parse().unwrap(), need, want }
}

async fn took(ground: &Ground, name: &str, ask: Ask) -> u64 {
    ground.store.lease_rate(name, ask).await.unwrap().took
}

pub async fn a_burst_is_leased_once_and_comes_back_with_time(ground: &Ground) {
    let whole = ask("10/s burst 20", 20, 20);
    assert_eq!(took(ground, "alice", whole).await, 20);
    assert_eq!(took(ground, "alice", ask("10/s burst 20", 1, 1)).await, 0);
    ground.clock.advance(SECOND);
    assert_eq!(took(ground, "alice", ask("10/s burst 20", 11, 11)).await, 0);
    assert_eq!(took(ground, "alice", ask("10/s burst 20", 10, 10)).await, 10);
    ground.clock.advance(SECOND * 100);
    assert_eq!(took(ground, "alice", whole).await, 20, "who rests has no more than the burst");
    assert_eq!(took(ground, "alice", ask("10/s burst 20", 1, 1)).await, 0);
}

pub async fn who_cannot_have_what_it_wants_has_what_it_needs(ground: &Ground) {
    assert_eq!(took(ground, "alice", ask("10/s", 1, 8)).await, 8);
    assert_eq!(took(ground, "alice", ask("10/s", 1, 8)).await, 1);
    assert_eq!(took(ground, "alice", ask("10/s", 2, 8)).await, 0);
    assert_eq!(took(ground, "alice", ask("10/s", 1, 1)).await, 1);
}

pub async fn subjects_do_not_share_limits(ground: &Ground) {
    let whole = ask("10/s", 10, 10);
    assert_eq!(took(ground, "alice", whole).await, 10);
    assert_eq!(took(ground, "bob", whole).await, 10);
    assert_eq!(took(ground, "alice", whole).await, 0);
}

pub async fn callers_at_once_get_no_more_than_one_would(ground: &Ground) {
    let rate: Rate = "100/s".parse().unwrap();
    let asks = (0..50).map(|_| took(ground, "alice", Ask { rate, need: 1, want: 7 }));
    let taken: u64 = futures::future::join_all(asks).await.into_iter().sum();
    assert_eq!(taken, 100);
}

pub async fn a_clock_that_was_set_back_costs_one_burst(ground: &Ground) {
    assert_eq!(took(ground, "alice", ask("10/s", 10, 10)).await, 10);
    ground.clock.set_back(Duration::from_hours(5));
    assert_eq!(took(ground, "alice", ask("10/s", 1, 1)).await, 0);
    ground.clock.advance(SECOND);
    assert_eq!(took(ground, "alice", ask("10/s", 10, 10)).await, 10);
}

/// The statement and the policy are two ways to say the same.
pub async fn leases_are_granted_as_the_policy_says(ground: &Ground) {
    let rates = ["10/s burst 20", "30/min", "7/s burst 3", "3000000/s", "10/s"];
    let mut tat = None;
    for turn in 0..200_u64 {
        // Pauses and numbers without a pattern, the same in every run; now and then the clock is set back.
        let chance = turn.wrapping_mul(2_654_435_761) >> 7;
        let rate: Rate = rates[usize::try_from(turn / 40).unwrap()].parse().unwrap();
        match chance % 17 {
            0 => ground.clock.set_back(Duration::from_secs(chance % 30)),
            _ => ground.clock.advance(Duration::from_millis(chance % 400)),
        }
        let want = 1 + chance % rate.burst();
        let ask = Ask { rate, need: 1 + chance % want, want };
        let now = ground.clock.now();
        let lease = ground.store.lease_rate("alice", ask).await.unwrap();
        assert_eq!(lease, ask.answer(tat.unwrap_or_default(), now), "{turn}");
        tat = Some(lease.tat);
    }
}

pub async fn who_has_all_of_its_limit_is_forgotten_and_nobody_else(ground: &Ground) {
    assert_eq!(took(ground, "alice", ask("10/s", 5, 5)).await, 5);
    assert_eq!(took(ground, "bob", ask("10/s", 10, 10)).await, 10);
    assert_eq!(ground.store.forget_idle_rates().await.unwrap(), 0);
    ground.clock.advance(SECOND / 2);
    assert_eq!(ground.store.forget_idle_rates().await.unwrap(), 1);
    assert_eq!(took(ground, "bob", ask("10/s", 6, 6)).await, 0, "bob is remembered");
    let Lease { took, tat } = ground.store.lease_rate("alice", ask("10/s", 10, 10)).await.unwrap();
    assert_eq!((took, tat), (10, instant(ground.clock.now()) + SECOND));
}
