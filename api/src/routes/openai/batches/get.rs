//! `GET /v1/batches/{id}`

use axum::Json;
use axum::extract::{Path, State};

use super::super::OpenAiError;
use super::BatchView;
use crate::auth::Reader;
use crate::bulk;
use crate::problem::Problem;
use crate::state::App;

/// Read a batch
///
/// Its counts grow while it runs.
#[utoipa::path(
    get,
    path = "/v1/batches/{id}",
    tag = "bulk",
    operation_id = "get_batch",
    params(("id" = String, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch as it stands", body = BatchView),
        (status = 404, description = "There is no such batch", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(BatchView::new(bulk::find(&app, &owner, &id).await?)))
}
