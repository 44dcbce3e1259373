use proptest::prelude::*;

use super::*;

const BUDGET: Budget = Budget { cost: 100, items: 8, padding: 0.2, slack: 0, max_wait: Duration::ZERO };

fn item(payload: u32, length: u32) -> Waiting<u32> {
    Waiting {
        payload,
        length,
        class: Class::Interactive,
        owner: "alice".into(),
        rank: Timestamp::from_micros(0),
        isolation: Isolation::None,
        since: Instant::now(),
    }
}

fn batcher(items: impl IntoIterator<Item = Waiting<u32>>) -> Batcher<u32> {
    let mut batcher = Batcher::new(BUDGET);
    items.into_iter().for_each(|item| batcher.push(item));
    batcher
}

fn depart(batcher: &mut Batcher<u32>) -> (Vec<u32>, CloseReason) {
    match batcher.next(Instant::now(), true) {
        Next::Depart(batch) => (batch.items.into_iter().map(|item| item.payload).collect(), batch.closed),
        other => panic!("a batch was meant: {other:?}"),
    }
}

#[test]
fn items_of_like_length_run_together() {
    let mut batcher = batcher([item(0, 10), item(1, 48), item(2, 10), item(3, 46), item(4, 11)]);
    assert_eq!(depart(&mut batcher), (vec![0, 2, 4], CloseReason::Padding));
    assert_eq!(depart(&mut batcher), (vec![3, 1], CloseReason::Drained));
    assert!(batcher.is_empty());
}

#[test]
fn the_first_to_come_is_always_in_the_next_batch() {
    let mut batcher = batcher([item(0, 90), item(1, 10), item(2, 10), item(3, 10)]);
    assert_eq!(depart(&mut batcher).0, [0]);
    assert_eq!(depart(&mut batcher).0, [1, 2, 3]);
}

#[test]
fn a_batch_stops_at_its_budget() {
    let mut batcher = batcher((0..7).map(|n| item(n, 30)));
    assert_eq!(depart(&mut batcher), (vec![0, 1, 2], CloseReason::Budget));
}

#[test]
fn a_batch_stops_at_its_number_of_items() {
    let mut batcher = batcher((0..20).map(|n| item(n, 1)));
    assert_eq!(depart(&mut batcher), ((0..8).collect(), CloseReason::Items));
}

#[test]
fn an_item_over_the_budget_runs_alone_and_never_loops() {
    let mut batcher = batcher([item(0, 1000), item(1, 990)]);
    assert_eq!(depart(&mut batcher), (vec![0], CloseReason::Budget));
    assert_eq!(depart(&mut batcher), (vec![1], CloseReason::Drained));
}

#[test]
fn a_little_padding_is_cheaper_than_another_run() {
    let mut batcher = Batcher::new(Budget { slack: 12, ..BUDGET });
    for (payload, length) in [(0, 4), (1, 10), (2, 9)] {
        batcher.push(item(payload, length));
    }
    assert_eq!(depart(&mut batcher), (vec![0, 2, 1], CloseReason::Drained));
}

#[test]
fn while_the_device_is_busy_a_batch_closed_by_padding_departs_only_if_as_many_wait_behind_it() {
    let busy = |batcher: &mut Batcher<u32>| matches!(batcher.next(Instant::now(), false), Next::Depart(_));
    let mut short = batcher([item(0, 4), item(1, 4), item(2, 40)]);
    assert!(!busy(&mut short), "the next to come may be a short one");
    short.push(item(3, 40));
    assert!(busy(&mut short));
}

#[test]
fn rank_goes_before_arrival_and_interactive_before_bulk() {
    let urgent_since = Timestamp::from_micros(-300_000_000);
    let bulk = Waiting { class: Class::Bulk, rank: urgent_since, ..item(0, 90) };
    let early = item(1, 50);
    let urgent = Waiting { rank: urgent_since, ..item(2, 20) };
    let mut batcher = batcher([bulk, early, urgent]);
    assert_eq!(depart(&mut batcher).0, [2]);
    assert_eq!(depart(&mut batcher).0, [1]);
    assert_eq!(depart(&mut batcher).0, [0]);
}

#[test]
fn bulk_fills_what_interactive_leaves_free() {
    let mut batcher = batcher([Waiting { class: Class::Bulk, ..item(0, 30) }, item(1, 30)]);
    assert_eq!(depart(&mut batcher).0, [1, 0], "one batch, the anchor first");
}

#[test]
fn bulk_is_not_starved() {
    let mut batcher = batcher([Waiting { class: Class::Bulk, ..item(1000, 90) }]);
    let ran_after = (0..100)
        .find(|n| {
            batcher.push(item(*n, 1));
            (0..99).for_each(|_| batcher.push(item(*n, 1)));
            (0..12).any(|_| depart(&mut batcher).0.contains(&1000))
        })
        .expect("bulk has its turn");
    assert!(ran_after < 12, "after {ran_after} rounds");
}

#[test]
fn suspects_run_apart_from_the_healthy() {
    let suspect = |n| Waiting { isolation: Isolation::Apart, ..item(n, 10) };
    let mut batcher = batcher([suspect(0), item(1, 10), suspect(2), item(3, 10)]);
    assert_eq!(depart(&mut batcher).0, [0, 2]);
    assert_eq!(depart(&mut batcher).0, [1, 3]);
}

#[test]
fn a_strong_suspect_runs_alone() {
    let alone = |n| Waiting { isolation: Isolation::Alone(1), ..item(n, 10) };
    let mut batcher = batcher([alone(0), alone(1), item(2, 10)]);
    assert_eq!(depart(&mut batcher), (vec![0], CloseReason::Alone));
    assert_eq!(depart(&mut batcher), (vec![1], CloseReason::Alone));
    assert_eq!(depart(&mut batcher).0, [2]);
}

