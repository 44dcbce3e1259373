//! `GET /v1/jobs/{id}/explain`

mod words;

use axum::Json;
use axum::extract::State;
use forebay_shared::clock::Timestamp;
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{Account, Apart, BatchAccount, CloseReason, Failure, ItemError, Status, Timings};
use forebay_shared::store::{Explained, ExplainedAttempt};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Id, QueueView, job_not_found};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Explain a job
///
/// Why it waits, or where the time of every attempt went: which worker had it, in which batches its items ran, how large
/// those were and what they cost, whose items shared them, how long its own waited and for what, why no more items joined,
/// how often it was tried and why again. The first 32 batches of an attempt are told, all are counted; an attempt whose
/// worker died tells none.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/explain",
    tag = "jobs",
    operation_id = "explain_job",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 200, description = "What is known", body = Explanation),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn explain(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
) -> Result<Json<Explanation>, Problem> {
    let explained = app.parts.store.explain(&owner, id).await?.ok_or_else(job_not_found)?;
    let served = match app.parts.catalog.find(&owner, &explained.job.model).await? {
        // The catalogue may be a moment old, and an explanation should not be.
        Some(model) => {
            let workers = app.parts.store.workers().await?;
            Some(workers.iter().filter(|worker| worker.models.contains(&model.card.name)).count())
        }
        None => None,
    };
    let waits = words::waits(&explained, served, app.parts.store.now());
    let queue = app.places.of(&explained.job).await?.map(QueueView::from);
    Ok(Json(Explanation { queue, ..Explanation::of(explained, waits) }))
}

/// Why a job waits, or where its time went.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// `explanation`
    object: &'static str,
    /// The job.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// Where it stands.
    status: Status,
    /// Why it waits, if it does.
    waits: Vec<Wait>,
    /// What goes before it, while it waits.
    queue: Option<QueueView>,
    /// How many of its attempts failed, of those it may have.
    failures: u16,
    /// How many failed attempts end it.
    max_attempts: u16,
    /// First to last; the last may run still.
    attempts: Vec<AttemptExplained>,
}

/// A reason to wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitReason)]
pub struct Wait {
    /// The stable code: `not_due`, `paused`, `model_not_served`, `no_worker`, `window`, `worker_busy`, `scheduler`.
    pub code: &'static str,
    /// The same in words.
    pub sentence: String,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptExplained {
    /// Its number, from 1.
    number: u32,
    /// Who made it.
    #[schema(value_type = Option<String>, format = Uuid)]
    worker: Option<WorkerId>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Why it failed, if it did.
    error: Option<ItemError>,
    /// Where its time went.
    timings: Option<Timings>,
    /// In how many batches its items ran.
    batch_count: u32,
    /// The first of them.
    batches: Vec<BatchExplained>,
    /// A sentence for each of its phases.
    sentences: Vec<String>,
}

/// A batch that some of the job's items ran in.
#[derive(Debug, Serialize, ToSchema)]
struct BatchExplained {
    /// Which it was: the same in the explanations of all jobs that had items in it, in whatever words they came.
    id: String,
    /// Its number in the worker's line for this model.
    number: u64,
    /// How many items it had.
    items: u32,
    /// How many of them were the job's own.
    own: u32,
    /// Which share of its items was other jobs', 0…1.
    others: f64,
    /// What it cost, in the unit that fills the device.
    cost: u64,
    /// Which share of that was padding, 0…1.
    padding: f64,
    /// How long the job's own items waited at most because the device was busy.
    device_wait_ms: f64,
    /// And because others could have joined them.
    company_wait_ms: f64,
    /// How long it ran.
    run_ms: Option<f64>,
    /// Why no more items joined.
    closed: CloseReason,
    /// Whether its items were kept apart, because a worker had died that held them.
    isolation: Apart,
    /// Whether it failed as a whole, so that its items ran one by one.
    split: bool,
}

impl Explanation {
    fn of(explained: Explained, waits: Vec<Wait>) -> Self {
        let Explained { job, worker, failures, account, attempts, .. } = explained;
        let failed = |attempt| AttemptExplained::failed(&job.model, attempt);
        let mut told: Vec<_> = attempts.into_iter().map(failed).collect();
        let is_told = told.last().is_some_and(|last| last.number == job.attempt);
        if job.attempt > 0 && !is_told && job.status != Status::Queued {
            told.push(AttemptExplained::of(
                &job.model,
                (job.attempt, worker, job.started_at, job.finished_at),
                job.error.filter(|_| job.status.is_terminal()),
                (job.timings, account),
            ));
        }
        Self {
            object: "explanation",
            job: job.id,
            status: job.status,
            waits,
            queue: None,
            failures,
            max_attempts: job.max_attempts,
            attempts: told,
        }
    }
}

impl AttemptExplained {
    fn failed(model: &str, attempt: ExplainedAttempt) -> Self {
        let ExplainedAttempt { attempt, timings, account } = attempt;
        let failure = Failure::permanent(attempt.code, attempt.message);
        Self::of(
            model,
            (attempt.number, Some(attempt.worker), Some(attempt.started_at), Some(attempt.ended_at)),
            Some(failure),
            (timings, account),
        )
    }

    fn of(
        model: &str,
        (number, worker, started_at, ended_at): (u32, Option<WorkerId>, Option<Timestamp>, Option<Timestamp>),
        failure: Option<Failure>,
        (timings, account): (Option<Timings>, Option<Account>),
    ) -> Self {
        let account = account.unwrap_or_default();
        let timings = timings.filter(|_| ended_at.is_some());
        let sentences = words::phases(timings.as_ref(), &account, failure.as_ref(), ended_at.is_some());
        Self {
            number,
            worker,
            started_at,
            ended_at,
            error: failure.map(ItemError::from),
            timings,
            batch_count: account.count,
            batches: account.batches.iter().map(|batch| BatchExplained::of(model, worker, batch)).collect(),
            sentences,
        }
    }
}

impl BatchExplained {
    fn of(model: &str, worker: Option<WorkerId>, batch: &BatchAccount) -> Self {
        let worker = worker.map(|worker| worker.to_string()).unwrap_or_default();
        Self {
            id: format!("{model}/{}@{worker}", batch.number),
            number: batch.number,
            items: batch.items,
            own: batch.own,
            others: share(u64::from(batch.items - batch.own.min(batch.items)), u64::from(batch.items)),
            cost: batch.cost,
            padding: share(batch.padding, batch.cost),
            device_wait_ms: batch.device_ms,
            company_wait_ms: batch.company_ms,
            run_ms: batch.run_ms,
            closed: batch.closed,
            isolation: batch.isolation,
            split: batch.split,
        }
    }
}

/// A part of a whole, to the thousandth.
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64 * 1000.0).round() / 1000.0
}
