//! `POST /v1/jobs/{id}/retry`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_shared::job::{Job, Status};
use forebay_shared::store::{Again, RetryOutcome};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Id, JobView, job_not_found, kind};
use crate::auth::Writer;
use crate::body;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;
use crate::submission::times::Times;

/// Retry a job
///
/// A job that failed, was cancelled or has expired runs again under its id. The history of its attempts is kept, failed
/// attempts are counted anew, its result is gone, and so are its deadlines unless the body names new ones.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    operation_id = "retry_job",
    params(("id" = String, Path, description = "The job, by its id or the client's own")),
    request_body(content = Option<Deadlines>, description = "New deadlines, if there are to be any"),
    responses(
        (status = 202, description = "The job is queued again", body = JobView),
        (status = 400, description = "The id or the body is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The job has not ended, has succeeded, or is a bulk's; or its model is not there any more", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A deadline is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn retry(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let is_json = body::must_be_json(request.headers());
    let (body, _room) = app.memory.read(request, app.config.limits.max_body).await?;
    let deadlines: Deadlines = if body.is_empty() {
        Deadlines::default()
    } else {
        is_json?;
        body::parse(&body, "body")?
    };
    let now = app.parts.store.now();
    let at = Times::read([None, deadlines.start_by, deadlines.finish_by], None, now)?.from(now);
    let again = Again { ended_by: now, start_by: at.start_by, finish_by: at.finish_by };
    match app.parts.store.retry(&owner, id, again).await? {
        RetryOutcome::Queued(job) => {
            app.parts.filler.ask_everywhere();
            let kind = kind(&app, &job).await?;
            Ok((StatusCode::ACCEPTED, Json(JobView::new(*job, kind))).into_response())
        }
        RetryOutcome::Refused(job) => Err(refused(&app, &job).await?),
        RetryOutcome::Unknown => Err(job_not_found()),
    }
}

/// Why a job is not retried.
async fn refused(app: &App, job: &Job) -> Result<Problem, Problem> {
    let (status, model) = (job.status, &job.model);
    let detail = if job.bulk.is_some() {
        "the job is a slice of a bulk: run the bulk again".to_owned()
    } else if matches!(status, Status::Queued | Status::Running | Status::Succeeded)
        || kind(app, job).await?.is_some()
    {
        format!("the job is {status}; one that failed, was cancelled or has expired can be retried")
    } else {
        format!("there is no model `{model}` any more that the job could run on")
    };
    Ok(Problem::new(Code::NotRetryable, detail))
}

/// New deadlines.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// A job that has not begun by then expires: an instant, or a duration from now.
    #[serde(default)]
    #[schema(example = "30s")]
    start_by: Option<String>,
    /// A job that has not ended by then expires: an instant, or a duration from now.
    #[serde(default)]
    #[schema(example = "5m")]
    finish_by: Option<String>,
}
