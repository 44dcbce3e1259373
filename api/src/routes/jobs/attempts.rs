//! `GET /v1/jobs/{id}/attempts`

use axum::Json;
use axum::extract::State;
use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Attempt, ItemError};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Id, job_not_found};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// List a job's failed attempts
///
/// First to last. The attempt that succeeded, or runs, stands in the job itself.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/attempts",
    tag = "jobs",
    operation_id = "list_job_attempts",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 200, description = "Attempts that ended without success", body = AttemptList),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn attempts(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
) -> Result<Json<AttemptList>, Problem> {
    let attempts = app.parts.store.attempts(&owner, id).await?;
    if attempts.is_empty() {
        app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
    }
    let data = attempts.into_iter().map(AttemptView::from).collect();
    Ok(Json(AttemptList { object: "list", data }))
}

/// Attempts that ended without success.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptList {
    /// `list`
    object: &'static str,
    /// First to last.
    data: Vec<AttemptView>,
}

/// An attempt that ended without success.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptView {
    /// Its number, from 1.
    number: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// Why it ended.
    error: ItemError,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            error: ItemError { code: attempt.code, message: attempt.message },
        }
    }
}
