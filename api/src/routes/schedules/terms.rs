//! What a client says of a schedule, held against what is allowed.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::ItemsAt;
use forebay_shared::schedule::{Cron, CronError, SCHEDULE, Template};

use crate::auth::Submitter;
use crate::problem::{Code, Problem};
use crate::routes::jobs::ready::model;
use crate::state::{App, State};
use crate::submission::Submission;
use crate::submission::draft::{Draft, Rules};

/// Characters of a name at most.
const LONGEST_NAME: usize = 64;

/// A name for people and for listings.
pub fn name(name: String) -> Result<String, Problem> {
    let sane = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if sane {
        return Ok(name);
    }
    let detail =
        format_args!("`name` must have 1 to {LONGEST_NAME} characters, none of them a control character");
    Err(Problem::new(Code::InvalidField, detail).at("name").limit(LONGEST_NAME as u64))
}

/// When it ticks: often enough to be of use, and not too often.
pub fn clockwork(app: &State, cron: &str, time_zone: &str) -> Result<Cron, Problem> {
    let now = app.parts.store.now();
    let clockwork = Cron::parse(cron, time_zone).map_err(|error| match error {
        CronError::Expression { .. } => Problem::new(Code::InvalidCron, error).at("cron"),
        CronError::Zone(_) => Problem::new(Code::InvalidField, error).at("time_zone"),
    })?;
    if clockwork.next(now).is_none() {
        let detail = format_args!("`{cron}` never comes");
        return Err(Problem::new(Code::InvalidCron, detail).at("cron"));
    }
    let least = app.config.limits.schedule_interval;
    match clockwork.shortest(now) {
        Some(shortest) if shortest < least.get() => {
            let shortest = shortest.as_secs();
            let detail =
                format_args!("`{cron}` ticks every {shortest}s at times, the shortest interval is {least}");
            Err(Problem::new(Code::InvalidCron, detail).at("cron").limit(least.get().as_secs()))
        }
        _ => Ok(clockwork),
    }
}

/// What it submits: what `POST /v1/jobs` takes, and no more than a row holds.
pub async fn template(app: &App, submitter: &Submitter, body: Submission) -> Result<Template, Problem> {
    within_reach(app, submitter, body).await.map_err(|problem| problem.within("template"))
}

async fn within_reach(app: &App, submitter: &Submitter, body: Submission) -> Result<Template, Problem> {
    let model = model(app, &submitter.owner, &body.model).await?;
    let draft = body.check(model, &Rules::of(app), false)?;
    if draft.metadata.contains_key(SCHEDULE) {
        let detail = format_args!("`{SCHEDULE}` in the metadata is the schedule's own");
        return Err(Problem::new(Code::InvalidField, detail).at(format!("metadata.{SCHEDULE}")));
    }
    let (size, limit) = (ItemsAt::encode(&draft.items).len(), app.config.limits.inline_input);
    if size > limit.as_usize() {
        let detail = format_args!(
            "the inputs take {size} bytes as they are stored, the limit of a template is {limit}; name large pictures by \
             their URL"
        );
        return Err(Problem::new(Code::InvalidField, detail).at("inputs").limit(limit.bytes()));
    }
    write_down(app, submitter, draft)
}

fn write_down(app: &State, submitter: &Submitter, draft: Draft) -> Result<Template, Problem> {
    let (start_within, finish_within) = draft.times.spans()?;
    Ok(Template {
        model: draft.asked,
        class: draft.class,
        priority: draft.priority,
        max_attempts: draft.max_attempts,
        params: draft.params,
        metadata: draft.metadata,
        items: draft.items,
        keep: app.config.retention.terms().keep(&submitter.owner, draft.class, &draft.retention)?,
        start_within,
        finish_within,
        webhook: draft.webhook,
        key: submitter.key,
    })
}

/// The first tick from now on, unless the schedule rests.
pub fn next_at(app: &State, clockwork: &Cron, paused: bool) -> Option<Timestamp> {
    if paused { None } else { clockwork.next(app.parts.store.now()) }
}
