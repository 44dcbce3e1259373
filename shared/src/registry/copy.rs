//! Another name for a model.

use super::{Registrar, check_name};
use crate::store::{CopyOutcome, StoreError};

impl Registrar {
    /// Makes the name `to` mean what the name `from` means to this owner, its own before everybody's. The copy is the owner's.
    pub async fn copy(&self, owner: Option<&str>, from: &str, to: &str) -> Result<CopyOutcome, CopyError> {
        check_name(to)?;
        let Some(original) = self.store.registered(owner, from).await? else {
            return Ok(CopyOutcome::Unknown);
        };
        if self.is_full(owner, to).await? {
            return Err(CopyError::TooManyModels { limit: self.limits.max_models });
        }
        Ok(self.store.copy_model((original.owner.as_deref(), from), (owner, to)).await?)
    }
}

/// Why a model was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// No model can be called that.
    #[error(transparent)]
    Name(#[from] super::NameError),
    /// Its owner has as many models as it may.
    #[error("an owner has at most {limit} models (registry.max_models); delete one first")]
    TooManyModels {
        /// So many.
        limit: u32,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
