//! `GET /v1/jobs/{id}/result`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use forebay_shared::file::Piece;
use forebay_shared::job::{ItemError, Job, Output, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, job_not_found};
use crate::auth::Reader;
use crate::download::Download;
use crate::problem::{Code, Problem, ProblemBody};
use crate::samples;
use crate::state::App;

/// Read a job's result
///
/// The document streams, however large it is; ranges of it can be asked for.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    tag = "jobs",
    operation_id = "get_job_result",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that is known already"),
    ),
    responses(
        (status = 200, description = "The result", body = ResultDocument, headers(
            ("ETag" = String, description = "Changes when the result does"),
            ("Accept-Ranges" = String, description = "`bytes`"),
        )),
        (status = 206, description = "A range of the result", body = String, content_type = "application/json"),
        (status = 304, description = "The result is the one that is known"),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job, or it has no result", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The job has not finished", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn result(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
    let Some(at) = &job.result else { return Err(without_result(&job)) };
    let download = Download {
        pieces: vec![Piece::of_segment(&at.segment, at.offset, at.length)],
        content_type: "application/json".to_owned(),
        tag: format!("{id}-{}", job.version),
    };
    download.answer(&app.parts.blobs, &headers).await
}

fn without_result(job: &Job) -> Problem {
    if !job.status.is_terminal() {
        let detail = format_args!("the job is {}; its result comes when it has finished", job.status);
        return Problem::new(Code::JobNotFinished, detail);
    }
    match (&job.error, job.status) {
        (Some(error), Status::Failed) => Problem::new(
            Code::NoResult,
            format_args!("the job failed before any item was finished: {}", error.message),
        ),
        (_, status) => Problem::new(
            Code::NoResult,
            format_args!("the job is {status}, and none of its items was finished before"),
        ),
    }
}

/// What became of every item.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Result, example = samples::result)]
pub struct ResultDocument {
    /// The items, in the order in which they were submitted.
    pub items: Vec<ItemResult>,
}

/// What became of one item.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ItemResult {
    /// The item's place in the submission, from 0.
    pub index: u32,
    /// Whether there is an output or an error.
    pub status: ItemStatus,
    /// What the model made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// Numbers of the files that belong to it, as in the job's `files`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<u32>,
    /// Whether the output was kept from an earlier answer to the same; left out where it was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub cached: bool,
    /// Why there is no output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// Whether an item has an output or an error.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// It has an output.
    Succeeded,
    /// It has an error.
    Failed,
}
