//! `POST /v1/queues/resume/{model}`

use axum::extract::State;
use axum::http::StatusCode;

use super::Named;
use crate::auth::Admin;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Resume a model
///
/// Ends a pause, or a drain, or both.
#[utoipa::path(
    post,
    path = "/v1/queues/resume/{*model}",
    tag = "queues",
    operation_id = "resume_queue",
    params(("model" = String, Path, description = "The model's name or an alias; it may contain `/`")),
    responses(
        (status = 204, description = "It is so"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn resume(State(app): State<App>, _: Admin, Named(model): Named) -> Result<StatusCode, Problem> {
    app.parts.store.resume(&model).await?;
    app.parts.filler.ask_everywhere();
    tracing::info!(model, "resume was ordered");
    Ok(StatusCode::NO_CONTENT)
}
