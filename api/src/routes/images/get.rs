//! `GET /tasks/{task_id}`

use axum::extract::State;
use axum::response::Response;
use forebay_dialects::images;
use forebay_shared::job::Job;
use utoipa::ToSchema;

use super::ImageError;
use crate::auth::Reader;
use crate::call::{self, result};
use crate::problem::{Code, Problem};
use crate::routes::jobs::{TaskId, job_not_found};
use crate::state::App;

/// Ask after a task
///
/// A task is a job; any of the caller's jobs can be asked after here. The result of a model that makes pictures has their
/// links.
#[utoipa::path(
    get,
    path = "/tasks/{task_id}",
    tag = "images",
    operation_id = "get_task",
    params(("task_id" = String, Path, format = Uuid, description = "The task")),
    responses(
        (status = 200, description = "How the task stands", body = TaskView, headers(
            ("x-forebay-job" = String, description = "The job that it is"),
        )),
        (status = 404, description = "There is no such task", body = ImageError),
        (status = 503, description = "Ask again in a moment", body = ImageError),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    TaskId(id): TaskId,
) -> Result<Response, Problem> {
    let job = app.parts.store.job(&owner, id).await?.ok_or_else(job_not_found)?;
    call::named(id, told(&app, job).await)
}

async fn told(app: &App, job: Job) -> Result<Response, Problem> {
    let status = job.status;
    if !status.is_terminal() {
        return result::respond(images::standing(status, None));
    }
    match result::written(app, job, None, images::Reply::Task).await {
        // These tell how the job ended, and nothing is wrong with the question.
        Err(problem) if tells_the_end(problem.code()) => {
            result::respond(images::standing(status, Some(problem.detail())))
        }
        answered => answered,
    }
}

fn tells_the_end(code: Code) -> bool {
    matches!(code, Code::InputFailed | Code::JobFailed | Code::JobCancelled | Code::Timeout)
}

/// How a task stands.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct TaskView {
    /// Where it stands.
    status: TaskStatus,
    /// What the model made of the picture: what the job's result has as the item's `output`; pictures as `files` with
    /// `url`, `content_type` and `bytes`. If the task is completed.
    #[schema(value_type = Option<Object>)]
    result: Option<()>,
    /// Why it failed, if it did.
    error: Option<String>,
}

/// Where a task stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the dialect writes it")]
enum TaskStatus {
    /// It waits.
    Pending,
    /// It runs.
    Processing,
    /// It has a result.
    Completed,
    /// It has none, and will have none.
    Failed,
}
