//! Events as clients see them.

use forebay_shared::clock::Timestamp;
use forebay_shared::events::{Progress, Transfer};
use forebay_shared::id::JobId;
use forebay_shared::job::{EventType, FailureCode, Object};
use forebay_shared::store::Logged;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bulk;
use crate::routes::jobs::url;
use crate::samples;

/// Something that happened to a job or a bulk.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event, example = samples::event)]
pub struct EventView {
    /// Where it stands among the owner's events: what to resume after.
    id: String,
    /// `event`
    object: &'static str,
    /// What happened.
    #[serde(rename = "type")]
    kind: EventType,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// To which job.
    #[schema(value_type = Option<String>, format = Uuid)]
    job: Option<JobId>,
    /// To which bulk: `batch_…`
    bulk: Option<String>,
    /// The job's model.
    model: Option<String>,
    /// The version of the job or the bulk since then; it counts one by one.
    version: i64,
    /// The number of the attempt that ran or was last.
    attempt: u32,
    /// What became of its items, or lines, so far.
    items: EndedItems,
    /// Why it failed, or why its latest attempt did; the job says more.
    error: Option<FailureCode>,
    /// The client's own words about the job.
    #[schema(value_type = Object)]
    metadata: Object,
    /// Where the job is.
    url: Option<String>,
}

/// What became of items.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct EndedItems {
    /// Those with an output.
    succeeded: u32,
    /// Those with an error.
    failed: u32,
}

impl From<Logged> for EventView {
    fn from(event: Logged) -> Self {
        Self {
            id: event.at.to_string(),
            object: "event",
            kind: event.kind,
            at: event.happened_at,
            job: event.job,
            bulk: event.bulk.map(bulk::name),
            model: event.model,
            version: event.version,
            attempt: event.attempt,
            items: EndedItems { succeeded: event.succeeded, failed: event.failed },
            error: event.error,
            metadata: event.metadata,
            url: event.job.map(url),
        }
    }
}

/// How far a running job has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub struct ProgressView {
    /// The job.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// `job.progress`
    object: &'static str,
    /// The number of its attempt.
    attempt: u32,
    /// Items that have ended, well or not.
    done: u32,
    /// All items.
    total: u32,
    /// Of a model that is being brought in, what is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    transfer: Option<Transfer>,
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        let Progress { id, attempt, done, total, transfer } = progress;
        Self { id, object: "job.progress", attempt, done, total, transfer }
    }
}
