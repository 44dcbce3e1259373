//! `GET /api/ps`

use axum::Json;
use axum::extract::State;
use forebay_dialects::ollama;
use serde_json::Value;

use super::{OllamaError, OllamaModels};
use crate::auth::Reader;
use crate::problem::Problem;
use crate::state::App;

/// List the models that are in memory
///
/// A model is loaded when it is first asked for, unless the worker says otherwise, and stays for as long as `expires_at` says.
#[utoipa::path(
    get,
    path = "/api/ps",
    tag = "ollama",
    operation_id = "ollama_ps",
    responses(
        (status = 200, description = "Every model that a living worker has in memory, by name", body = OllamaModels),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn ps(State(app): State<App>, Reader(owner): Reader) -> Result<Json<Value>, Problem> {
    let models = app.parts.catalog.models(&owner).await?;
    Ok(Json(ollama::model::ps(&models, app.parts.clock.now())))
}
