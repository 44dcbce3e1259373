//! Handing queued jobs to the broker: what is due, and what the broker has lost.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::handover::Advance;
use crate::id::JobId;
use crate::job::fair::Going;
use crate::job::{Class, Cost};

/// Jobs that are looked at first to hand some over, shared among those who wait; more if that was too few.
pub(super) const PREFIX: i64 = 128;
/// Jobs of one owner whose time has come that are looked at in one hand-over, so that one statement changes few rows.
pub(super) const WAKE: i64 = 128;

/// One of a model's two queues.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The model's own name.
    pub model: String,
    /// The class.
    pub class: Class,
}

/// How a route stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteState {
    /// Which one.
    pub route: Route,
    /// Cost of what was handed to the broker and not yet claimed.
    pub published: Cost,
    /// How many jobs were handed over longer ago than asked, and not yet claimed.
    pub overdue: u64,
    /// Whether jobs that are due wait for room.
    pub waiting: bool,
}

/// What a hand-over did, and how the route stands then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    /// The jobs to be handed over, in order.
    pub jobs: Vec<Due>,
    /// Cost of what was handed to the broker and not yet claimed, these jobs included.
    pub published: Cost,
    /// Whether jobs that are due wait for room, or for whatever else holds them up.
    pub waiting: bool,
    /// Owners whose jobs wait for room, and for nothing else.
    pub held_up: HashSet<String>,
    /// The route's virtual time before and after; `None`: nobody looked at what waits.
    pub clock: Option<Advance>,
}

impl Handed {
    /// These jobs of those that were chosen when the route's virtual time was `clock`.
    pub(super) fn new(jobs: Vec<Due>, chosen: Going<JobId>, clock: u64) -> Self {
        let clock = Advance { found: clock, left: chosen.clock };
        Self {
            jobs,
            published: chosen.out,
            waiting: chosen.left,
            held_up: chosen.held_up,
            clock: Some(clock),
        }
    }

    /// Nothing, while the queue is paused: whatever comes waits for it to be resumed.
    pub(super) fn paused() -> Self {
        Self { waiting: true, ..Self::default() }
    }
}

/// A job to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub id: JobId,
    /// Whose job it is.
    pub owner: String,
    /// W3C `traceparent` of its submission.
    pub trace: Option<String>,
}

/// Handing queued jobs to the broker. A job is marked when it is handed over; marks may be wrong, rows never are.
#[async_trait]
pub trait Handover: Send + Sync {
    /// How every route of every known model stands; what was handed over longer than `overdue` ago is counted.
    async fn routes(&self, overdue: Duration) -> StoreResult<Vec<RouteState>>;

    /// Marks and returns what is due on `route`, in the order of [`crate::job::fair`], until what is with the broker has
    /// used up `window`; never more than `limit`. Callers for one route go one after the other.
    async fn due(&self, route: &Route, window: Cost, limit: u32) -> StoreResult<Handed>;

    /// Clears the marks of jobs whose messages the broker did not take.
    async fn unpublish(&self, ids: &[JobId]) -> StoreResult<u64>;

    /// Clears the oldest marks on `route` that are older than `overdue`, leaving `kept` of those: the broker has no
    /// more messages than that, so the rest are lost.
    async fn recover(&self, route: &Route, overdue: Duration, kept: u64) -> StoreResult<u64>;
}
