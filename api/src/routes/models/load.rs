//! `POST /v1/models/load`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::residency::{KeepAlive, Wish};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ModelDetail, find};
use crate::auth::Writer;
use crate::problem::{Code, Problem};
use crate::routes::openai::OpenAiError;
use crate::state::App;
use crate::{body, residency};

/// Load a model
///
/// Workers that serve it load it now, and it is warm when the answer comes.
#[utoipa::path(
    post,
    path = "/v1/models/load",
    tag = "models",
    operation_id = "load_model",
    request_body = LoadRequest,
    responses(
        (status = 200, description = "A worker has loaded it", body = ModelDetail),
        (status = 400, description = "The body cannot be read, or a field is not valid", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "No worker serves it, or it is being loaded: ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn load(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<ModelDetail>, Problem> {
    let asked: LoadRequest = body::read(&app, request, "request", app.config.limits.max_body).await?;
    let keep = asked.keep_alive.as_deref().map(str::parse::<KeepAlive>).transpose();
    let keep = keep.map_err(|error| Problem::new(Code::InvalidField, error).at("keep_alive"))?;
    let model = find(&app, &owner, &asked.model).await?;
    let model = residency::come_about(&app, model, Wish::load(keep)).await?;
    Ok(Json(ModelDetail::new(model, &app.config.limits)))
}

/// Which model, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoadRequest {
    /// Its name or an alias.
    model: String,
    /// How long it stays without work: a duration such as `5m`, or `-1` for as long as nothing else needs its room. As the
    /// worker is configured, if nothing is said.
    keep_alive: Option<String>,
}
