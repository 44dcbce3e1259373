//! A job's place among those of its owner that wait: the earlier, the sooner.
//!
//! Ageing needs no second look at what waits: a step of priority is a head start of a minute, so a job that has waited
//! that much longer stands level with one that is a step more urgent, and nothing waits for ever. A deadline is worth at
//! most what the highest priority is.

use std::time::Duration;

use crate::clock::Timestamp;

/// The head start that a step of priority is worth. Ten steps are ten minutes: chosen; see docs/decisions.md.
pub const STEP: Duration = Duration::from_mins(1);
/// The head start of the highest priority, and the most that a deadline is worth.
const MOST: Duration = Duration::from_mins(10);

/// The place of a job that may run from `available_at` on and has its nearest deadline at `by`.
pub fn rank(available_at: Timestamp, priority: i16, by: Option<Timestamp>) -> Timestamp {
    let head_start = STEP * u32::from(priority.unsigned_abs());
    let by_priority =
        if priority > 0 { available_at.minus(head_start) } else { available_at.plus(head_start) };
    // Level with what comes ten minutes before the deadline, so that of two deadlines the earlier goes first.
    let by_deadline = by.map(|by| by.minus(MOST).max(available_at.minus(MOST)));
    by_deadline.map_or(by_priority, |by_deadline| by_priority.min(by_deadline))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    #[test]
    fn a_step_of_priority_is_a_minute() {
        assert_eq!(rank(NOON, 0, None), NOON);
        assert_eq!(rank(NOON, 10, None), NOON.minus(Duration::from_mins(10)));
        assert_eq!(rank(NOON.plus(Duration::from_mins(3)), 2, None), rank(NOON, -1, None));
    }

    #[test]
    fn the_nearer_deadline_goes_first() {
        let by = |minutes| rank(NOON, 0, Some(NOON.plus(Duration::from_mins(minutes))));
        assert!(by(1) < by(2));
        assert!(by(9) < rank(NOON, 0, None));
        assert_eq!(by(60 * 24), rank(NOON, 0, None), "a far one changes nothing");
    }

    fn instant() -> impl Strategy<Value = Timestamp> {
        (0i64..100_000_000_000).prop_map(Timestamp::from_micros)
    }

    proptest! {
        #[test]
        fn no_job_waits_for_ever(
            early in instant(), late in instant(), hers in -10i16..=10, his in -10i16..=10,
            by in proptest::option::of(instant()),
        ) {
            // Whoever has waited twenty minutes longer goes first, however urgent the other is.
            let late = early.plus(Duration::from_mins(20) + Duration::from_micros(1)).max(late);
            prop_assert!(rank(early, hers, None) < rank(late, his, by));
        }

        #[test]
        fn a_deadline_never_makes_a_job_later(
            at in instant(), priority in -10i16..=10, by in instant(), sooner in 0u64..1_000_000_000,
        ) {
            let with = rank(at, priority, Some(by));
            prop_assert!(with <= rank(at, priority, None));
            prop_assert!(rank(at, priority, Some(by.minus(Duration::from_micros(sooner)))) <= with);
        }
    }
}
