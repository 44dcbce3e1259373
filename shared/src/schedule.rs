//! What is submitted again and again: a template, and the instants at which it becomes a job.
//!
//! Plain data and pure policy. The scheduler fires what is due; each firing has a row of its own by schedule and tick, so
//! however many replicas see a tick, it makes one job.

mod cron;
mod firing;
mod template;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::ScheduleId;
use crate::words::words;

pub use cron::{Cron, CronError, LONGEST};
pub use firing::{AT_MOST, Fired, Firing, GRACE, NewFiring, Plan, off_the_tick, plan};
pub use template::{SCHEDULE, Template, Unfit, UnfitCode};

/// What becomes of ticks that nobody was there to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing: the next tick is the next firing.
    Skip,
    /// The latest of them fires, for all.
    #[default]
    Once,
    /// Each of them fires; of more than a hundred the latest hundred.
    All,
}

words!(Missed, "policy for missed ticks", Skip = "skip", Once = "once", All = "all");

/// A schedule as its row tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub owner: String,
    /// The client's name for it, unique among the owner's.
    pub name: String,
    /// When it ticks.
    pub cron: String,
    /// On whose clock.
    pub time_zone: String,
    /// What it submits.
    pub template: Template,
    /// Whether it rests: ticks pass and are not missed.
    pub paused: bool,
    /// What becomes of missed ticks.
    pub missed: Missed,
    /// The first tick that has not been dealt with; none if there will be none, or while it rests.
    pub next_at: Option<Timestamp>,
    /// Grows with every change by the client.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the client changed it last.
    pub updated_at: Timestamp,
}

impl Schedule {
    /// When it ticks.
    pub fn clockwork(&self) -> Result<Cron, CronError> {
        Cron::parse(&self.cron, &self.time_zone)
    }
}
