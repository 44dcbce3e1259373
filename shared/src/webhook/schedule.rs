//! When a message is told again, and when no more: pure policy.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::retry_after::retry_after;

/// What was heard of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The receiver answered.
    Status {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, as it stood there.
        retry_after: Option<String>,
    },
    /// It did not answer in time.
    Timeout,
    /// It could not be reached, or may not be.
    Unreachable,
}

/// What follows a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the receiver has it.
    Delivered,
    /// Another try after the delay.
    Retry(Duration),
    /// Nothing: every try failed.
    GiveUp,
    /// Nothing, ever: the receiver says that it is gone.
    Gone,
}

/// How long after each failed try the next one comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The delay after the first failed try, the second, and so on; after the last nothing comes.
    pub delays: Vec<Duration>,
    /// The share of a delay that chance may take away or add, 0…1.
    pub jitter: f64,
    /// The shortest delay for a receiver that is overloaded or silent.
    pub throttle: Duration,
}

impl Schedule {
    /// Decides after the `tries`-th try (this one counted); `chance` is in 0…1.
    pub fn decide(&self, heard: &Heard, tries: u32, now: Timestamp, chance: f64) -> Next {
        match heard {
            Heard::Status { status: 200..=299, .. } => return Next::Delivered,
            Heard::Status { status: 410, .. } => return Next::Gone,
            _ => {}
        }
        let step = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(&delay) = self.delays.get(step) else { return Next::GiveUp };
        let base = if throttled(heard) { delay.max(self.throttle) } else { delay };
        let wished = match heard {
            Heard::Status { retry_after: Some(wish), .. } => retry_after(wish, || Some(now)),
            _ => None,
        };
        Next::Retry(match wished {
            // A receiver may ask for patience, within reason.
            Some(wish) => wish.clamp(base, base * 2),
            None if throttled(heard) => {
                base.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0)).max(self.throttle)
            }
            None => base.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0)),
        })
    }
}

/// Whether the receiver, or what stands before it, has too much to do.
fn throttled(heard: &Heard) -> bool {
    matches!(heard, Heard::Status { status: 429 | 502 | 504, .. } | Heard::Timeout)
}
