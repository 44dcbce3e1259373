//! `POST /v1/jobs/cancel`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::job::{Job, Status};
use forebay_shared::store::StoreResult;
use forebay_shared::telemetry::count_dropped;
use serde::Serialize;
use utoipa::ToSchema;

use super::chunks::{CHUNK, Chunks};
use super::filter::FilterBody;
use crate::auth::Writer;
use crate::follow::ended;
use crate::problem::{Problem, ProblemBody};
use crate::state::{App, State as AppState};

/// Cancel many jobs
///
/// Queued jobs are cancelled at once; running ones are asked to stop and keep what they have finished. It works however
/// full the queues are. If it takes longer than 20 seconds, `more` says that jobs are left: ask again.
#[utoipa::path(
    post,
    path = "/v1/jobs/cancel",
    tag = "jobs",
    operation_id = "cancel_jobs",
    request_body = FilterBody,
    responses(
        (status = 200, description = "How many were cancelled", body = Stopped),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn cancel_many(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<Stopped>, Problem> {
    let filter = FilterBody::read(&app, &owner, request).await?;
    stop_all(&app, "cancelled", || app.parts.store.cancel_all(&owner, &filter, CHUNK)).await.map(Json)
}

/// Cancels chunk by chunk, tells those who wait, and counts by the reason what had not begun.
pub async fn stop_all<F>(
    app: &AppState,
    reason: &'static str,
    chunk: impl Fn() -> F,
) -> Result<Stopped, Problem>
where
    F: Future<Output = StoreResult<Vec<Job>>>,
{
    let (mut chunks, mut told) = (Chunks::begin(), Stopped { cancelled: 0, requested: 0, more: false });
    while let Some(jobs) = chunks.next(chunk()).await? {
        let gone: Vec<_> = jobs.iter().filter(|job| job.status == Status::Cancelled).collect();
        for job in &gone {
            count_dropped(reason, job);
        }
        told.cancelled += gone.len() as u64;
        told.requested += (jobs.len() - gone.len()) as u64;
        let word = gone.iter().flat_map(|job| job.waiters.iter().map(|waiter| (waiter.clone(), ended(job))));
        app.parts.events.publish(word.collect()).await;
    }
    Ok(Stopped { more: chunks.more(), ..told })
}

/// How many jobs were cancelled.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Cancelled)]
pub struct Stopped {
    /// Jobs that waited and have ended.
    cancelled: u64,
    /// Jobs that run and have been asked to stop.
    requested: u64,
    /// Whether jobs are left because it took too long.
    more: bool,
}
