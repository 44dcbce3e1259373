//! The truth: jobs, their attempts, and everything that must outlive a process.
//!
//! One contract, two databases. The contract is cut by noun, one trait each; `Postgres` and `Sqlite` implement them in
//! files of the same names, to be read side by side, and one conformance suite runs against both. The methods on jobs
//! are the arrows of [`crate::job::Status`]; each is guarded by status and attempt in its `WHERE`, so a caller that
//! comes late is refused rather than obeyed.
//!
//! Every statement takes the present instant as a parameter. The driver reads it from the database's clock, so no
//! caller's clock decides a lease.

mod alike;
mod answering;
mod attempts;
mod bulks;
mod cache;
mod closing;
mod codec;
#[cfg(feature = "testing")]
pub mod conformance;
mod deliveries;
mod depths;
mod events;
mod expiry;
mod explain;
mod files;
mod handover;
mod jobs;
mod keys;
mod leadership;
mod loads;
mod models;
mod postgres;
mod promise;
mod queues;
mod rates;
mod reaping;
mod recall;
mod recent;
mod registry;
mod residency;
mod retention;
mod revival;
mod row;
mod schedules;
mod segments;
mod slicing;
mod sqlite;
mod storage;
mod webhooks;
mod workers;

pub use answering::Answering;
pub use attempts::{Attempts, Settled};
pub use bulks::{BulkCancelOutcome, BulkPage, Bulks};
pub use cache::{Cache, KeptAt, NewKept};
pub use closing::Closing;
pub use deliveries::{
    After, Deliveries, Delivery, DeliveryState, Fanned, Outgoing, Replay, Room, Tested, Try,
};
pub use depths::{Ahead, Depth, Depths};
pub use events::{Cursor, EventFilter, EventLog, EventPage, Followed, Logged, NotACursor, Standing};
pub use expiry::Expiry;
pub use explain::{Explain, Explained, ExplainedAttempt};
pub use files::{Cancellation, Completion, FileFilter, FilePage, Files, PartOutcome, Stored, Uploads};
pub use handover::{Due, Handed, Handover, Route, RouteState};
pub use jobs::{CancelOutcome, DeleteOutcome, Filter, Jobs, Page, Submitted};
pub use keys::{ApiKey, KeyLimits, Keys, NewKey, Scope};
pub use leadership::Leadership;
pub use loads::{Load, Loads};
pub use models::Models;
pub use postgres::Postgres;
pub use queues::{QueueState, Queues};
pub use rates::Rates;
pub use recall::Recall;
pub use recent::{Became, Recent};
pub use registry::{Change, CopyOutcome, PutOutcome, Registry, Removal};
pub use residency::{Residency, settled};
pub use retention::Retention;
pub use revival::{Again, RetryOutcome, Revival};
pub use schedules::{ScheduleOutcome, ScheduleTerms, Schedules};
pub use segments::{Blank, NewSegment, SegmentLock, Segments};
pub use slicing::{Pace, Slicing};
pub use sqlite::Sqlite;
pub use storage::Storage;
pub use webhooks::{Disabled, Endpoint, EndpointChange, NewEndpoint, Secrets, Signing, Webhooks};
pub use workers::{Beat, Noted, Reaped, Worker, WorkerState, Workers};

use crate::clock::Timestamp;

/// All nouns together, as the programs hold it.
pub trait Store:
    Jobs
    + Attempts
    + EventLog
    + Expiry
    + Explain
    + Recall
    + Revival
    + Queues
    + Bulks
    + Slicing
    + Answering
    + Closing
    + Handover
    + Loads
    + Depths
    + Recent
    + Workers
    + Retention
    + Segments
    + Files
    + Uploads
    + Storage
    + Cache
    + Registry
    + Keys
    + Models
    + Residency
    + Leadership
    + Rates
    + Webhooks
    + Deliveries
    + Schedules
    + std::fmt::Debug
{
    /// The present instant by the database's clock.
    fn now(&self) -> Timestamp;
}

/// What can go wrong: four variants, because callers do four things.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be asked now: try again, or answer 503.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// A row says what no program wrote: page someone.
    #[error("column {column} of table {table} cannot be read in row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// A constraint refused the write: the client's or the caller's mistake.
    #[error("constraint {constraint} refuses the write")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// The schema is not the one this program knows.
    #[error("the database's schema is {found}, this program needs {needed}: run `forebay migrate`")]
    Schema {
        /// What the database has.
        found: String,
        /// What the program was built for.
        needed: String,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refused)
                if refused.constraint().is_some() || refused.is_unique_violation() =>
            {
                Self::Conflict { constraint: refused.constraint().unwrap_or(refused.message()).to_owned() }
            }
            // SQLSTATE class 22: a value that the column cannot hold will not be held the next time either.
            sqlx::Error::Database(refused)
                if refused.code().is_some_and(|code| code.len() == 5 && code.starts_with("22")) =>
            {
                Self::Conflict { constraint: refused.message().to_owned() }
            }
            _ => Self::Unavailable(error),
        }
    }
}

/// What a store method answers.
pub type StoreResult<T> = Result<T, StoreError>;

#[cfg(test)]
mod tests;
