//! `POST /tasks`

use axum::extract::{Request, State};
use axum::response::Response;
use forebay_dialects::images;
use utoipa::ToSchema;

use super::{ImageBody, ImageError, ImageForm, picture};
use crate::auth::Submitter;
use crate::call::{self, result};
use crate::problem::{Problem, Surface};
use crate::routes::jobs::submit::{Wishes, enter, refused};
use crate::state::App;

/// Submit a picture
///
/// A task is a job, and `task_id` its id: `/v1/jobs/{id}` knows it too. Send the picture as a file, as JSON, or name the `url`
/// of one and send no body.
#[utoipa::path(
    post,
    path = "/tasks",
    tag = "images",
    operation_id = "create_task",
    request_body(content(
        (ImageForm = "multipart/form-data"),
        (ImageBody = "application/json"),
    )),
    params(
        ("url" = Option<String>, Query, description = "Where the picture can be fetched, instead of a body"),
        ("model" = Option<String>, Query, description = "The model's name or an alias, unless the body says it"),
        ("Idempotency-Key" = Option<String>, Header, description = "1…255 visible ASCII characters. A repeated submission under the same key answers with the first task"),
    ),
    responses(
        (status = 200, description = "The task is accepted", body = TaskAccepted, headers(
            ("x-forebay-job" = String, description = "The job that it is"),
        )),
        (status = 400, description = "The body is neither multipart nor JSON, or there is no picture, it is none, or it is too large", body = ImageError),
        (status = 404, description = "There is no such model", body = ImageError),
        (status = 408, description = "The body did not arrive in time", body = ImageError),
        (status = 409, description = "The idempotency key stands for another submission", body = ImageError),
        (status = 413, description = "The body is too large", body = ImageError),
        (status = 429, description = "Too much is waiting already", body = ImageError),
        (status = 503, description = "Ask again in a moment", body = ImageError),
    ),
)]
pub async fn create(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    taken(&app, submitter, request).await.inspect_err(refused)
}

async fn taken(app: &App, submitter: Submitter, request: Request) -> Result<Response, Problem> {
    let wishes = Wishes::read(app, request.headers())?;
    app.room.enter(app.parts.store.as_ref(), app.parts.clock.as_ref(), &submitter.owner).await?;
    let mut brought = picture::bring(app, &submitter.owner, request, wishes.is_keyed()).await?;
    brought.draft.metadata = call::came_in(Surface::Images);
    let placed = brought.place(app, &submitter.meter).await?;
    let entered = enter(app, submitter, &wishes, placed).await?;
    call::named(entered.job.id, result::respond(images::accepted(&entered.job)))
}

/// A task that was accepted.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct TaskAccepted {
    /// The task's id, which is its job's.
    task_id: String,
}
