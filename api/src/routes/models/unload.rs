//! `POST /v1/models/unload`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::residency::Wish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ModelDetail, find};
use crate::auth::Writer;
use crate::problem::Problem;
use crate::routes::openai::OpenAiError;
use crate::state::App;
use crate::{body, residency};

/// Unload a model
///
/// It leaves memory once nothing runs on it. Its next job has it loaded again.
#[utoipa::path(
    post,
    path = "/v1/models/unload",
    tag = "models",
    operation_id = "unload_model",
    request_body = UnloadRequest,
    responses(
        (status = 200, description = "It has left, or leaves when nothing runs on it", body = ModelDetail),
        (status = 400, description = "The body cannot be read, or a field is not valid", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn unload(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<ModelDetail>, Problem> {
    let asked: UnloadRequest = body::read(&app, request, "request", app.config.limits.max_body).await?;
    let model = find(&app, &owner, &asked.model).await?;
    let model = residency::come_about(&app, model, Wish::Unload).await?;
    Ok(Json(ModelDetail::new(model, &app.config.limits)))
}

/// Which model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UnloadRequest {
    /// Its name or an alias.
    model: String,
}
