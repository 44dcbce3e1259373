//! Statements that are repeated until they find little.

use std::future::Future;

use forebay_shared::store::StoreResult;

use crate::Chores;

impl Chores {
    /// Repeats a statement that deals with at most so many rows until it finds fewer, or until a soft stop. What cannot be
    /// done now is tried again with the next tick; `what` says it in the log.
    pub(crate) async fn in_rounds<F, R>(&self, most: u32, what: &str, mut round: F)
    where
        F: FnMut() -> R,
        R: Future<Output = StoreResult<u64>>,
    {
        loop {
            match round().await {
                Ok(found) if found < u64::from(most) || self.parts.tasks.is_stopping() => return,
                Ok(_) => {}
                Err(error) => return tracing::warn!(%error, "{what} at the moment"),
            }
        }
    }
}
