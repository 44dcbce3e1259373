//! `POST /v1/batches/{id}/cancel`

use axum::Json;
use axum::extract::{Path, State};

use super::super::OpenAiError;
use super::BatchView;
use crate::auth::Writer;
use crate::bulk;
use crate::problem::Problem;
use crate::state::App;

/// Cancel a batch
///
/// Lines that have run are kept and can be read in the output file; the others are told in the error file.
#[utoipa::path(
    post,
    path = "/v1/batches/{id}/cancel",
    tag = "bulk",
    operation_id = "cancel_batch",
    params(("id" = String, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch is stopping", body = BatchView),
        (status = 400, description = "The batch has ended", body = OpenAiError),
        (status = 404, description = "There is no such batch", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn cancel(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(BatchView::new(bulk::cancel(&app, &owner, &id).await?)))
}
