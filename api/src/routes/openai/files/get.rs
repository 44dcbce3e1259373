//! `GET /v1/files/{file_id}`

use axum::Json;
use axum::extract::{Path, State};

use super::super::OpenAiError;
use super::{FileView, id, not_found};
use crate::auth::Reader;
use crate::problem::Problem;
use crate::state::App;

/// Read what is known of a file
#[utoipa::path(
    get,
    path = "/v1/files/{file_id}",
    tag = "files",
    operation_id = "get_file",
    params(("file_id" = String, Path, description = "The file")),
    responses(
        (status = 200, description = "The file", body = FileView),
        (status = 404, description = "There is no such file", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(word): Path<String>,
) -> Result<Json<FileView>, Problem> {
    let file = app.parts.store.file(&owner, id(&word)?).await?.ok_or_else(|| not_found(&word))?;
    Ok(Json(FileView::new(file)))
}
