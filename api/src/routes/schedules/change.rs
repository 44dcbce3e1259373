//! `PATCH /v1/schedules/{id}`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::id::ScheduleId;
use forebay_shared::schedule::{Missed, Schedule, Template};
use forebay_shared::store::{ScheduleOutcome, ScheduleTerms};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::ScheduleView;
use super::{Id, LONGEST_BODY, done, schedule_not_found, terms};
use crate::auth::Submitter;
use crate::body;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::submission::Submission;

/// How often a change is tried anew that crossed another.
const TRIES: usize = 3;

/// Change a schedule
///
/// What is not given stays. With another expression or zone, or when it is resumed, ticks count from now on.
#[utoipa::path(
    patch,
    path = "/v1/schedules/{id}",
    tag = "schedules",
    operation_id = "change_schedule",
    params(("id" = String, Path, format = Uuid, description = "The schedule")),
    request_body = ScheduleChange,
    responses(
        (status = 200, description = "The schedule as it stands now", body = ScheduleView),
        (status = 400, description = "The id is not valid, or the body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule, or no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or others change the schedule too", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn change(
    State(app): State<App>,
    submitter: Submitter,
    Id(id): Id,
    request: Request,
) -> Result<Json<ScheduleView>, Problem> {
    let wish: ScheduleChange = body::read(&app, request, "change", LONGEST_BODY).await?;
    let template = match wish.template {
        Some(template) => Some(terms::template(&app, &submitter, template).await?),
        None => None,
    };
    let change = Change {
        name: wish.name.map(terms::name).transpose()?,
        cron: wish.cron,
        time_zone: wish.time_zone,
        template,
        missed: wish.missed,
        paused: wish.paused,
    };
    apply(&app, &submitter.owner, id, &change).await
}

/// What shall be otherwise, checked as far as that is possible without the rest.
#[derive(Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub cron: Option<String>,
    pub time_zone: Option<String>,
    pub template: Option<Template>,
    pub missed: Option<Missed>,
    pub paused: Option<bool>,
}

/// Makes a change, whatever else is changed meanwhile.
pub async fn apply(
    app: &App,
    owner: &str,
    id: ScheduleId,
    change: &Change,
) -> Result<Json<ScheduleView>, Problem> {
    let store = &app.parts.store;
    let mut tries = 1;
    loop {
        let read = store.schedule(owner, id).await?.ok_or_else(schedule_not_found)?;
        let terms = change.over(&read);
        let same_clock = (&terms.cron, &terms.time_zone) == (&read.cron, &read.time_zone);
        let next_at = if same_clock && terms.paused == read.paused {
            None
        } else {
            let clockwork = terms::clockwork(app, &terms.cron, &terms.time_zone)?;
            Some(terms::next_at(app, &clockwork, terms.paused))
        };
        let outcome = store.change_schedule(&read, &terms, next_at).await?;
        if outcome != ScheduleOutcome::Stale || tries == TRIES {
            return Ok(Json(ScheduleView::new(app, done(app, &terms.name, outcome)?)));
        }
        tries += 1;
    }
}

impl Change {
    fn over(&self, read: &Schedule) -> ScheduleTerms {
        ScheduleTerms {
            name: self.name.clone().unwrap_or_else(|| read.name.clone()),
            cron: self.cron.clone().unwrap_or_else(|| read.cron.clone()),
            time_zone: self.time_zone.clone().unwrap_or_else(|| read.time_zone.clone()),
            template: self.template.clone().unwrap_or_else(|| read.template.clone()),
            paused: self.paused.unwrap_or(read.paused),
            missed: self.missed.unwrap_or(read.missed),
        }
    }
}

/// What shall be otherwise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleChange {
    /// Another name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// Other ticks.
    #[serde(default)]
    cron: Option<String>,
    /// Another time zone.
    #[serde(default)]
    time_zone: Option<String>,
    /// Another template, as a whole.
    #[serde(default)]
    template: Option<Submission>,
    /// What becomes of missed ticks.
    #[serde(default)]
    missed: Option<Missed>,
    /// Whether it rests.
    #[serde(default)]
    paused: Option<bool>,
}
