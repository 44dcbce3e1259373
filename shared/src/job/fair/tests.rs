use proptest::prelude::*;

use super::*;

fn line(owner: &str, served: u64, costs: &[u64]) -> Line<(String, usize)> {
    let waiting = costs.iter().enumerate().map(|(index, cost)| Waiting {
        job: (owner.to_owned(), index),
        rank: Timestamp::from_micros(i64::try_from(index).unwrap()),
        cost: Cost::new(*cost),
    });
    let queue = Queue { quota: u64::MAX, waiting: waiting.collect(), more: false };
    Line { owner: owner.to_owned(), served, out: Cost::default(), queues: vec![queue] }
}

fn room(window: u64) -> Room {
    Room { window: Cost::new(window), out: Cost::default(), crowd: Cost::default(), limit: 10_000 }
}

fn go(lines: Vec<Line<(String, usize)>>, clock: u64, room: Room) -> (String, Vec<(String, u64)>, u64) {
    match choose(lines, clock, room) {
        Choice::Go(going) => {
            (going.jobs.iter().map(|(owner, _)| owner.as_str()).collect(), going.served, going.clock)
        }
        Choice::LookFurther => panic!("all is known"),
    }
}

#[test]
fn owners_take_turns_by_cost() {
    let lines = vec![line("a", 0, &[2; 10]), line("b", 0, &[1; 10])];
    assert_eq!(go(lines, 0, room(12)).0, "abbabbabb");
}

#[test]
fn who_comes_back_has_neither_credit_nor_debt() {
    let (order, served, clock) = go(vec![line("a", 100, &[1; 3]), line("b", 7, &[1; 9])], 97, room(12));
    assert_eq!(order, "bbbabababbbb".chars().take(12).collect::<String>());
    assert_eq!((served, clock), (vec![("a".into(), 103), ("b".into(), 106)], 105));
}

#[test]
fn a_newcomer_goes_though_the_window_is_full() {
    let full = Room { out: Cost::new(1000), crowd: Cost::new(1), ..room(10) };
    let busy = Line { out: Cost::new(1000), ..line("a", 1000, &[1000; 3]) };
    assert_eq!(go(vec![busy.clone(), line("b", 0, &[1; 5])], 0, full).0, "b", "one job, not more");
    let fuller = Room { crowd: Cost::new(20), ..full };
    assert_eq!(go(vec![busy, line("b", 0, &[1])], 0, fuller).0, "", "the crowd is bounded");
}

#[test]
fn a_key_at_its_limit_waits_and_holds_up_nobody() {
    let mut limited = line("a", 0, &[1; 5]);
    limited.queues[0].quota = 2;
    limited.queues.push(Queue { quota: u64::MAX, ..line("A", 0, &[1; 2]).queues.remove(0) });
    assert_eq!(go(vec![limited, line("b", 0, &[1; 3])], 0, room(100)).0.len(), 2 + 2 + 3);
}

#[test]
fn it_is_said_what_is_out_then_and_whether_any_are_left() {
    let stand = |window| match choose(vec![line("a", 0, &[2; 3])], 0, room(window)) {
        Choice::Go(going) => (going.out.units(), going.left),
        Choice::LookFurther => panic!("all is known"),
    };
    assert_eq!([stand(4), stand(5), stand(9)], [(4, true), (6, false), (6, false)]);
    let limited = Queue { quota: 0, ..line("a", 0, &[1]).queues.remove(0) };
    let held = Line { queues: vec![limited], ..line("a", 0, &[]) };
    assert!(
        matches!(choose(vec![held], 0, room(9)), Choice::Go(Going { left: true, .. })),
        "a limit holds it"
    );
}

#[test]
fn what_is_not_known_is_asked_for() {
    let mut cut = line("a", 0, &[1; 2]);
    cut.queues[0].more = true;
    assert_eq!(choose(vec![cut.clone()], 0, room(3)), Choice::LookFurther);
    assert!(matches!(choose(vec![cut], 0, room(2)), Choice::Go(_)), "nobody asks for what does not fit");
}

proptest! {
    /// Owners who always have work have had the same, within one job's cost, whenever one looks.
    #[test]
    fn shares_are_equal_within_one_jobs_cost(
        costs in proptest::collection::vec(1u64..100, 2..6), window in 1u64..300, rounds in 1usize..60,
    ) {
        let owners: Vec<String> = (0..costs.len()).map(|owner| owner.to_string()).collect();
        let (mut served, mut clock) = (vec![0; costs.len()], 0);
        let mut had = vec![0u64; costs.len()];
        for _ in 0..rounds {
            let lines = owners.iter().zip(&costs).zip(&served);
            let lines = lines.map(|((owner, cost), served)| line(owner, *served, &[*cost; 400])).collect();
            let Choice::Go(Going { jobs, served: now, clock: at, .. }) = choose(lines, clock, room(window)) else {
                panic!("all is known")
            };
            for (owner, _) in jobs {
                let owner: usize = owner.parse().unwrap();
                had[owner] += costs[owner];
            }
            for (owner, at) in now {
                served[owner.parse::<usize>().unwrap()] = at;
            }
            prop_assert!(at >= clock, "time does not run back");
            clock = at;
        }
        let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
        prop_assert!(most - least <= *costs.iter().max().unwrap(), "{had:?}");
    }

    /// Whoever waits goes after at most one job of each other owner's, once there is room.
    #[test]
    fn nobody_starves(costs in proptest::collection::vec(1u64..1000, 1..8), clock in 0u64..1_000_000) {
        let mut lines: Vec<_> = costs.iter().enumerate().map(|(owner, cost)| {
            line(&owner.to_string(), clock + cost, &[*cost; 50])
        }).collect();
        lines.push(line("new", 0, &[1]));
        let Choice::Go(Going { jobs, .. }) = choose(lines, clock, room(u64::MAX / 4)) else { panic!("all is known") };
        let ahead = jobs.iter().position(|(owner, _)| owner == "new").unwrap();
        prop_assert_eq!(ahead, 0);
        prop_assert_eq!(jobs.len(), costs.len() * 50 + 1, "everybody goes");
    }
}
