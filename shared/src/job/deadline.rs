//! The two deadlines that a job may have, and what is said when one passed.

use super::{Failure, FailureCode};

/// A deadline of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// By then its first attempt must have begun.
    StartBy,
    /// By then it must have ended.
    FinishBy,
}

impl Deadline {
    /// Why a job expired whose deadline this was.
    pub const fn code(self) -> FailureCode {
        match self {
            Self::StartBy => FailureCode::StartByPassed,
            Self::FinishBy => FailureCode::FinishByPassed,
        }
    }

    /// The sentence that goes with it.
    pub const fn message(self) -> &'static str {
        match self {
            Self::StartBy => "the job had not begun by its `start_by`",
            Self::FinishBy => "the job had not ended by its `finish_by`",
        }
    }

    /// Both together.
    pub fn failure(self) -> Failure {
        Failure::permanent(self.code(), self.message())
    }
}
