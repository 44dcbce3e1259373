//! `POST /v1/schedules`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::schedule::Missed;
use forebay_shared::store::ScheduleTerms;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{ScheduleView, url};
use super::{LONGEST_BODY, done, terms};
use crate::auth::Submitter;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::submission::Submission;
use crate::{body, samples};

/// Make a schedule
///
/// From now on, each tick of the cron expression submits a job, exactly once. Where the hour is left open (`*`, `*/n`),
/// ticks go by the time that passes; where hours are named, each comes once a day: one that the change to summer time
/// leaves out comes when the gap ends, of one that comes twice the first counts.
#[utoipa::path(
    post,
    path = "/v1/schedules",
    tag = "schedules",
    operation_id = "create_schedule",
    request_body = NewSchedule,
    responses(
        (status = 201, description = "The schedule ticks", body = ScheduleView, headers(
            ("Location" = String, description = "Where the schedule is"),
        )),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or there are too many schedules", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let wish: NewSchedule = body::read(&app, request, "schedule", LONGEST_BODY).await?;
    let time_zone = wish.time_zone.unwrap_or_else(|| "UTC".to_owned());
    let clockwork = terms::clockwork(&app, &wish.cron, &time_zone)?;
    let terms = ScheduleTerms {
        name: terms::name(wish.name)?,
        cron: wish.cron,
        time_zone,
        template: terms::template(&app, &submitter, wish.template).await?,
        paused: wish.paused.unwrap_or_default(),
        missed: wish.missed.unwrap_or_default(),
    };
    let (store, id, most) = (&app.parts.store, app.parts.ids.schedule(), app.config.limits.max_schedules);
    let next_at = terms::next_at(&app, &clockwork, terms.paused);
    let outcome = store.create_schedule(id, &submitter.owner, &terms, next_at, most).await?;
    let schedule = done(&app, &terms.name, outcome)?;
    let view = Json(ScheduleView::new(&app, schedule));
    Ok((StatusCode::CREATED, [(header::LOCATION, url(id))], view).into_response())
}

/// What is to be submitted, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = samples::new_schedule)]
pub struct NewSchedule {
    /// A name of your own, unique among your schedules.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Five fields (minute, hour, day, month, weekday), or six with seconds before them; or `@hourly`, `@daily`, `@weekly`,
    /// `@monthly`, `@yearly`.
    cron: String,
    /// The IANA name of the time zone; `UTC` by default.
    #[serde(default)]
    time_zone: Option<String>,
    /// What to submit: the body of `POST /v1/jobs`. Its inputs must fit in 16 KiB; pictures may be named by URL. What it
    /// says of time are durations, counted from the tick.
    template: Submission,
    /// What becomes of ticks that nobody was there to see: the latest of them fires (`once`, the default), all of them do,
    /// but at most the latest hundred (`all`), or none (`skip`). A tick is missed if a later one is due already, or after a
    /// minute.
    #[serde(default)]
    missed: Option<Missed>,
    /// Whether it rests until it is resumed.
    #[serde(default)]
    paused: Option<bool>,
}
