//! `PUT /v1/jobs/{id}`

use axum::extract::{Request, State};
use axum::response::Response;

use super::submit::{self, MultipartSubmission};
use super::{JobView, OwnId};
use crate::auth::Submitter;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::submission::Submission;

/// Submit a job under an id of your own
///
/// The id is unique among your jobs, as long as the job is kept. Sending the same submission again answers with the job as
/// it stands; with `Prefer: wait=<seconds>` it waits for it to end. Every path of a job takes your id in place of ours.
#[utoipa::path(
    put,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "put_job",
    params(
        ("id" = String, Path, description = "1…128 characters of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`; not a UUID", example = "order-4711"),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`, 0…60: wait for the job to end", example = "wait=10"),
        ("Cancel-After" = Option<String>, Header, description = "The same as `finish_by`", example = "1m"),
    ),
    request_body(
        content(
            (Submission = "application/json"),
            (MultipartSubmission = "multipart/form-data"),
        ),
        description = "What is to be done, to which inputs, by which model",
    ),
    responses(
        (status = 200, description = "There is such a job already, from an equal submission", body = JobView),
        (status = 201, description = "The job was accepted and has ended", body = JobView),
        (status = 202, description = "The job is accepted", body = JobView),
        (status = 400, description = "The id is not valid, the body cannot be read, or a header is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id stands for another submission", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor multipart", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn put(
    State(app): State<App>,
    submitter: Submitter,
    OwnId(id): OwnId,
    request: Request,
) -> Result<Response, Problem> {
    submit::named(&app, submitter, id, request).await
}
