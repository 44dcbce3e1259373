//! The catalogue: models that workers have announced.

use async_trait::async_trait;

use super::StoreResult;
use crate::model::{Model, ModelCard};
use crate::registry::ContentDigest;

/// The catalogue of models. It outlives workers, so that work for them can be accepted while none runs.
#[async_trait]
pub trait Models: Send + Sync {
    /// Records what a worker serves; the latest word about a name stands.
    async fn announce(&self, cards: &[ModelCard]) -> StoreResult<()>;

    /// Records what a worker serves of the registry, if the name still means these files to the card's owner. `false`: it means
    /// something else by now, or nothing, and what clients are told is left as it is.
    async fn announce_registered(&self, card: &ModelCard, digest: ContentDigest) -> StoreResult<bool>;

    /// Every model, by name, with how many living workers serve it.
    async fn models(&self) -> StoreResult<Vec<Model>>;
}
