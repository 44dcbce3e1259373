//! `POST /v1/bulk/{id}/cancel`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::BulkView;
use crate::auth::Writer;
use crate::bulk;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Cancel a bulk
///
/// Lines that have run are kept; the others are told in the file of errors.
#[utoipa::path(
    post,
    path = "/v1/bulk/{id}/cancel",
    tag = "bulk",
    operation_id = "cancel_bulk",
    params(("id" = String, Path, description = "The bulk")),
    responses(
        (status = 202, description = "The bulk is stopping", body = BulkView),
        (status = 400, description = "The bulk has ended", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn cancel(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<BulkView>), Problem> {
    let bulk = bulk::cancel(&app, &owner, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(BulkView::new(bulk, app.parts.store.now()))))
}
