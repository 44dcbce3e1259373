//! What a schedule's ticks come to.

use std::time::Duration;

use super::{Cron, Missed, Unfit};
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId};
use crate::job::NewJob;

/// How late a tick may be dealt with without being missed: longer than a database or a leader changes hands.
pub const GRACE: Duration = Duration::from_mins(1);
/// Missed ticks of one schedule that fire at most, so that a week's absence is no flood.
pub const AT_MOST: usize = 100;

/// What is to be done about the ticks that are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Those that fire, the earliest first.
    pub fire: Vec<Timestamp>,
    /// The one that stands for all that pass without firing, if even the latest does.
    pub skip: Option<Timestamp>,
    /// The first tick of those that pass without firing.
    pub passed_from: Option<Timestamp>,
    /// The tick after all these.
    pub next_at: Option<Timestamp>,
}

/// What is to be done at `now` about a schedule whose ticks from `first` on have not been dealt with. A tick is missed if
/// a later one is due as well, or if it is more than [`GRACE`] late.
pub fn plan(cron: &Cron, missed: Missed, first: Timestamp, now: Timestamp) -> Plan {
    let most = if missed == Missed::All { AT_MOST } else { 1 };
    let mut fire = cron.latest(first, now, most);
    let earliest = fire.first().copied();
    let late = fire.last().is_some_and(|latest| now.since(*latest) > GRACE);
    let skip = if missed == Missed::Skip && late { fire.pop() } else { None };
    let passed = skip.is_some() || earliest.is_some_and(|earliest| earliest > first);
    Plan { fire, skip, passed_from: passed.then_some(first), next_at: cron.next(now) }
}

/// A firing that is about to be recorded.
#[derive(Clone, Debug)]
pub struct NewFiring {
    /// The tick, or the instant at which somebody asked for it.
    pub fire_at: Timestamp,
    /// From this tick on, earlier ones passed without firing.
    pub passed_from: Option<Timestamp>,
    /// What it comes to.
    pub fired: Fired,
}

/// What a firing comes to.
#[derive(Clone, Debug)]
pub enum Fired {
    /// A job.
    Job(Box<NewJob>),
    /// None, because the template makes none any more.
    Failed(Unfit),
    /// None, because the tick was missed and is not made up for.
    Skipped,
}

impl Fired {
    /// The job, or why there is none.
    pub fn parts(&self) -> (Option<&NewJob>, Option<&Unfit>) {
        match self {
            Self::Job(job) => (Some(job), None),
            Self::Failed(unfit) => (None, Some(unfit)),
            Self::Skipped => (None, None),
        }
    }
}

/// The instant itself, or the next one if it could be a tick's: those are whole seconds.
pub fn off_the_tick(at: Timestamp) -> Timestamp {
    if at.micros() % 1_000_000 == 0 { at.plus(Duration::from_micros(1)) } else { at }
}

/// A firing as its row tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// Whose tick it is.
    pub schedule: ScheduleId,
    /// The tick, or the instant at which somebody asked for it.
    pub fire_at: Timestamp,
    /// When it was dealt with.
    pub fired_at: Timestamp,
    /// Whether somebody asked for it.
    pub manual: bool,
    /// From this tick on, earlier ones passed without firing.
    pub passed_from: Option<Timestamp>,
    /// The job that it made. It may be gone by now.
    pub job: Option<JobId>,
    /// Why it made none, if it was not a missed tick.
    pub error: Option<Unfit>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every ten minutes; `first` is noon. Says what becomes of the ticks by their minutes.
    fn minutes(missed: Missed, now_seconds: u64) -> (Vec<u64>, Option<u64>, Option<u64>, Option<u64>) {
        let cron = Cron::parse("*/10 * * * *", "UTC").unwrap();
        let noon = Timestamp::parse("2026-06-01T12:00:00Z").unwrap();
        let plan = plan(&cron, missed, noon, noon.plus(Duration::from_secs(now_seconds)));
        let minute = |at: Timestamp| at.since(noon).as_secs() / 60;
        (
            plan.fire.into_iter().map(minute).collect(),
            plan.skip.map(minute),
            plan.passed_from.map(minute),
            plan.next_at.map(minute),
        )
    }

    #[test]
    fn a_tick_that_is_seen_in_time_fires_under_every_policy() {
        for missed in [Missed::Skip, Missed::Once, Missed::All] {
            assert_eq!(minutes(missed, 0), (vec![0], None, None, Some(10)));
            assert_eq!(minutes(missed, 60), (vec![0], None, None, Some(10)));
        }
    }

    #[test]
    fn missed_ticks_follow_the_policy() {
        let late = 35 * 60;
        assert_eq!(minutes(Missed::Skip, late), (vec![], Some(30), Some(0), Some(40)));
        assert_eq!(minutes(Missed::Once, late), (vec![30], None, Some(0), Some(40)));
        assert_eq!(minutes(Missed::All, late), (vec![0, 10, 20, 30], None, None, Some(40)));
    }

    #[test]
    fn a_single_late_tick_is_missed_too() {
        assert_eq!(minutes(Missed::Skip, 61), (vec![], Some(0), Some(0), Some(10)));
        assert_eq!(minutes(Missed::Once, 61), (vec![0], None, None, Some(10)));
    }

    #[test]
    fn the_latest_fires_under_skip_if_it_is_seen_in_time() {
        assert_eq!(minutes(Missed::Skip, 30 * 60 + 5), (vec![30], None, Some(0), Some(40)));
    }

    #[test]
    fn a_long_absence_is_no_flood() {
        let (fire, skip, passed_from, next) = minutes(Missed::All, 7 * 24 * 3600);
        assert_eq!((fire.len(), skip, passed_from), (AT_MOST, None, Some(0)));
        assert_eq!((fire.last(), next), (Some(&(7 * 24 * 60)), Some(7 * 24 * 60 + 10)));
    }
}
