//! Why a job is not to run any further.

use forebay_shared::job::{Failure, FailureCode};

/// Why a job is not to run any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Its client asked.
    Cancelled,
    /// Its `finish_by` has passed.
    Expired,
}

impl Stop {
    /// The label of the items that are dropped for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// What is said of an item that was dropped for it.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Cancelled => {
                Failure::permanent(FailureCode::Cancelled, "the job was cancelled before this item ran")
            }
            Self::Expired => {
                Failure::permanent(FailureCode::Expired, "the job's `finish_by` passed before this item ran")
            }
        }
    }
}
