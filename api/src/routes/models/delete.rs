//! `DELETE /v1/models/{model}`

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::named;
use crate::auth::Registrant;
use crate::problem::Problem;
use crate::registry;
use crate::routes::openai::OpenAiError;
use crate::state::App;

/// Delete a model
///
/// One of the registry's, by its own name. Its files go when no other model has them. It is refused while jobs for it wait
/// or run. With keys, everybody's models are deleted by keys with the scope `admin`.
#[utoipa::path(
    delete,
    path = "/v1/models/{*name}",
    tag = "models",
    operation_id = "delete_model",
    params(("name" = String, Path, description = "The model's name, which may contain `/` and `:`")),
    responses(
        (status = 200, description = "The model is gone", body = ModelDeleted),
        (status = 400, description = "The model is not one of the registry's: it stands in a folder of a worker", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 409, description = "Jobs for it wait or run", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    registrant: Registrant,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelDeleted>, Problem> {
    let id = named(name)?;
    registry::delete(&app, &registrant, &id).await?;
    Ok(Json(ModelDeleted { id, object: "model", deleted: true }))
}

/// A model is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelDeleted {
    /// Its name.
    id: String,
    /// `model`
    object: &'static str,
    /// `true`
    deleted: bool,
}
