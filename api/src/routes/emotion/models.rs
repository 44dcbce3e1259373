//! `GET /models`, `GET /models/{model_id}`

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use forebay_dialects::emotion::{ErrorResponse, ModelDetail, ModelInfo, find, listed};

use crate::auth::Reader;
use crate::problem::Problem;
use crate::state::App;

/// List the models that find emotions
///
/// Those that the configuration gives an id (`emotion.models`), and those that have an alias of that form.
#[utoipa::path(
    get,
    path = "/models",
    tag = "emotion",
    operation_id = "emotion_models",
    responses(
        (status = 200, description = "The models, by their ids", body = [ModelInfo]),
        (status = 503, description = "Ask again in a moment", body = ErrorResponse),
    ),
)]
pub async fn list(State(app): State<App>, Reader(owner): Reader) -> Result<Json<Vec<ModelInfo>>, Problem> {
    let models = app.parts.catalog.models(&owner).await?;
    let listed = listed(&models, &app.config.emotion.models);
    Ok(Json(listed.iter().map(|(id, model)| ModelInfo::new(id, model)).collect()))
}

/// Read a model that finds emotions
#[utoipa::path(
    get,
    path = "/models/{model_id}",
    tag = "emotion",
    operation_id = "emotion_model",
    params(("model_id" = String, Path, description = "The model's id", example = "A001", pattern = r"^A\d{3}$")),
    responses(
        (status = 200, description = "The model", body = ModelDetail),
        (status = 404, description = "There is no such model", body = ErrorResponse),
        (status = 503, description = "Ask again in a moment", body = ErrorResponse),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelDetail>, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let models = app.parts.catalog.models(&owner).await?;
    let model = find(&models, &app.config.emotion.models, &id);
    model.map(|model| Json(ModelDetail::new(&id, model))).ok_or_else(|| Problem::unknown_model(&id))
}
