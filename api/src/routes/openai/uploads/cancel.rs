//! `POST /v1/uploads/{upload_id}/cancel`

use axum::Json;
use axum::extract::{Path, State};
use forebay_shared::store::Cancellation;

use super::super::OpenAiError;
use super::{UploadView, ended, id, not_found};
use crate::auth::Writer;
use crate::problem::Problem;
use crate::state::App;

/// Cancel an upload
///
/// Its parts are gone, and it takes no more. Cancelling again answers the same.
#[utoipa::path(
    post,
    path = "/v1/uploads/{upload_id}/cancel",
    tag = "files",
    operation_id = "cancel_upload",
    params(("upload_id" = String, Path, description = "The upload")),
    responses(
        (status = 200, description = "The upload", body = UploadView),
        (status = 400, description = "The upload has ended", body = OpenAiError),
        (status = 404, description = "There is no such upload", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn cancel(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(word): Path<String>,
) -> Result<Json<UploadView>, Problem> {
    match app.parts.store.cancel_upload(&owner, id(&word)?).await? {
        Cancellation::Cancelled(upload) => Ok(Json(UploadView::new(*upload, None))),
        Cancellation::Ended(status) => Err(ended(status)),
        Cancellation::Unknown => Err(not_found(&word)),
    }
}
