//! Limits that replicas share.

use async_trait::async_trait;

use super::StoreResult;
use crate::rate::{Ask, Lease};

/// What subjects have had of their limits, by the subject's name.
#[async_trait]
pub trait Rates: Send + Sync {
    /// Takes units of the subject's limit, as [`Ask::answer`] says. A name that was never seen has all of its limit.
    async fn lease_rate(&self, name: &str, ask: Ask) -> StoreResult<Lease>;

    /// Forgets subjects that have all of their limit again. Answers how many.
    async fn forget_idle_rates(&self) -> StoreResult<u64>;
}
