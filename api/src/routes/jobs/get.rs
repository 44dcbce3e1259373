//! `GET /v1/jobs/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::{Followed, Id, JobView, follow, job_not_found, kind};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::{cache, prefer};

/// Read a job
///
/// With `Prefer: wait=<seconds>` the answer comes when the job ends, or when the time is over.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "get_job",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`, 0…60: wait for the job to end", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "The job as it stands", body = JobView, headers(
            ("Retry-After" = u32, description = "When to ask again, in seconds, if the job has not ended"),
            ("Preference-Applied" = String, description = "The wait that was asked for"),
        )),
        (status = 400, description = "The id or a header is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = prefer::wait(&headers, app.config.limits.max_wait)?;
    let Followed { job, result } = match wait {
        Some(patience) if !patience.is_zero() => follow(&app, &owner, id, patience).await?,
        _ => {
            let job = app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
            Followed { job, result: None }
        }
    };
    let (ended, kind) = (job.status.is_terminal(), kind(&app, &job).await?);
    let (place, told) = (app.places.of(&job).await?, cache::told(&app, &job));
    let view = JobView::with_result(&app, job, kind, result).await?.with_place(place);
    let mut response = Json(view).into_response();
    response.headers_mut().extend(wait.map(prefer::applied));
    response.headers_mut().extend(told);
    if !ended {
        response.headers_mut().extend([prefer::ask_again_in(place.and_then(|place| place.eta))]);
    }
    Ok(response)
}
