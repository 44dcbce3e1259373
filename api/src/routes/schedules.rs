//! Schedules: what their endpoints share.

pub mod change;
pub mod create;
pub mod delete;
pub mod firing;
pub mod firings;
pub mod get;
pub mod list;
mod page;
pub mod pause;
pub mod resume;
pub mod run;
mod terms;
mod view;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_shared::config::Size;
use forebay_shared::id::ScheduleId;
use forebay_shared::schedule::Schedule;
use forebay_shared::store::ScheduleOutcome;

use crate::problem::{Code, Problem};
use crate::routes::segment::segment;
use crate::state::{App, State};

/// A schedule's body: the inputs that a row takes, and their pictures' base64, fit many times.
const LONGEST_BODY: Size = Size::new(1 << 20);

/// The owner has no such schedule; whose it is otherwise stays unsaid.
pub fn schedule_not_found() -> Problem {
    Problem::new(Code::ScheduleNotFound, "there is no such schedule")
}

/// The schedule that was made or changed, or why not.
fn done(app: &State, name: &str, outcome: ScheduleOutcome) -> Result<Schedule, Problem> {
    match outcome {
        ScheduleOutcome::Done(schedule) => Ok(*schedule),
        ScheduleOutcome::NameTaken => {
            let detail = format_args!("there is a schedule named `{name}` already");
            Err(Problem::new(Code::NameTaken, detail).at("name"))
        }
        ScheduleOutcome::TooMany => {
            let limit = app.config.limits.max_schedules;
            let detail = format_args!("there are {limit} schedules already, which is the limit");
            Err(Problem::new(Code::TooManySchedules, detail).limit(u64::from(limit)))
        }
        ScheduleOutcome::Stale => {
            Err(Problem::new(Code::ScheduleChanged, "somebody else changed the schedule at the same time"))
        }
    }
}

/// The schedule's id in the path.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub ScheduleId);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let invalid = || {
            Problem::new(Code::InvalidId, "`id` in the path must be a schedule's id, which is a UUID")
                .at("id")
        };
        let id = segment(parts, app, "id").await;
        id.and_then(|id| id.parse().ok()).map(Self).ok_or_else(invalid)
    }
}
