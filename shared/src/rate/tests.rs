use proptest::prelude::*;

use super::*;

/// Noon of 1 June 2026.
const NOON: Timestamp = Timestamp::from_micros(1_780_315_200_000_000);

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

/// The store, and replicas that share a subject's limit.
struct Fleet {
    tat: Duration,
    now: Timestamp,
    purses: Vec<Purse>,
    statements: usize,
}

impl Fleet {
    fn of(replicas: usize, rate: Rate) -> Self {
        let purses = vec![Purse::new(rate); replicas];
        Self { tat: Duration::ZERO, now: NOON, purses, statements: 0 }
    }

    fn lease(&mut self, replica: usize, ask: Ask) {
        let lease = ask.answer(self.tat, self.now);
        self.statements += 1;
        self.tat = lease.tat;
        self.purses[replica].receive(lease, self.now);
    }

    /// Spends as the api does. `Err`: refused for so long.
    fn spend(&mut self, replica: usize, units: u64) -> Result<(), Duration> {
        loop {
            match self.purses[replica].spend(units, self.now) {
                Spent::Paid => break,
                Spent::Refused(after) => return Err(after),
                Spent::Short => {
                    let ask = self.purses[replica].ask(units, 0, self.now);
                    self.lease(replica, ask);
                }
            }
        }
        if let Some(ask) = self.purses[replica].ask_ahead(self.now) {
            self.lease(replica, ask);
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }
}

#[test]
fn rates_are_written_as_people_say_them() {
    let seconds = Duration::from_secs;
    let table = [
        ("100/s", 100, seconds(1), "100/s"),
        ("30/min", 30, seconds(60), "30/min"),
        (" 30/min  burst 5 ", 5, seconds(10), "30/min burst 5"),
        ("1_000_000/h burst 1000000", 1_000_000, seconds(3600), "1000000/h"),
        ("1/d", 1, seconds(86_400), "1/d"),
    ];
    for (text, burst, reach, shown) in table {
        let rate = rate(text);
        assert_eq!((rate.burst(), rate.reach(), rate.to_string().as_str()), (burst, reach, shown), "{text}");
    }
}

#[test]
fn what_is_no_rate_is_refused_with_an_example() {
    let wrong = [
        "",
        "30",
        "/min",
        "0/s",
        "-1/s",
        "+1/s",
        "1.5/s",
        "30/m",
        "30/minute",
        "30/min 5",
        "30/min burst",
        "30/min burst 0",
        "30/min burst 5 more",
        "11000000/s",
        "99999999999999999999/s",
        "1/d burst 31",
    ];
    for text in wrong {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("\"30/min\""), "{error}");
    }
}

#[test]
fn a_burst_comes_at_once_and_then_one_each_interval() {
    let mut fleet = Fleet::of(1, rate("30/min"));
    for n in 0..30 {
        assert_eq!(fleet.spend(0, 1), Ok(()), "{n}");
    }
    assert_eq!(fleet.spend(0, 1), Err(Duration::from_secs(2)));
    fleet.pass(Duration::from_millis(1500));
    assert_eq!(fleet.spend(0, 1), Err(Duration::from_millis(500)));
    fleet.pass(Duration::from_millis(500));
    assert_eq!(fleet.spend(0, 1), Ok(()));
    assert_eq!(fleet.spend(0, 1), Err(Duration::from_secs(2)));
}

#[test]
fn a_burst_is_whole_in_whichever_portions_it_is_taken() {
    for text in ["3/s", "7/s burst 11", "7000000/min", "9999991/s burst 500"] {
        let rate = rate(text);
        let mut fleet = Fleet::of(2, rate);
        let taken = (0..2000).filter(|n| fleet.spend(n % 2, 1).is_ok()).count() as u64;
        assert_eq!(taken, rate.burst().min(2000), "{text}");
    }
}

#[test]
fn whoever_is_refused_asks_the_store_no_more() {
    let mut fleet = Fleet::of(1, rate("30/min burst 1"));
    fleet.spend(0, 1).unwrap();
    let statements = fleet.statements;
    (0..1000).for_each(|_| assert!(fleet.spend(0, 1).is_err()));
    assert_eq!(fleet.statements, statements);
}

#[test]
fn a_rare_subject_costs_a_statement_each_time_and_a_busy_one_four_a_second() {
    let mut fleet = Fleet::of(1, rate("30/min"));
    (0..10).for_each(|_| fleet.spend(0, 1).unwrap());
    assert_eq!(fleet.statements, 10, "so little is not leased ahead");

    let mut fleet = Fleet::of(1, rate("1000/s"));
    fleet.spend(0, 1).unwrap();
    assert_eq!(fleet.statements, 1);
    // Ten seconds at the full rate: leases double from 1 to 250, then last a quarter of a second each.
    for _ in 0..10_000 {
        fleet.pass(Duration::from_millis(1));
        fleet.spend(0, 1).unwrap();
    }
    assert!(fleet.statements <= 50, "{}", fleet.statements);
}

