//! `DELETE /v1/jobs/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use forebay_shared::job::{Job, Status};
use forebay_shared::segment;
use forebay_shared::store::DeleteOutcome;
use futures::TryStreamExt;

use super::cancel::stop;
use super::{Id, job_not_found};
use crate::auth::Writer;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::{App, State as AppState};
use crate::submission::place::folder;

/// Delete a job
///
/// The job, its inputs and its result are gone for good. A queued job is cancelled first; a running one must be cancelled
/// by you.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "delete_job",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 204, description = "The job is gone"),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The job is running, or is a slice of a bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let job = app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
    if job.bulk.is_some() {
        return Err(Problem::new(Code::SliceOfBulk, "the job is a slice of a bulk, and goes with it"));
    }
    if job.status == Status::Queued {
        // Whoever waits for it hears of its end; a deleted row tells nobody anything.
        stop(&app, &owner, id, "cancelled").await?;
    }
    match app.parts.store.delete(&owner, id).await? {
        DeleteOutcome::Deleted => {
            clean(&app, &job).await;
            Ok(StatusCode::NO_CONTENT)
        }
        DeleteOutcome::Running => Err(Problem::new(Code::JobRunning, "the job is running; cancel it first")),
        DeleteOutcome::Unknown => Err(job_not_found()),
    }
}

/// Removes the job's bytes now. What cannot be removed is noted in the store, and the scheduler does it.
async fn clean(app: &AppState, job: &Job) {
    let (store, blobs) = (&*app.parts.store, &app.parts.blobs);
    if let Some(at) = &job.result
        && let Err(error) = segment::clean(store, blobs, &at.segment).await
    {
        tracing::warn!(%error, job.id = %job.id, "a deleted job's result is left to the scheduler");
    }
    let inputs: Result<Vec<_>, _> = blobs.list(&folder(job.id)).map_ok(|entry| entry.key).try_collect().await;
    let removed = async {
        let mut keys = inputs?;
        keys.extend(job.files.iter().map(|file| file.key.clone()));
        blobs.delete(&keys).await.map(|()| keys)
    };
    match removed.await {
        Ok(keys) if keys.is_empty() => {}
        Ok(keys) => {
            if let Err(error) = store.forget_garbage(&keys).await {
                tracing::debug!(%error, "removed objects are removed once more later");
            }
        }
        Err(error) => {
            tracing::warn!(%error, job.id = %job.id, "a deleted job's files are left to the scheduler");
        }
    }
}
