//! `POST /v1/schedules/{id}/run`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use forebay_shared::schedule::Fired;

use super::firing::FiringView;
use super::{Id, schedule_not_found};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::rates::Meter;
use crate::routes::jobs::url as job_url;
use crate::state::App;
use crate::submit;

/// Run a schedule now
///
/// Submits a job from its template at once, whether it rests or not. Its ticks come as they would have. The firing stands
/// in the history as a manual one, also if the template makes no job any more.
#[utoipa::path(
    post,
    path = "/v1/schedules/{id}/run",
    tag = "schedules",
    operation_id = "run_schedule",
    params(("id" = String, Path, format = Uuid, description = "The schedule")),
    responses(
        (status = 201, description = "What it came to", body = FiringView, headers(
            ("Location" = String, description = "Where the job is, if there is one"),
        )),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn run(
    State(app): State<App>,
    Writer(owner): Writer,
    meter: Meter,
    Id(id): Id,
) -> Result<(StatusCode, HeaderMap, Json<FiringView>), Problem> {
    let (store, now) = (&app.parts.store, app.parts.store.now());
    let schedule = store.schedule(&owner, id).await?.ok_or_else(schedule_not_found)?;
    let model = app.parts.catalog.find(&owner, &schedule.template.model).await?;
    let job = schedule.template.job(app.parts.ids.job(), id, &owner, model.as_ref(), now);
    if let (Ok(job), Some(model)) = (&job, &model) {
        meter.charge(&app, job.cost).await?;
        submit::room(&app, job, model).await?;
    }
    let fired = job.map_or_else(Fired::Failed, |job| Fired::Job(Box::new(job)));
    let firing = store.fire_now(&owner, id, &fired).await?.ok_or_else(schedule_not_found)?;
    let mut headers = HeaderMap::new();
    if let Some(job) = firing.job {
        app.parts.filler.ask_everywhere();
        let location = HeaderValue::try_from(job_url(job)).expect("an id is made of digits and dashes");
        headers.insert(header::LOCATION, location);
    }
    Ok((StatusCode::CREATED, headers, Json(firing.into())))
}
