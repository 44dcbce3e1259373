//! `GET /v1/bulk/{id}`

use axum::Json;
use axum::extract::{Path, State};

use super::BulkView;
use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Read a bulk
///
/// Its counts and its progress grow while it runs.
#[utoipa::path(
    get,
    path = "/v1/bulk/{id}",
    tag = "bulk",
    operation_id = "get_bulk",
    params(("id" = String, Path, description = "The bulk")),
    responses(
        (status = 200, description = "The bulk as it stands", body = BulkView),
        (status = 404, description = "There is no such bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(id): Path<String>,
) -> Result<Json<BulkView>, Problem> {
    Ok(Json(BulkView::new(bulk::find(&app, &owner, &id).await?, app.parts.store.now())))
}
