//! Telling those who wait that a job has ended. Best effort: whoever waits also looks at the row from time to time.
//!
//! A job's row names who waits for it, by address; word goes to them and to nobody else, so a waiting call costs the
//! broker nothing. Small results travel along, so that a waiting call reads nothing back.

mod amqp;
#[cfg(feature = "testing")]
pub mod conformance;
mod local;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

pub use amqp::AmqpEvents;
pub use local::LocalEvents;

use crate::clock::Timestamp;
use crate::id::JobId;
use crate::job::{Failure, FailureCode, Job, MediaFile, ResultAt, Status, Timings};
use crate::store::Route;

/// Results up to this size travel with the event. A wait for a larger one reads it from the blob store.
pub const RESULT_LIMIT: usize = 64 * 1024;

/// Events that a slow listener may lag behind before it misses some; it then looks at the rows.
const BACKLOG: usize = 4096;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A job reached a terminal status.
    Ended(Box<Ended>),
    /// Work left a route, so more may be handed over.
    Room(Route),
    /// Some items of a running job have ended. Told to those who wait for the job, and never written down.
    Progress(Progress),
    /// Something is wished of what models are in memory: workers are to look at it now.
    Wished,
    /// A model of the registry was added, changed or deleted: workers are to look there now.
    Registered,
    /// Somebody begins to follow a job that runs already: its worker is to tell there, too, how it gets on.
    Watched {
        /// The job.
        id: JobId,
        /// Where to tell.
        address: String,
    },
}

/// How far a running job has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The job.
    pub id: JobId,
    /// The number of its attempt.
    pub attempt: u32,
    /// Items that have ended, well or not.
    pub done: u32,
    /// All items.
    pub total: u32,
    /// Of a model that is being brought in, what is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
}

/// What is being done to bring a model in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// The step.
    pub step: Step,
    /// The file that bytes came of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its SHA-256, as far as the hub tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Bytes of the file, or of the step, that are done; what an earlier attempt left counts.
    pub completed: u64,
    /// All of them.
    pub total: u64,
}

/// A step of bringing a model in, in their order; what is waited for may be waited for before any of the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The hub is asked what there is.
    Manifest,
    /// Files are fetched.
    Download,
    /// What has come is compared with what the hub told of it.
    Verify,
    /// Files go to the object store.
    Store,
    /// The hub is asked too often, and is left alone for a while.
    Wait,
}

/// How a job ended: what its row says now and did not say when it was submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The job.
    pub id: JobId,
    /// Its terminal status.
    pub status: Status,
    /// Its version.
    pub version: i64,
    /// Items with an output.
    pub succeeded: u32,
    /// Items with an error.
    pub failed: u32,
    /// The number of its last attempt.
    pub attempt: u32,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it will be forgotten.
    pub purge_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<(FailureCode, String)>,
    /// Where its result stands.
    pub segment: Option<(String, u64, u64)>,
    /// Media that its result names.
    pub files: Vec<MediaFile>,
    /// Where its time went.
    pub timings: Option<Timings>,
    /// The result itself, if it is small.
    pub result: Option<String>,
}

impl Ended {
    /// What `job`'s row says, with its result if that is at hand.
    pub fn of(job: &Job, result: Option<String>) -> Self {
        Self {
            id: job.id,
            status: job.status,
            version: job.version,
            succeeded: job.succeeded,
            failed: job.failed,
            attempt: job.attempt,
            started_at: job.started_at,
            finished_at: job.finished_at,
            purge_at: job.purge_at,
            error: job.error.as_ref().map(|error| (error.code, error.message.clone())),
            segment: job.result.as_ref().map(|at| (at.segment.clone(), at.offset, at.length)),
            files: job.files.clone(),
            timings: job.timings,
            result,
        }
    }

    /// Brings a job that was read earlier to where it stands now.
    pub fn apply(&self, job: &mut Job) {
        job.status = self.status;
        job.version = self.version;
        job.succeeded = self.succeeded;
        job.failed = self.failed;
        job.attempt = self.attempt;
        job.started_at = self.started_at;
        job.finished_at = self.finished_at;
        job.purge_at = self.purge_at;
        job.error = self.error.as_ref().map(|(code, message)| Failure::permanent(*code, message));
        job.result = self.segment.as_ref().map(|(segment, offset, length)| ResultAt {
            segment: segment.clone(),
            offset: *offset,
            length: *length,
        });
        job.files.clone_from(&self.files);
        job.timings = self.timings;
    }
}

/// Waits for an event that is one of these. Who missed some may have missed it, and is told so too.
pub async fn heard(news: &mut broadcast::Receiver<Arc<Event>>, is_meant: impl Fn(&Event) -> bool) {
    loop {
        match news.recv().await {
            Ok(event) if !is_meant(&event) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Both ends of the events.
#[async_trait]
pub trait Events: Send + Sync + fmt::Debug + 'static {
    /// Where word reaches this process: what a job's row records of those who wait.
    fn address(&self) -> &str;

    /// Sends each event to its address. An address that nobody holds any more is no error.
    async fn publish(&self, events: Vec<(String, Event)>);

    /// Sends an event to every process that listens.
    async fn announce(&self, event: Event);

    /// Listens to what is sent to this process from now on.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>>;
}
