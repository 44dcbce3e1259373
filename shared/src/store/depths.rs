//! What stands on routes, in all or before one job.

use async_trait::async_trait;

use super::{Route, StoreResult};
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;

/// Jobs before one that waits are counted up to so many.
pub const COUNTED: u64 = 1000;

/// How much stands on a route: for metrics and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Which one.
    pub route: Route,
    /// Jobs in status `queued`.
    pub queued: u64,
    /// Jobs in status `running`.
    pub running: u64,
    /// Since when the oldest of the queued could have run.
    pub oldest: Option<Timestamp>,
}

/// What stands before a queued job in its own line: jobs of the same owner and key on the same route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Where it waits.
    pub route: Route,
    /// Whose it is.
    pub owner: String,
    /// Submitted with which key; zeros for none.
    pub key: KeyId,
    /// What it costs itself.
    pub own: Cost,
    /// How many jobs stand before it, up to [`COUNTED`].
    pub jobs: u64,
    /// What those cost.
    pub cost: Cost,
    /// Whether there may be more of them.
    pub at_least: bool,
}

/// What stands on routes.
#[async_trait]
pub trait Depths: Send + Sync {
    /// What stands before the owner's job in its own line; `None` if it is not queued.
    async fn ahead(&self, owner: &str, id: JobId) -> StoreResult<Option<Ahead>>;

    /// How much stands on every route that has anything.
    async fn depths(&self) -> StoreResult<Vec<Depth>>;
}
