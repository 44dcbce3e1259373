//! `POST /v1/queues/purge/{model}`

use axum::Json;
use axum::extract::State;

use super::Named;
use crate::auth::Admin;
use crate::problem::{Problem, ProblemBody};
use crate::routes::jobs::cancel_many::{Stopped, stop_all};
use crate::routes::jobs::chunks::CHUNK;
use crate::state::App;

/// Purge a model's queue
///
/// Cancels all its queued jobs, whoever owns them; what runs goes on.
#[utoipa::path(
    post,
    path = "/v1/queues/purge/{*model}",
    tag = "queues",
    operation_id = "purge_queue",
    params(("model" = String, Path, description = "The model's name or an alias; it may contain `/`")),
    responses(
        (status = 200, description = "How many were cancelled", body = Stopped),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn purge(State(app): State<App>, _: Admin, Named(model): Named) -> Result<Json<Stopped>, Problem> {
    let told = stop_all(&app, "purged", || app.parts.store.cancel_queue(&model, CHUNK)).await?;
    tracing::info!(model, ?told, "a queue was purged");
    Ok(Json(told))
}
