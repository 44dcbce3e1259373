//! Wishes of what is in memory, and what workers have there.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::{Store, StoreResult};
use crate::id::WorkerId;
use crate::residency::{Loaded, Wish, Wished};

/// Wishes of what is in memory, and what workers have there.
#[async_trait]
pub trait Residency: Send + Sync {
    /// Records what is wished of the model with this name, instead of what was before.
    async fn wish(&self, model: &str, wish: Wish) -> StoreResult<()>;

    /// The latest wish about each model, by name.
    async fn wishes(&self) -> StoreResult<Vec<Wished>>;

    /// Tells the world which models the worker has in memory.
    async fn tell_loaded(&self, id: WorkerId, loaded: &BTreeMap<String, Loaded>) -> StoreResult<()>;
}

/// How soon it is looked whether a wish has come about; each look waits twice as long as the one before,
const SOON: Duration = Duration::from_millis(100);
/// up to this: many may wait for what does not come.
const LATER: Duration = Duration::from_secs(1);

/// Waits until a living worker has the model in memory, or none has. `false`: it took longer than `patience`.
pub async fn settled(
    store: &dyn Store,
    model: &str,
    is_loaded: bool,
    patience: Duration,
) -> StoreResult<bool> {
    let come_about = async {
        let mut pause = SOON;
        loop {
            let workers = store.workers().await?;
            if workers.iter().any(|worker| worker.loaded.contains_key(model)) == is_loaded {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LATER);
        }
    };
    tokio::time::timeout(patience, come_about).await.map_or(Ok(false), |come| come.map(|()| true))
}