#[test]
fn what_lapses_is_asked_for_no_more() {
    let mut fleet = Fleet::of(2, rate("100/s"));
    (0..60).for_each(|_| fleet.spend(0, 1).unwrap());
    for _ in 0..20 {
        fleet.pass(LIFE);
        fleet.spend(0, 1).unwrap();
    }
    // One replica that hardly needs anything leaves the other nearly all.
    assert!((0..98).all(|_| fleet.spend(1, 1).is_ok()));
}

#[test]
fn more_than_is_held_is_paid_from_what_is_held_and_a_lease() {
    let mut fleet = Fleet::of(1, rate("1000/s"));
    for units in [1, 2, 40, 400, 500] {
        assert_eq!(fleet.spend(0, units), Ok(()), "{units}");
    }
    assert!(fleet.spend(0, 900).is_err());
}

#[test]
fn a_limit_that_was_lowered_holds_for_who_had_used_up_the_higher_one() {
    let (high, low) = (rate("1000/h"), rate("10/h"));
    let used_up = Ask { rate: high, need: 1000, want: 1000 }.answer(Duration::ZERO, NOON);
    assert_eq!(used_up.took, 1000);
    let later = NOON.plus(Duration::from_mins(6));
    let lease = Ask { rate: low, need: 1, want: 1 }.answer(used_up.tat, later);
    assert_eq!(lease.took, 1, "a unit comes back in six minutes");
}

/// A wish of one replica, after a pause.
type Wish = (usize, u64, u64);

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let pause = prop_oneof![3 => Just(0), 3 => 0u64..50_000, 1 => 0u64..3_000_000];
    proptest::collection::vec((0usize..3, 1u64..6, pause), 1..300)
}

fn rates() -> impl Strategy<Value = Rate> {
    let period = prop_oneof![Just(Period::Second), Just(Period::Minute)];
    (1u64..400, period, 6u64..300).prop_map(|(units, period, burst)| Rate { units, period, burst })
}

proptest! {
    #[test]
    fn no_window_sees_more_than_the_limit_and_what_a_lease_lives(rate in rates(), wishes in wishes()) {
        let mut fleet = Fleet::of(3, rate);
        let mut granted: Vec<(Timestamp, u64)> = Vec::new();
        for (replica, units, pause) in wishes {
            fleet.pass(Duration::from_micros(pause));
            if fleet.spend(replica, units).is_ok() {
                granted.push((fleet.now, units));
            }
        }
        for (first, (from, _)) in granted.iter().enumerate() {
            let mut sum = 0;
            for (until, units) in &granted[first..] {
                sum += units;
                let most = rate.units_in(rate.reach() + until.since(*from) + LIFE);
                prop_assert!(sum <= most, "{sum} within {:?}, and {most} may", until.since(*from));
            }
        }
    }

    #[test]
    fn what_remains_may_be_had_and_who_waits_as_told_comes_in(rate in rates(), wishes in wishes()) {
        let mut fleet = Fleet::of(1, rate);
        for (_, units, pause) in wishes {
            fleet.pass(Duration::from_micros(pause));
            let before = fleet.purses[0].standing(fleet.now);
            match fleet.spend(0, units) {
                Ok(()) => {}
                Err(after) => {
                    prop_assert!(units > before.remaining);
                    fleet.pass(after);
                    prop_assert_eq!(fleet.spend(0, units), Ok(()));
                }
            }
        }
        let standing = fleet.purses[0].standing(fleet.now);
        if standing.remaining > 0 {
            prop_assert_eq!(fleet.spend(0, standing.remaining), Ok(()));
        }
        let standing = fleet.purses[0].standing(fleet.now);
        fleet.pass(standing.reset);
        prop_assert_eq!(fleet.purses[0].standing(fleet.now).remaining, rate.burst());
        prop_assert_eq!(fleet.spend(0, rate.burst()), Ok(()));
    }

    #[test]
    fn a_clock_that_steps_back_keeps_nobody_out_for_longer_than_two_bursts_take(
        rate in rates(), wishes in wishes(), back in 0u64..100_000_000_000,
    ) {
        let mut fleet = Fleet::of(3, rate);
        for (replica, units, pause) in wishes {
            fleet.pass(Duration::from_micros(pause));
            let _ = fleet.spend(replica, units);
        }
        fleet.now = fleet.now.minus(Duration::from_micros(back));
        for replica in 0..3 {
            let mut waited = Duration::ZERO;
            while let Err(after) = fleet.spend(replica, 5) {
                fleet.pass(after);
                waited += after;
                prop_assert!(waited <= rate.reach() * 2, "{waited:?}");
            }
        }
    }
}
