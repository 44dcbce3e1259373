//! `GET /v1/schedules/{id}`

use axum::Json;
use axum::extract::State;

use super::view::ScheduleView;
use super::{Id, schedule_not_found};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Read a schedule
///
/// With the next five ticks.
#[utoipa::path(
    get,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "get_schedule",
    params(("id" = String, Path, format = Uuid, description = "The schedule")),
    responses(
        (status = 200, description = "The schedule", body = ScheduleView),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
) -> Result<Json<ScheduleView>, Problem> {
    let schedule = app.parts.store.schedule(&owner, id).await?.ok_or_else(schedule_not_found)?;
    Ok(Json(ScheduleView::new(&app, schedule)))
}
