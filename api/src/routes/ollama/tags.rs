//! `GET /api/tags`

use axum::Json;
use axum::extract::State;
use forebay_dialects::ollama;
use serde_json::Value;

use super::{OllamaError, OllamaModels};
use crate::auth::Reader;
use crate::problem::Problem;
use crate::state::App;

/// List models, as Ollama does
#[utoipa::path(
    get,
    path = "/api/tags",
    tag = "ollama",
    operation_id = "ollama_tags",
    responses(
        (status = 200, description = "Every model that a worker has announced or that was brought in, by name", body = OllamaModels),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn tags(State(app): State<App>, Reader(owner): Reader) -> Result<Json<Value>, Problem> {
    Ok(Json(ollama::model::tags(&app.parts.catalog.models(&owner).await?)))
}
