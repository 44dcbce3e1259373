//! `POST /v1/queues/pause/{model}`

use axum::extract::State;
use axum::http::StatusCode;

use super::Named;
use crate::auth::Admin;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Pause a model
///
/// Nothing of its queue is handed over or begun any more, whoever owns it; what runs goes on. Jobs are still accepted, and
/// their deadlines still pass.
#[utoipa::path(
    post,
    path = "/v1/queues/pause/{*model}",
    tag = "queues",
    operation_id = "pause_queue",
    params(("model" = String, Path, description = "The model's name or an alias; it may contain `/`")),
    responses(
        (status = 204, description = "It is so"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn pause(State(app): State<App>, _: Admin, Named(model): Named) -> Result<StatusCode, Problem> {
    app.parts.store.pause(&model).await?;
    tracing::info!(model, "pause was ordered");
    Ok(StatusCode::NO_CONTENT)
}
