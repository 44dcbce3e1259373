//! Queues of models, which people stop and let go. A queue is both classes of a model, of all owners.

use std::time::Duration;

use async_trait::async_trait;

use super::{Handover, Route, StoreResult};
use crate::clock::Timestamp;
use crate::job::Class;

/// What was ordered of a model's queue.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QueueState {
    /// The model's own name.
    pub model: String,
    /// Since when nothing is handed over or claimed.
    pub paused_at: Option<Timestamp>,
    /// Since when nothing new is accepted.
    pub draining_at: Option<Timestamp>,
}

/// Orders to queues.
#[async_trait]
pub trait Queues: Send + Sync {
    /// From now on nothing of the model's is handed over or claimed. What runs goes on; what was handed over is taken
    /// back, so that it is handed over anew after [`Self::resume`].
    async fn pause(&self, model: &str) -> StoreResult<()>;

    /// From now on nothing new is accepted for the model. What is accepted runs to its end.
    async fn drain_queue(&self, model: &str) -> StoreResult<()>;

    /// Ends both. `false`: there was nothing to end.
    async fn resume(&self, model: &str) -> StoreResult<bool>;

    /// The queues that are paused or draining.
    async fn queues(&self) -> StoreResult<Vec<QueueState>>;
}

/// Clears the marks of all that was handed over of the model's.
pub(super) async fn take_back(store: &dyn Handover, model: &str) -> StoreResult<()> {
    for class in Class::ALL {
        store.recover(&Route { model: model.to_owned(), class }, Duration::ZERO, 0).await?;
    }
    Ok(())
}
