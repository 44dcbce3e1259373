//! `POST /v2/repository/models/{name}/load` and `…/unload`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use forebay_shared::job::Object;
use forebay_shared::residency::Wish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{KserveError, Named};
use crate::auth::Writer;
use crate::problem::{Code, Problem};
use crate::state::{App, State as AppState};
use crate::{body, residency};

/// Load a model
///
/// Workers that serve it load it now, and it is warm when the answer comes. A `/` in its name is written `%2F`.
#[utoipa::path(
    post,
    path = "/v2/repository/models/{name}/load",
    tag = "kserve",
    operation_id = "kserve_load",
    params(("name" = String, Path, description = "The model")),
    request_body = Option<RepositoryRequest>,
    responses(
        (status = 200, description = "A worker has loaded it"),
        (status = 400, description = "The body cannot be read, or asks for what cannot be had", body = KserveError),
        (status = 404, description = "There is no such model", body = KserveError),
        (status = 503, description = "No worker serves it, or it is being loaded: ask again in a moment", body = KserveError),
    ),
)]
pub async fn load(
    State(app): State<App>,
    _writer: Writer,
    Named(model): Named,
    request: Request,
) -> Result<StatusCode, Problem> {
    check(&app, request).await?;
    residency::come_about(&app, model, Wish::load(None)).await?;
    Ok(StatusCode::OK)
}

/// Unload a model
///
/// It leaves memory once nothing runs on it, and stays ready: its next job has it loaded again.
#[utoipa::path(
    post,
    path = "/v2/repository/models/{name}/unload",
    tag = "kserve",
    operation_id = "kserve_unload",
    params(("name" = String, Path, description = "The model")),
    request_body = Option<RepositoryRequest>,
    responses(
        (status = 200, description = "It leaves"),
        (status = 400, description = "The body cannot be read, or asks for what cannot be had", body = KserveError),
        (status = 404, description = "There is no such model", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn unload(
    State(app): State<App>,
    _writer: Writer,
    Named(model): Named,
    request: Request,
) -> Result<StatusCode, Problem> {
    check(&app, request).await?;
    residency::come_about(&app, model, Wish::Unload).await?;
    Ok(StatusCode::OK)
}

/// How it is to be done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RepositoryRequest {
    /// `unload_dependents`, which changes nothing here: no model has dependents.
    #[serde(default)]
    parameters: Object,
}

/// A model's configuration and its files come by its manifest, not with a request.
async fn check(app: &AppState, request: Request) -> Result<(), Problem> {
    let (body, _room) = app.memory.read(request, app.config.limits.max_body).await?;
    let RepositoryRequest { parameters } =
        if body.is_empty() { RepositoryRequest::default() } else { body::parse(&body, "request")? };
    match parameters.keys().find(|name| *name != "unload_dependents") {
        None => Ok(()),
        Some(name) => {
            let detail =
                format_args!("the parameter `{name}` is not taken: a model is configured by its manifest");
            Err(Problem::new(Code::InvalidField, detail).at(format!("parameters.{name}")))
        }
    }
}
