//! Whether and when a failed attempt is followed by another.

use std::time::Duration;

use super::Failure;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The delay after the first failure.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
    /// The share of a delay that chance may take away or add, 0…1.
    pub jitter: f64,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Another attempt, not before the delay.
    RetryAfter(Duration),
    /// Nothing: the job is `failed`.
    GiveUp,
}

impl RetryPolicy {
    /// Decides after the `failures`-th failed attempt (this one counted); `chance` is in 0…1.
    pub fn decide(&self, failure: &Failure, failures: u16, max_attempts: u16, chance: f64) -> Verdict {
        if !failure.retryable || failures >= max_attempts {
            return Verdict::GiveUp;
        }
        Verdict::RetryAfter(self.delay(failures, chance))
    }

    /// The delay after the `failures`-th failure: it doubles each time.
    fn delay(&self, failures: u16, chance: f64) -> Duration {
        let doublings = u32::from(failures.saturating_sub(1)).min(31);
        let plain = self.base.saturating_mul(1 << doublings).min(self.max);
        plain.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0)).min(self.max)
    }
}

impl Default for RetryPolicy {
    /// A second, doubling up to five minutes, ± a fifth: chosen; see docs/decisions.md.
    fn default() -> Self {
        Self { base: Duration::from_secs(1), max: Duration::from_mins(5), jitter: 0.2 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::job::FailureCode;

    fn transient() -> Failure {
        Failure::transient(FailureCode::StorageUnavailable, "away")
    }

    #[test]
    fn a_permanent_failure_is_never_retried() {
        let failure = Failure::permanent(FailureCode::InferenceFailed, "wrong shape");
        assert_eq!(RetryPolicy::default().decide(&failure, 1, 3, 0.5), Verdict::GiveUp);
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let policy = RetryPolicy::default();
        assert!(matches!(policy.decide(&transient(), 2, 3, 0.5), Verdict::RetryAfter(_)));
        assert_eq!(policy.decide(&transient(), 3, 3, 0.5), Verdict::GiveUp);
    }

    #[test]
    fn delays_double() {
        let policy = RetryPolicy { jitter: 0.0, ..RetryPolicy::default() };
        let delays: Vec<_> = (1..=4).map(|failures| policy.delay(failures, 0.0).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8]);
    }

    proptest! {
        #[test]
        fn a_delay_never_exceeds_the_maximum(failures in 1u16..1000, chance in 0.0..1.0f64) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.delay(failures, chance) <= policy.max);
        }
    }
}
