//! `GET /v1/files/{file_id}/content`

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::OpenAiError;
use super::{id, not_found};
use crate::auth::Reader;
use crate::download::Download;
use crate::problem::Problem;
use crate::state::App;

/// Read a file
///
/// It streams; ranges can be asked for. The output of a bulk that still runs is what has been written so far.
#[utoipa::path(
    get,
    path = "/v1/files/{file_id}/content",
    tag = "files",
    operation_id = "get_file_content",
    params(
        ("file_id" = String, Path, description = "The file"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that is known already"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream", headers(
            ("ETag" = String, description = "Changes when the file grows"),
            ("Accept-Ranges" = String, description = "`bytes`"),
        )),
        (status = 206, description = "A range of the file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The file is the one that is known"),
        (status = 404, description = "There is no such file", body = OpenAiError),
        (status = 416, description = "The range lies outside", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn content(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(word): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.parts.store.content(&owner, id(&word)?).await?;
    let (file, pieces) = content.ok_or_else(|| not_found(&word))?;
    let download = Download {
        pieces,
        content_type: "application/octet-stream".to_owned(),
        tag: format!("{}-{}", file.id, file.bytes),
    };
    download.answer(&app.parts.blobs, &headers).await
}
