//! One counted, fenced execution of a job.

use crate::clock::Timestamp;
use crate::id::WorkerId;

use super::FailureCode;

/// The right to settle one attempt. It lives as long as its worker's beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who holds it.
    pub worker: WorkerId,
    /// The attempt's number, from 1.
    pub attempt: u32,
}

/// An attempt that ended without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Who made it.
    pub worker: WorkerId,
    /// When it was granted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub code: FailureCode,
    /// One sentence.
    pub message: String,
}
