//! How much waits, kept as sums so that no bound needs a count.

use async_trait::async_trait;

use super::{Route, StoreResult};
use crate::id::KeyId;
use crate::job::Cost;

/// Changes that are folded at once, so that one statement locks few rows.
pub(super) const FOLDED: i64 = 10_000;

/// What waits of one owner and one key on a route, handed over or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Where.
    pub route: Route,
    /// Whose.
    pub owner: String,
    /// Submitted with which key; zeros for none.
    pub key: KeyId,
    /// How many jobs.
    pub jobs: u64,
    /// What they cost.
    pub cost: Cost,
}

/// Sums of what waits.
#[async_trait]
pub trait Loads: Send + Sync {
    /// What waits, by route, owner and key. It costs as much as there are of those, not as there are jobs.
    async fn loads(&self) -> StoreResult<Vec<Load>>;

    /// Folds the changes of what waits into their sums; answers with how many changes there were.
    async fn fold_loads(&self) -> StoreResult<u64>;
}
