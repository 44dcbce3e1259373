//! What became of a schedule's tick, as clients see it.

use forebay_shared::clock::Timestamp;
use forebay_shared::id::{JobId, ScheduleId};
use forebay_shared::schedule::{Firing, Unfit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::routes::jobs::url as job_url;
use crate::samples;

/// What became of a tick, or of a wish to run now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Firing, example = samples::firing)]
pub struct FiringView {
    /// `firing`
    object: &'static str,
    /// The schedule.
    #[schema(value_type = String, format = Uuid)]
    schedule: ScheduleId,
    /// The tick, or the instant at which somebody asked for it.
    #[schema(value_type = String, format = DateTime)]
    fire_at: Timestamp,
    /// When it was dealt with.
    #[schema(value_type = String, format = DateTime)]
    fired_at: Timestamp,
    /// Whether somebody asked for it.
    manual: bool,
    /// What it came to.
    outcome: FiringOutcome,
    /// The job that it made; it may be gone by now.
    #[schema(value_type = Option<String>, format = Uuid)]
    job: Option<JobId>,
    /// Where that job is.
    job_url: Option<String>,
    /// Why it made none.
    error: Option<Unfit>,
    /// From this tick on, earlier ones were missed and passed without firing.
    #[schema(value_type = Option<String>, format = DateTime)]
    passed_from: Option<Timestamp>,
}

/// What a firing came to.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FiringOutcome {
    /// A job.
    Submitted,
    /// None: the template makes none any more.
    Failed,
    /// None: the tick was missed, and the schedule skips those.
    Skipped,
}

impl From<Firing> for FiringView {
    fn from(firing: Firing) -> Self {
        Self {
            object: "firing",
            schedule: firing.schedule,
            fire_at: firing.fire_at,
            fired_at: firing.fired_at,
            manual: firing.manual,
            outcome: match (&firing.job, &firing.error) {
                (Some(_), _) => FiringOutcome::Submitted,
                (None, Some(_)) => FiringOutcome::Failed,
                (None, None) => FiringOutcome::Skipped,
            },
            job: firing.job,
            job_url: firing.job.map(job_url),
            error: firing.error,
            passed_from: firing.passed_from,
        }
    }
}