#[test]
fn while_the_device_is_busy_only_a_full_batch_departs() {
    let now = Instant::now();
    let mut batcher = batcher((0..3).map(|n| item(n, 30)));
    assert!(matches!(batcher.next(now, false), Next::Nothing));
    batcher.push(item(3, 30));
    assert!(matches!(batcher.next(now, false), Next::Depart(batch) if batch.closed == CloseReason::Budget));
}

#[test]
fn a_configured_wait_is_kept_unless_the_batch_is_full() {
    let wait = Duration::from_millis(5);
    let mut batcher = Batcher::new(Budget { max_wait: wait, ..BUDGET });
    let first = item(0, 30);
    let since = first.since;
    batcher.push(first);
    assert!(matches!(batcher.next(since, true), Next::Wait(until) if until == since + wait));
    (1..4).for_each(|n| batcher.push(item(n, 30)));
    assert!(matches!(batcher.next(since, true), Next::Depart(_)));
    assert!(matches!(batcher.next(Instant::now() + wait, true), Next::Depart(_)));
}

#[test]
fn unwanted_items_leave_the_line() {
    let mut batcher = batcher((0..5).map(|n| item(n, 10)));
    let mut gone = batcher.remove(|n| n % 2 == 0);
    gone.sort_unstable();
    assert_eq!(gone, [0, 2, 4]);
    assert_eq!(depart(&mut batcher).0, [1, 3]);
    assert!(matches!(batcher.next(Instant::now(), true), Next::Nothing));
}

fn of(owner: &str, payload: u32, length: u32) -> Waiting<u32> {
    Waiting { owner: owner.into(), ..item(payload, length) }
}

#[test]
fn a_newcomer_is_in_the_next_batch_however_much_others_have_waiting() {
    let mut batcher = batcher((0..1000).map(|n| item(n, 10)));
    (0..20).for_each(|_| drop(depart(&mut batcher)));
    batcher.push(of("bob", 5000, 10));
    assert!(depart(&mut batcher).0.contains(&5000));
}

#[test]
fn owners_share_a_batch_of_like_items() {
    let mut batcher = batcher((0..100).map(|n| item(n, 10)));
    (100..200).for_each(|n| batcher.push(of("bob", n, 10)));
    for _ in 0..10 {
        let (members, _) = depart(&mut batcher);
        assert_eq!(members.iter().filter(|n| **n < 100).count(), 4, "half of eight: {members:?}");
    }
}

#[test]
fn who_comes_back_has_neither_credit_nor_debt() {
    let mut batcher = batcher((0..400).map(|n| item(n, 10)));
    batcher.push(of("bob", 1000, 10));
    (0..20).for_each(|_| drop(depart(&mut batcher)));
    (1001..1101).for_each(|n| batcher.push(of("bob", n, 10)));
    let bobs: usize = (0..4).map(|_| depart(&mut batcher).0.iter().filter(|n| **n > 1000).count()).sum();
    assert!((16..=20).contains(&bobs), "half from now on, and half of the last batch, not all: {bobs}");
}

proptest! {
    #[test]
    fn every_item_runs_once_within_the_bounds(
        lengths in proptest::collection::vec((1u32..200, 0u8..3, any::<bool>(), -10i64..10, 0u8..4), 0..200)
    ) {
        let mut batcher = Batcher::new(BUDGET);
        for (n, (length, isolation, bulk, rank, owner)) in lengths.iter().enumerate() {
            let isolation =
                [Isolation::None, Isolation::Apart, Isolation::Alone(0)][usize::from(*isolation)];
            let class = if *bulk { Class::Bulk } else { Class::Interactive };
            let (rank, owner) = (Timestamp::from_micros(*rank), owner.to_string().into());
            batcher.push(Waiting { class, owner, rank, isolation, ..item(u32::try_from(n).unwrap(), *length) });
        }
        let mut ran = Vec::new();
        while let Next::Depart(batch) = batcher.next(Instant::now(), true) {
            let (real, padded) = batch.costs();
            prop_assert!(!batch.items.is_empty());
            prop_assert!(batch.items.len() == 1 || padded <= BUDGET.cost);
            prop_assert!(batch.items.len() <= BUDGET.items);
            prop_assert!((padded - real) as f64 <= BUDGET.padding * padded as f64);
            let kept_apart = match batch.isolation {
                Isolation::Alone(_) => batch.items.len() == 1,
                isolation => batch.items.iter().all(|item| item.isolation == isolation),
            };
            prop_assert!(kept_apart);
            ran.extend(batch.items.into_iter().map(|item| item.payload));
        }
        ran.sort_unstable();
        prop_assert_eq!(ran, (0..u32::try_from(lengths.len()).unwrap()).collect::<Vec<_>>());
        prop_assert!(batcher.is_empty());
    }

    /// Owners who always have work waiting have had the same, within a batch.
    #[test]
    fn shares_are_equal_within_a_batch(lengths in proptest::collection::vec(1u32..40, 2..5), rounds in 1usize..80) {
        let mut batcher = Batcher::new(BUDGET);
        let mut had = vec![0u64; lengths.len()];
        for (owner, length) in lengths.iter().enumerate() {
            for _ in 0..8 * rounds {
                batcher.push(of(&owner.to_string(), u32::try_from(owner).unwrap(), *length));
            }
        }
        for _ in 0..rounds {
            let Next::Depart(batch) = batcher.next(Instant::now(), true) else { panic!("work waits") };
            for item in batch.items {
                had[item.payload as usize] += u64::from(item.length);
            }
        }
        let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
        prop_assert!(most - least <= 2 * BUDGET.cost, "{had:?}");
    }
}
