//! Schedules: made, changed, fired; and what became of each tick.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId};
use crate::schedule::{Fired, Firing, Missed, NewFiring, Schedule, Template};

/// What a client says of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleTerms {
    /// Unique among the owner's.
    pub name: String,
    /// When it ticks.
    pub cron: String,
    /// On whose clock.
    pub time_zone: String,
    /// What it submits.
    pub template: Template,
    /// Whether it rests.
    pub paused: bool,
    /// What becomes of missed ticks.
    pub missed: Missed,
}

/// What became of the wish for a new or another schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleOutcome {
    /// It stands like this now.
    Done(Box<Schedule>),
    /// The owner has another one of that name.
    NameTaken,
    /// The owner has as many as are allowed.
    TooMany,
    /// There is none, or none of that version any more.
    Stale,
}

/// Schedules. What a client asks for names the owner; what the scheduler does is guarded by version and tick.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Makes a schedule whose first tick is `next_at`, unless the owner has `most` of them.
    async fn create_schedule(
        &self,
        id: ScheduleId,
        owner: &str,
        terms: &ScheduleTerms,
        next_at: Option<Timestamp>,
        most: u32,
    ) -> StoreResult<ScheduleOutcome>;

    /// The owner's schedule.
    async fn schedule(&self, owner: &str, id: ScheduleId) -> StoreResult<Option<Schedule>>;

    /// The owner's schedules, newest first.
    async fn schedules(
        &self,
        owner: &str,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> StoreResult<Vec<Schedule>>;

    /// Gives the schedule other terms, if it is still the one that was read. Its next tick stays unless `next_at` says
    /// otherwise, since ticks are dealt with meanwhile.
    async fn change_schedule(
        &self,
        read: &Schedule,
        terms: &ScheduleTerms,
        next_at: Option<Option<Timestamp>>,
    ) -> StoreResult<ScheduleOutcome>;

    /// Removes the schedule with its history. Its jobs stay.
    async fn delete_schedule(&self, owner: &str, id: ScheduleId) -> StoreResult<bool>;

    /// Schedules whose next tick is not after `until`, the earliest first, whoever owns them.
    async fn schedules_until(&self, until: Timestamp, limit: u32) -> StoreResult<Vec<Schedule>>;

    /// Records what the ticks of a schedule came to, makes their jobs and moves its next tick, all or nothing. Answers
    /// with the jobs that were made; `None`: another was faster, or the client has changed the schedule.
    async fn fire(
        &self,
        read: &Schedule,
        firings: &[NewFiring],
        next_at: Option<Timestamp>,
    ) -> StoreResult<Option<Vec<JobId>>>;

    /// Records a firing that somebody asked for, and makes its job. `None`: the owner has no such schedule.
    async fn fire_now(&self, owner: &str, id: ScheduleId, fired: &Fired) -> StoreResult<Option<Firing>>;

    /// What became of the schedule's ticks, the latest first, from the one before `before` on.
    async fn firings(
        &self,
        owner: &str,
        id: ScheduleId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> StoreResult<Vec<Firing>>;

    /// Removes up to `limit` firings that are older than `before`. Answers how many.
    async fn forget_firings(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}
