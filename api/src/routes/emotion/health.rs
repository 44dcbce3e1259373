//! `GET /health`

use axum::Json;
use axum::extract::State;
use forebay_dialects::emotion::{ErrorResponse, HealthResponse};

use crate::problem::Problem;
use crate::state::App;

/// Is the service healthy?
///
/// It is if its database answers.
#[utoipa::path(
    get,
    path = "/health",
    tag = "emotion",
    operation_id = "emotion_health",
    security(()),
    responses(
        (status = 200, description = "It is", body = HealthResponse),
        (status = 503, description = "It is not; ask again in a moment", body = ErrorResponse),
    ),
)]
pub async fn health(State(app): State<App>) -> Result<Json<HealthResponse>, Problem> {
    app.parts.catalog.all().await?;
    Ok(Json(HealthResponse::at(app.parts.clock.now())))
}
