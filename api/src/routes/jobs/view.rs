//! A job as clients see it.

use forebay_shared::clock::Timestamp;
use forebay_shared::events::RESULT_LIMIT;
use forebay_shared::handover::eta::Place;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, ItemError, Job, Kind, MediaFile, Object, Status, Timings};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::result::ResultDocument;
use crate::problem::Problem;
use crate::samples;
use crate::state::State;

/// A job as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job, example = samples::job)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// The client's own id of it.
    client_id: Option<String>,
    /// `job`
    object: &'static str,
    /// The model's own name.
    model: String,
    /// What the model does; null if it is not served any more.
    kind: Option<Kind>,
    /// Where it stands.
    status: Status,
    /// Which of the model's two queues it travels in.
    class: Class,
    /// −10…10; higher goes first.
    priority: i16,
    /// How many items it has, and what became of them.
    items: ItemCounts,
    /// The number of the attempt that is running or was last.
    attempt: u32,
    /// How many failed attempts end it.
    max_attempts: u16,
    /// Whether it has been asked to stop.
    cancel_requested: bool,
    /// Parameters for every item.
    #[schema(value_type = Object)]
    params: Object,
    /// The client's own words.
    #[schema(value_type = Object)]
    metadata: Object,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// It does not run before this instant.
    #[schema(value_type = String, format = DateTime)]
    available_at: Timestamp,
    /// Not begun by then, it expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    start_by: Option<Timestamp>,
    /// Not ended by then, it expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    finish_by: Option<Timestamp>,
    /// When its latest attempt began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When it will be forgotten, with its result.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// What goes before it, while it waits; told where one job is read or followed, and null elsewhere.
    queue: Option<QueueView>,
    /// Where its time went.
    timings: Option<Timings>,
    /// Why it failed, or why its latest attempt did.
    error: Option<ItemError>,
    /// The result itself, if it is at most 64 KiB; not in listings.
    #[schema(value_type = Option<ResultDocument>)]
    result: Option<Box<RawValue>>,
    /// Where the result is, if there is one.
    result_url: Option<String>,
    /// Pictures and other media that the result names.
    files: Vec<FileView>,
    /// Where to go from here.
    urls: JobUrls,
}

/// What goes before a job that waits. Estimates: owners share by cost, and rates are measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = QueuePlace)]
pub struct QueueView {
    /// How many jobs probably go before it.
    position: u64,
    /// Whether there may be more: its owner's own are counted up to a thousand.
    at_least: bool,
    /// What those cost: tokens, pictures or items.
    ahead_cost: u64,
    /// In how many seconds it will probably have run; null while no worker has told how fast the model is.
    eta_seconds: Option<f64>,
}

impl From<Place> for QueueView {
    fn from(place: Place) -> Self {
        Self {
            position: place.position,
            at_least: place.at_least,
            ahead_cost: place.cost.units(),
            eta_seconds: place.eta.map(|eta| (eta.as_secs_f64() * 1000.0).round() / 1000.0),
        }
    }
}

/// How many items a job has, and what became of them.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct ItemCounts {
    /// All of them.
    total: u32,
    /// Those with an output.
    succeeded: u32,
    /// Those with an error.
    failed: u32,
}

/// A picture or other medium that a result names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobFile)]
struct FileView {
    /// Its number.
    n: usize,
    /// The number of the item that it belongs to.
    item: u32,
    /// Its media type.
    content_type: String,
    /// Its size.
    bytes: u64,
    /// Where it is.
    url: String,
}

/// Where to go from a job.
#[derive(Debug, Serialize, ToSchema)]
struct JobUrls {
    /// `GET` the job, `DELETE` it.
    #[serde(rename = "self")]
    this: String,
    /// `POST` to cancel it.
    cancel: String,
    /// `GET` its result.
    result: String,
}

impl JobView {
    /// The job, without its result.
    pub fn new(job: Job, kind: Option<Kind>) -> Self {
        let this = url(job.id);
        let result = format!("{this}/result");
        let file = |(n, file): (usize, MediaFile)| FileView {
            n,
            item: file.item,
            content_type: file.content_type,
            bytes: file.bytes,
            url: format!("{this}/files/{n}"),
        };
        Self {
            id: job.id,
            client_id: job.client_id,
            object: "job",
            model: job.model,
            kind,
            status: job.status,
            class: job.class,
            priority: job.priority,
            items: ItemCounts { total: job.item_count, succeeded: job.succeeded, failed: job.failed },
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            cancel_requested: job.cancel_requested,
            params: job.params,
            metadata: job.metadata,
            created_at: job.created_at,
            available_at: job.available_at,
            start_by: job.start_by,
            finish_by: job.finish_by,
            started_at: job.started_at,
            finished_at: job.finished_at,
            expires_at: job.purge_at,
            queue: None,
            timings: job.timings,
            error: job.error.map(ItemError::from),
            result: None,
            result_url: job.result.is_some().then(|| result.clone()),
            files: job.files.into_iter().enumerate().map(file).collect(),
            urls: JobUrls { cancel: format!("{this}/cancel"), result, this },
        }
    }

    /// The job, with what goes before it.
    #[must_use]
    pub fn with_place(self, place: Option<Place>) -> Self {
        Self { queue: place.map(QueueView::from), ..self }
    }

    /// The job, with its result if that is small. `told` is the result as an event brought it.
    pub async fn with_result(
        app: &State,
        job: Job,
        kind: Option<Kind>,
        told: Option<String>,
    ) -> Result<Self, Problem> {
        let document = match told {
            Some(document) => Some(document),
            None => small_result(app, &job).await,
        };
        // What a deleted job leaves in its segment is blank, and blanks are no document.
        let result = document.and_then(|document| RawValue::from_string(document).ok());
        Ok(Self { result, ..Self::new(job, kind) })
    }
}

/// Where a job is.
pub fn url(id: JobId) -> String {
    format!("/v1/jobs/{id}")
}

/// Reads a result that is small enough to stand in the job. If it cannot be read now, its URL says where it is.
async fn small_result(app: &State, job: &Job) -> Option<String> {
    let at = job.result.as_ref().filter(|at| at.length <= RESULT_LIMIT as u64)?;
    match app.parts.blobs.range(&at.segment, at.offset..at.offset + at.length).await {
        Ok(bytes) => String::from_utf8(bytes.into()).ok(),
        Err(error) => {
            tracing::warn!(%error, job.id = %job.id, "a result cannot be shown with its job");
            None
        }
    }
}
