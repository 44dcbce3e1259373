//! How one attempt ended, as its worker reports it.

use std::time::Duration;

use serde::Serialize;

use super::{Account, Failure, MediaFile, Status, Timings};
use crate::id::JobId;

/// One attempt's end.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// The attempt's number; the worker stands beside the whole group.
    pub attempt: u32,
    /// What becomes of the job.
    pub ending: Ending,
    /// Items with an output.
    pub succeeded: u32,
    /// Items with an error.
    pub failed: u32,
    /// First byte of its result in the group's segment, and how many.
    pub range: Option<(u64, u64)>,
    /// Media objects that the result names.
    pub files: Vec<MediaFile>,
    /// Where its time went.
    pub timings: Timings,
    /// What its batches were like.
    pub account: Account,
}

impl Settlement {
    /// What the store keeps of where the attempt's time went: both in one column, since nobody asks for one alone by SQL.
    pub fn told(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Told {
            #[serde(flatten)]
            timings: Timings,
            account: Account,
        }
        Told { timings: self.timings, account: self.account.clone() }
    }
}

/// What becomes of a job when an attempt ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// At least one item has an output.
    Succeeded,
    /// It could not run, or none of its items succeeded.
    Failed(Failure),
    /// Another attempt follows after the delay.
    Retry(Failure, Duration),
    /// It stopped because the client asked.
    Cancelled,
    /// It stopped because its `finish_by` passed.
    Expired(Failure),
}

impl Ending {
    /// The status this ending leads to.
    pub fn status(&self) -> Status {
        match self {
            Self::Succeeded => Status::Succeeded,
            Self::Failed(_) => Status::Failed,
            Self::Retry(..) => Status::Queued,
            Self::Cancelled => Status::Cancelled,
            Self::Expired(_) => Status::Expired,
        }
    }

    /// Why, where there is a why.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) | Self::Retry(failure, _) | Self::Expired(failure) => Some(failure),
            Self::Succeeded | Self::Cancelled => None,
        }
    }
}
