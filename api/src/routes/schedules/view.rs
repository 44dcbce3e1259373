//! A schedule, as clients see it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_shared::clock::Timestamp;
use forebay_shared::id::ScheduleId;
use forebay_shared::job::{Class, ImageSource, Input, Item, Object};
use forebay_shared::schedule::{Missed, Schedule, Template};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::samples;
use crate::state::State;
use crate::submission::ItemBody;

/// Ticks that are told ahead.
const AHEAD: usize = 5;

/// A schedule as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule, example = samples::schedule)]
pub struct ScheduleView {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: ScheduleId,
    /// `schedule`
    object: &'static str,
    /// The client's name for it.
    name: String,
    /// When it ticks.
    cron: String,
    /// On whose clock.
    time_zone: String,
    /// What becomes of missed ticks.
    missed: Missed,
    /// Whether it rests.
    paused: bool,
    /// What it submits.
    template: TemplateView,
    /// The next five ticks; none while it rests.
    #[schema(value_type = Vec<String>, format = DateTime)]
    next: Vec<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Where to go from here.
    urls: ScheduleUrls,
}

/// What a schedule submits, as it was understood.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
struct TemplateView {
    /// The model's name or alias, as it was given: it is looked up at each firing.
    model: String,
    /// The items.
    #[schema(value_type = Vec<ItemBody>)]
    inputs: Vec<Value>,
    /// Parameters for every item.
    #[schema(value_type = Object)]
    params: Object,
    /// Which of the model's two queues.
    class: Class,
    /// −10…10.
    priority: i16,
    /// The client's own words. Each job has the schedule's id among its own, as `schedule`.
    #[schema(value_type = Object)]
    metadata: Object,
    /// How many failed attempts end a job.
    max_attempts: u16,
    /// How long a job is kept once it has ended, in seconds by outcome.
    retention: RetentionView,
    /// A job that has not begun so many seconds after its tick expires.
    start_within: Option<u64>,
    /// A job that has not ended so many seconds after its tick expires.
    finish_within: Option<u64>,
}

/// How long a job is kept once it has ended, in seconds.
#[derive(Debug, Serialize, ToSchema)]
struct RetentionView {
    /// After it succeeded.
    succeeded: u64,
    /// After it failed.
    failed: u64,
    /// After it was cancelled.
    cancelled: u64,
    /// After a deadline passed.
    expired: u64,
}

/// Where to go from a schedule.
#[derive(Debug, Serialize, ToSchema)]
struct ScheduleUrls {
    /// `GET`, `PATCH` or `DELETE` the schedule.
    #[serde(rename = "self")]
    this: String,
    /// `GET` what became of its ticks.
    firings: String,
    /// `POST` to submit a job now.
    run: String,
    /// `POST` to let it rest.
    pause: String,
    /// `POST` to let it tick again.
    resume: String,
    /// `GET` its jobs of the last 24 hours.
    jobs: String,
}

impl ScheduleView {
    /// The schedule, with the ticks to come.
    pub fn new(app: &State, schedule: Schedule) -> Self {
        let clockwork = schedule.clockwork().ok().filter(|_| !schedule.paused);
        let next = clockwork.map(|clockwork| clockwork.upcoming(app.parts.store.now(), AHEAD));
        let (this, id) = (url(schedule.id), schedule.id);
        Self {
            id,
            object: "schedule",
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            missed: schedule.missed,
            paused: schedule.paused,
            template: TemplateView::from(schedule.template),
            next: next.unwrap_or_default(),
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
            urls: ScheduleUrls {
                firings: format!("{this}/firings"),
                run: format!("{this}/run"),
                pause: format!("{this}/pause"),
                resume: format!("{this}/resume"),
                jobs: format!("/v1/jobs?metadata.schedule={id}"),
                this,
            },
        }
    }
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            model: template.model,
            inputs: template.items.into_iter().map(item).collect(),
            params: template.params,
            class: template.class,
            priority: template.priority,
            metadata: template.metadata,
            max_attempts: template.max_attempts,
            retention: RetentionView {
                succeeded: template.keep.succeeded.as_secs(),
                failed: template.keep.failed.as_secs(),
                cancelled: template.keep.cancelled.as_secs(),
                expired: template.keep.expired.as_secs(),
            },
            start_within: template.start_within.map(|span| span.as_secs()),
            finish_within: template.finish_within.map(|span| span.as_secs()),
        }
    }
}

/// An item as a client would write it.
fn item(item: Item) -> Value {
    let mut body = match item.input {
        Input::Text(text) => json!({"text": text}),
        Input::Pair { text, text_pair } => json!({"text": text, "text_pair": text_pair}),
        Input::Tokens(tokens) => json!({"tokens": tokens}),
        Input::Tensors(tensors) => json!({"tensors": tensors}),
        Input::Image(ImageSource::Inline(bytes)) => json!({"image": {"base64": BASE64.encode(bytes)}}),
        Input::Image(ImageSource::Url(url) | ImageSource::Blob(url)) => json!({"image": {"url": url}}),
    };
    if !item.params.is_empty() {
        body["params"] = Value::Object(item.params);
    }
    body
}

/// Where a schedule is.
pub fn url(id: ScheduleId) -> String {
    format!("/v1/schedules/{id}")
}
