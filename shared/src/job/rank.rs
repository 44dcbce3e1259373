//! A job's place among those of its owner that wait: the earlier, the sooner.
//!
//! Ageing needs no second look at what waits: a step of priority is a head start of a minute, so a job that has waited
//! that much longer stands level with one that is a step more urgent, and nothing waits for ever.

use std::time::Duration;

use crate::clock::Timestamp;

/// The head start that a step of priority is worth. Ten steps are ten minutes: chosen; see docs/decisions.md.
pub const STEP: Duration = Duration::from_mins(1);

/// The place of a job that may run from `available_at` on.
pub fn rank(available_at: Timestamp, priority: i16) -> Timestamp {
    let head_start = STEP * u32::from(priority.unsigned_abs());
    if priority > 0 { available_at.minus(head_start) } else { available_at.plus(head_start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_priority_is_a_minute() {
        let noon = Timestamp::from_micros(1_000_000_000_000);
        assert_eq!(rank(noon, 0), noon);
        assert_eq!(rank(noon, 10), noon.minus(Duration::from_mins(10)));
        assert_eq!(rank(noon.plus(Duration::from_mins(3)), 2), rank(noon, -1));
    }
}
