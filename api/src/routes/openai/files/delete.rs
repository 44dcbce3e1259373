//! `DELETE /v1/files/{file_id}`

use axum::Json;
use axum::extract::{Path, State};
use forebay_shared::id::FileId;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::OpenAiError;
use super::{id, not_found};
use crate::auth::Writer;
use crate::problem::Problem;
use crate::state::App;

/// Delete a file
///
/// It is gone at once; its bytes follow within the time that the scheduler takes (`scheduler.retain`).
#[utoipa::path(
    delete,
    path = "/v1/files/{file_id}",
    tag = "files",
    operation_id = "delete_file",
    params(("file_id" = String, Path, description = "The file")),
    responses(
        (status = 200, description = "The file is gone", body = FileDeleted),
        (status = 404, description = "There is no such file", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    Writer(owner): Writer,
    Path(word): Path<String>,
) -> Result<Json<FileDeleted>, Problem> {
    let id = id(&word)?;
    if app.parts.store.delete_file(&owner, id).await? {
        Ok(Json(FileDeleted { id, object: "file", deleted: true }))
    } else {
        Err(not_found(&word))
    }
}

/// A file is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileDeleted {
    /// Its id.
    #[schema(value_type = String)]
    id: FileId,
    /// `file`
    object: &'static str,
    /// `true`
    deleted: bool,
}
