//! `GET /v1/jobs/{id}/files/{n}`

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::file::Piece;

use super::{FileId, job_not_found};
use crate::auth::Reader;
use crate::download::Download;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Read a file of a job's result
///
/// Pictures and other media that the result names stream from here; ranges can be asked for. Where the operator allows it,
/// the answer leads to the object store instead, by a URL that holds for some minutes: follow it, and keep this one.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/files/{n}",
    tag = "jobs",
    operation_id = "get_job_file",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("n" = u32, Path, description = "The file's number, as in the job's `files`"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "image/png"),
        (status = 206, description = "A range of the file", body = Vec<u8>, content_type = "image/png"),
        (status = 307, description = "The file is at the object store, where no key is needed", headers(
            ("Location" = String, description = "Where the file can be read for some minutes"),
        )),
        (status = 304, description = "The file is the one that is known"),
        (status = 400, description = "The id or the number is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job or file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn file(
    State(app): State<App>,
    Reader(owner): Reader,
    FileId(id, n): FileId,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
    let Some(file) = job.files.get(n) else {
        let detail = format_args!("the job has {} files, and none with number {n}", job.files.len());
        return Err(Problem::new(Code::FileNotFound, detail).at("n"));
    };
    // The signature is one for reading; a question about the file is answered here.
    if method == Method::GET
        && let Some(url) = app.parts.blobs.signed_url(&file.key, &file.content_type).await?
    {
        return Ok((StatusCode::TEMPORARY_REDIRECT, lead_to(&url)?).into_response());
    }
    let download = Download {
        pieces: vec![Piece::own(&file.key, file.bytes)],
        content_type: file.content_type.clone(),
        tag: format!("{id}-{}-{n}", job.version),
    };
    download.answer(&app.parts.blobs, &headers).await
}

/// The URL is over soon, and nobody else's, so no cache may keep the answer.
fn lead_to(url: &str) -> Result<[(HeaderName, HeaderValue); 2], Problem> {
    let url =
        HeaderValue::try_from(url).map_err(|_| Problem::defect("a signed URL cannot stand in a header"))?;
    Ok([(header::LOCATION, url), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}
