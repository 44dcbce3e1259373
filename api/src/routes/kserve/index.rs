//! `POST /v2/repository/index`

use axum::Json;
use axum::extract::{Request, State};
use forebay_dialects::kserve::IndexEntry;
use serde::Deserialize;
use utoipa::ToSchema;

use super::KserveError;
use crate::auth::Reader;
use crate::body;
use crate::problem::Problem;
use crate::state::App;

/// Which models are there?
///
/// Every model that a worker has announced, or that was brought in. The body may be left out.
#[utoipa::path(
    post,
    path = "/v2/repository/index",
    tag = "kserve",
    operation_id = "kserve_index",
    request_body = Option<IndexRequest>,
    responses(
        (status = 200, description = "The models, by name", body = Vec<IndexEntry>),
        (status = 400, description = "The body cannot be read", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn index(
    State(app): State<App>,
    Reader(owner): Reader,
    request: Request,
) -> Result<Json<Vec<IndexEntry>>, Problem> {
    let (body, _room) = app.memory.read(request, app.config.limits.max_body).await?;
    let IndexRequest { ready } =
        if body.is_empty() { IndexRequest::default() } else { body::parse(&body, "request")? };
    let models = app.parts.catalog.models(&owner).await?;
    let listed = models.iter().filter(|model| !ready || model.workers > 0);
    Ok(Json(listed.map(IndexEntry::from).collect()))
}

/// Which models are meant.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IndexRequest {
    /// Only those that a worker serves now.
    #[serde(default)]
    ready: bool,
}
