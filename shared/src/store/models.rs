//! The catalogue: models that workers have announced.

use async_trait::async_trait;

use super::StoreResult;
use crate::model::{Model, ModelCard};

/// The catalogue of models. It outlives workers, so that work for them can be accepted while none runs.
#[async_trait]
pub trait Models: Send + Sync {
    /// Records what a worker serves; the latest word about a name stands.
    async fn announce(&self, cards: &[ModelCard]) -> StoreResult<()>;

    /// Forgets a model that no living worker serves. `false`: one does, or nobody had announced it.
    async fn withdraw(&self, name: &str) -> StoreResult<bool>;

    /// Every model, by name, with how many living workers serve it.
    async fn models(&self) -> StoreResult<Vec<Model>>;
}
