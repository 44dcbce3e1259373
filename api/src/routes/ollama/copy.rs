//! `POST /api/copy`

use axum::Json;
use axum::extract::{Request, State};
use forebay_dialects::ollama::{self, Progress};

use super::{OllamaError, OllamaStatus, order};
use crate::auth::Registrant;
use crate::problem::Problem;
use crate::registry;
use crate::state::App;
use utoipa::ToSchema;

/// Copy a model, as Ollama does
///
/// Gives a model of the registry another name. A name that exists means the other model's files from now on.
#[utoipa::path(
    post,
    path = "/api/copy",
    tag = "ollama",
    operation_id = "ollama_copy",
    request_body = OllamaCopy,
    responses(
        (status = 200, description = "It is done", body = OllamaStatus),
        (status = 400, description = "The body cannot be read, a field is not valid, or the model is not one of the registry's", body = OllamaError),
        (status = 404, description = "There is no such model", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 409, description = "The name is taken: somebody else has it, or a worker has it in a folder; or there are as many models as may be", body = OllamaError),
        (status = 413, description = "The body is too large", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn copy(
    State(app): State<App>,
    registrant: Registrant,
    request: Request,
) -> Result<Json<Progress>, Problem> {
    let asked = ollama::order::copy(&order(&app, request).await?)?;
    registry::copy(&app, &registrant, (&asked.source, &asked.destination)).await?;
    Ok(Json(Progress::success()))
}

/// Which model, and its other name.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct OllamaCopy {
    /// The model.
    source: String,
    /// Its other name.
    destination: String,
}
