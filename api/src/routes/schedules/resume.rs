//! `POST /v1/schedules/{id}/resume`

use axum::Json;
use axum::extract::State;

use super::Id;
use super::change::{Change, apply};
use super::view::ScheduleView;
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Resume a schedule
///
/// It ticks again, from now on. Resuming what ticks changes nothing.
#[utoipa::path(
    post,
    path = "/v1/schedules/{id}/resume",
    tag = "schedules",
    operation_id = "resume_schedule",
    params(("id" = String, Path, format = Uuid, description = "The schedule")),
    responses(
        (status = 200, description = "The schedule, ticking", body = ScheduleView),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Others change the schedule too", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn resume(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<Json<ScheduleView>, Problem> {
    apply(&app, &owner, id, &Change { paused: Some(false), ..Change::default() }).await
}
