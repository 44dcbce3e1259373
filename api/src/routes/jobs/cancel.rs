//! `POST /v1/jobs/{id}/cancel`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_shared::id::JobId;
use forebay_shared::store::CancelOutcome;
use forebay_shared::telemetry::count_dropped;

use super::{Id, JobView, job_not_found, kind};
use crate::auth::Writer;
use crate::follow::ended;
use crate::problem::{Problem, ProblemBody};
use crate::state::{App, State as AppState};

/// Cancel a job
///
/// A queued job is cancelled at once. A running one is asked to stop, keeps what it has finished, and is cancelled soon.
/// A job that has ended stays as it is.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    tag = "jobs",
    operation_id = "cancel_job",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 200, description = "The job has ended, now or before", body = JobView),
        (status = 202, description = "The job is running and has been asked to stop", body = JobView),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn cancel(State(app): State<App>, Writer(owner): Writer, Id(id): Id) -> Result<Response, Problem> {
    let (status, job) = match stop(&app, &owner, id, "cancelled").await? {
        CancelOutcome::Cancelled(job) | CancelOutcome::AlreadyEnded(job) => (StatusCode::OK, job),
        CancelOutcome::Requested(job) => (StatusCode::ACCEPTED, job),
        CancelOutcome::Unknown => return Err(job_not_found()),
    };
    let kind = kind(&app, &job).await?;
    let view = JobView::with_result(&app, *job, kind, None).await?;
    Ok((status, Json(view)).into_response())
}

/// Cancels a job and tells those who wait for it, since no worker will. What had not begun is counted by the reason.
pub async fn stop(
    app: &AppState,
    owner: &str,
    id: JobId,
    reason: &'static str,
) -> Result<CancelOutcome, Problem> {
    let outcome = app.parts.store.cancel(owner, id).await?;
    if let CancelOutcome::Cancelled(job) = &outcome {
        count_dropped(reason, job);
        let word = job.waiters.iter().map(|waiter| (waiter.clone(), ended(job))).collect();
        app.parts.events.publish(word).await;
    }
    Ok(outcome)
}
