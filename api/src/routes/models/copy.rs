//! `POST /v1/models/copy`

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::registered::RegisteredView;
use crate::auth::Registrant;
use crate::problem::Problem;
use crate::routes::openai::OpenAiError;
use crate::state::App;
use crate::{body, registry};

/// Copy a model
///
/// Gives a model of the registry another name, which stays when the first one goes. Its files are not copied. A name that
/// exists means the other model's files from now on. With keys, the copy is the key's owner's, whoever's the original is.
#[utoipa::path(
    post,
    path = "/v1/models/copy",
    tag = "models",
    operation_id = "copy_model",
    request_body = CopyRequest,
    responses(
        (status = 200, description = "The copy", body = RegisteredView),
        (status = 400, description = "The body cannot be read, a field is not valid, or the model is not one of the registry's", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 409, description = "The name is taken: somebody else has it, or a worker has it in a folder; or there are as many models as may be", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn copy(
    State(app): State<App>,
    registrant: Registrant,
    request: Request,
) -> Result<Json<RegisteredView>, Problem> {
    let asked: CopyRequest = body::read(&app, request, "request", app.config.limits.max_body).await?;
    let model = registry::copy(&app, &registrant, (&asked.source, &asked.destination)).await?;
    Ok(Json(RegisteredView::read(&app, model).await?))
}

/// Which model, and its other name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CopyRequest {
    /// The model.
    source: String,
    /// Its other name: at most 200 bytes in three parts between slashes.
    destination: String,
}
