//! `POST /v1/bulk/{id}/retry`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::BulkView;
use crate::auth::Submitter;
use crate::bulk;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Run a bulk's failed lines again
///
/// In a new bulk of the same file, which holds no other line. OpenAI's batches can be run again in this way too.
#[utoipa::path(
    post,
    path = "/v1/bulk/{id}/retry",
    tag = "bulk",
    operation_id = "retry_bulk",
    params(("id" = String, Path, description = "The bulk that has ended")),
    responses(
        (status = 202, description = "The new bulk", body = BulkView, headers(
            ("Location" = String, description = "Where to ask for it"),
        )),
        (status = 404, description = "There is no such bulk, or its file is gone", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The bulk has not ended, or no line of it failed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn retry(
    State(app): State<App>,
    submitter: Submitter,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let bulk = bulk::retry(&app, submitter, &id).await?;
    let location = format!("/v1/bulk/{}", bulk::name(bulk.id));
    let view = Json(BulkView::new(bulk, app.parts.store.now()));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], view).into_response())
}
