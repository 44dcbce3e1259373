//! `POST /v1/queues/drain/{model}`

use axum::extract::State;
use axum::http::StatusCode;
use forebay_shared::registry::PULL;

use super::Named;
use crate::auth::Admin;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Drain a model
///
/// Nothing new is accepted for it: submissions are refused with 503 and the code `draining`, at the latest after a second.
/// What is accepted runs to its end. The queue of models that are being pulled cannot be drained; it can be paused.
#[utoipa::path(
    post,
    path = "/v1/queues/drain/{*model}",
    tag = "queues",
    operation_id = "drain_queue",
    params(("model" = String, Path, description = "The model's name or an alias; it may contain `/`")),
    responses(
        (status = 204, description = "It is so"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn drain(State(app): State<App>, _: Admin, Named(model): Named) -> Result<StatusCode, Problem> {
    // Whoever submits there is refused by nobody.
    if model == PULL {
        return Err(Problem::unknown_model(&model));
    }
    app.parts.store.drain_queue(&model).await?;
    tracing::info!(model, "drain was ordered");
    Ok(StatusCode::NO_CONTENT)
}
