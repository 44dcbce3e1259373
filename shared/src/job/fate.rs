//! What becomes of a running job whose worker died: pure policy.

use super::{Deadline, Failure, FailureCode};
use crate::clock::Timestamp;

/// So many workers may die with a job while nothing says why; then it is given up.
///
/// An item that takes its worker down is found by what the worker had noted, and takes five crashes of its own. Where
/// nothing was noted, somebody killed the worker, or it died at what nobody notes, such as reading what it had claimed. The
/// first is to be survived however often it reasonably happens, the second must end: chosen; see docs/decisions.md.
pub const MOST_LOSSES: u16 = 25;

/// A running job whose worker died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Whether it had been asked to stop.
    pub cancel_requested: bool,
    /// Not ended by then, it expires.
    pub finish_by: Option<Timestamp>,
    /// Workers that died with it and had noted nothing, this one counted.
    pub losses: u16,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs again.
    Again,
    /// Its worker did not live to obey.
    Cancelled,
    /// Its time is over.
    Expired(Failure),
    /// It has cost too many workers.
    Failed(Failure),
}

impl Orphan {
    /// Decides at `now`.
    pub fn fate(&self, now: Timestamp) -> Fate {
        if self.cancel_requested {
            Fate::Cancelled
        } else if self.finish_by.is_some_and(|finish_by| finish_by <= now) {
            Fate::Expired(Deadline::FinishBy.failure())
        } else if self.losses >= MOST_LOSSES {
            let message = format!("{} workers died with the job, and nothing says why", self.losses);
            Fate::Failed(Failure::permanent(FailureCode::LeaseLost, message))
        } else {
            Fate::Again
        }
    }
}

impl Fate {
    /// Why it ended, where there is a why.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Expired(failure) | Self::Failed(failure) => Some(failure),
            Self::Again | Self::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_780_315_200_000_000);

    fn orphan(cancel_requested: bool, finish_by: Option<i64>, losses: u16) -> Fate {
        let finish_by = finish_by.map(Timestamp::from_micros);
        Orphan { cancel_requested, finish_by, losses }.fate(NOON)
    }

    #[test]
    fn the_clients_wish_stands_before_its_deadline_and_that_before_our_patience() {
        let past = Some(NOON.micros());
        assert_eq!(orphan(true, past, MOST_LOSSES), Fate::Cancelled);
        assert_eq!(orphan(false, past, MOST_LOSSES), Fate::Expired(Deadline::FinishBy.failure()));
        assert!(
            matches!(orphan(false, None, MOST_LOSSES), Fate::Failed(why) if why.code == FailureCode::LeaseLost)
        );
        assert_eq!(orphan(false, None, MOST_LOSSES - 1), Fate::Again);
        assert_eq!(orphan(false, past.map(|at| at + 1), 0), Fate::Again);
    }

    proptest! {
        #[test]
        fn no_job_is_tried_for_ever(losses in MOST_LOSSES.., cancelled in any::<bool>(), at in any::<i64>()) {
            prop_assert_ne!(orphan(cancelled, Some(at), losses), Fate::Again);
        }
    }
}
