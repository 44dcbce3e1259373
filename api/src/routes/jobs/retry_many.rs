//! `POST /v1/jobs/retry`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::store::Again;
use serde::Serialize;
use utoipa::ToSchema;

use super::chunks::{CHUNK, Chunks};
use super::filter::FilterBody;
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Retry many jobs
///
/// Those that failed, were cancelled or have expired by now run again, as by `POST /v1/jobs/{id}/retry`, without
/// deadlines. If it takes longer than 20 seconds, `more` says that jobs are left: ask again.
#[utoipa::path(
    post,
    path = "/v1/jobs/retry",
    tag = "jobs",
    operation_id = "retry_jobs",
    request_body = FilterBody,
    responses(
        (status = 200, description = "How many are queued again", body = Retried),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn retry_many(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Json<Retried>, Problem> {
    let filter = FilterBody::read(&app, &owner, request).await?;
    // One that ends anew while this goes on is not meant.
    let again = Again { ended_by: app.parts.store.now(), start_by: None, finish_by: None };
    let (mut chunks, mut retried) = (Chunks::begin(), 0);
    while let Some(jobs) = chunks.next(app.parts.store.retry_all(&owner, &filter, again, CHUNK)).await? {
        retried += jobs.len() as u64;
    }
    app.parts.filler.ask_everywhere();
    Ok(Json(Retried { retried, more: chunks.more() }))
}

/// How many jobs run again.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Retried {
    /// Jobs that are queued again.
    retried: u64,
    /// Whether jobs are left because it took too long.
    more: bool,
}
