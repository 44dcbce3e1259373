//! `POST /v1/models/pull`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::job::Kind;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Submitter;
use crate::call::named;
use crate::problem::{Problem, Surface};
use crate::registry::pull::{self, Wanted};
use crate::routes::jobs::{JobView, url};
use crate::routes::openai::OpenAiError;
use crate::state::App;
use crate::{body, prefer};

/// Pull a model
///
/// From the hub that the service is configured with. It is a job like any other, whose progress is among its events; a download
/// that is broken off goes on where it was. With keys, the model is the key's owner's; without, everybody's.
#[utoipa::path(
    post,
    path = "/v1/models/pull",
    tag = "models",
    operation_id = "pull_model",
    request_body = PullRequest,
    responses(
        (status = 202, description = "The job is accepted", body = JobView, headers(
            ("Location" = String, description = "Where the job is"),
            ("Retry-After" = u32, description = "When to ask again, in seconds"),
            ("x-forebay-job" = String, description = "The job"),
        )),
        (status = 400, description = "The body cannot be read, or a field is not valid", body = OpenAiError),
        (status = 409, description = "There are as many models as may be", body = OpenAiError),
        (status = 413, description = "The body is too large, or there is no room left", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
    ),
)]
pub async fn pull(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let asked: PullRequest = body::read(&app, request, "request", app.config.limits.max_body).await?;
    let wanted = Wanted::read(Surface::Native, &asked.model, asked.name)?;
    let job = pull::submit(&app, submitter, wanted, &headers).await?;
    let id = job.id;
    let location = HeaderValue::try_from(url(id)).expect("an id is made of digits and dashes");
    let place = [(header::LOCATION, location), prefer::ask_again()];
    let view = Json(JobView::new(job, Some(Kind::ModelPull)));
    named(id, Ok((StatusCode::ACCEPTED, place, view).into_response()))
}

/// What is to be brought in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PullRequest {
    /// `org/name`, with `:` and a precision or a file where the hub has several graphs, and `@` and a revision if not the
    /// latest is meant.
    model: String,
    /// What it is to be called; as the hub calls it, if nothing is said.
    name: Option<String>,
}
