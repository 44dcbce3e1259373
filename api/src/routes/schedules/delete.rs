//! `DELETE /v1/schedules/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::{Id, schedule_not_found};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Delete a schedule
///
/// With its history. The jobs that it made stay.
#[utoipa::path(
    delete,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "delete_schedule",
    params(("id" = String, Path, format = Uuid, description = "The schedule")),
    responses(
        (status = 204, description = "The schedule is gone"),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if app.parts.store.delete_schedule(&owner, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(schedule_not_found())
    }
}
