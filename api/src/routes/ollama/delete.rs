//! `DELETE /api/delete`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use forebay_dialects::ollama;
use utoipa::ToSchema;

use super::{OllamaError, order};
use crate::auth::Registrant;
use crate::problem::Problem;
use crate::registry;
use crate::state::App;

/// Delete a model, as Ollama does
///
/// One of the registry's. Its files go when no other model has them. It is refused while jobs for it wait or run. With keys,
/// everybody's models are deleted by keys with the scope `admin`.
#[utoipa::path(
    delete,
    path = "/api/delete",
    tag = "ollama",
    operation_id = "ollama_delete",
    request_body = OllamaDelete,
    responses(
        (status = 200, description = "It is gone"),
        (status = 400, description = "The body cannot be read or names no model, or the model stands in a folder of a worker", body = OllamaError),
        (status = 404, description = "There is no such model", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 409, description = "Jobs for it wait or run", body = OllamaError),
        (status = 413, description = "The body is too large", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    registrant: Registrant,
    request: Request,
) -> Result<StatusCode, Problem> {
    let model = ollama::order::delete(&order(&app, request).await?)?;
    registry::delete(&app, &registrant, &model).await?;
    Ok(StatusCode::OK)
}

/// Which model.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
pub struct OllamaDelete {
    /// Its name, with or without `:latest`; `name` says the same.
    model: Option<String>,
    /// The same, as older clients say it.
    name: Option<String>,
}
