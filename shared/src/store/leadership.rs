//! Who does what must be done once.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;

/// Named leases, for what one replica at a time may do.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Takes or keeps the lease `name` for `holder`. `false`: another holds it.
    async fn lead(&self, name: &str, holder: &str, life: Duration) -> StoreResult<bool>;

    /// Gives the lease up, so that the next need not wait for it to lapse.
    async fn resign(&self, name: &str, holder: &str) -> StoreResult<()>;

    /// Forgets leases that have lapsed: who died holding one whose name nobody takes again leaves it. Answers how many.
    async fn forget_lapsed(&self) -> StoreResult<u64>;
}
